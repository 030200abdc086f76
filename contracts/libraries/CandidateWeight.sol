// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Classes} from "./Classes.sol";
import {SumTree} from "./SumTree.sol";

/// @title What a candidate weighs in the draw: stake x measured quality x reputation
/// @notice The same as `src/protocol/weight.ts`. Quality halves a weight at worst, reputation takes a quarter: neither can be
/// bought, and neither makes a candidate weigh more than its stake.
library CandidateWeight {
    /// @dev What the minimum stake weighs at the best quality and reputation.
    uint256 internal constant UNITS = 1_000;
    /// @dev Factors are in 256ths.
    uint256 private constant ONE = 256;
    uint256 private constant LEAST_QUALITY = 128;
    uint256 private constant LEAST_REPUTATION = 192;

    /// @notice floor(units x quality factor x reputation factor), units = 1,000 x stake / minimumStake, at most what a leaf holds.
    /// Zero stays zero; who must not be drawn is given a stake of zero.
    /// @param quality Class from 0 to 15: factor (128 + floor(128 x class / 15)) / 256.
    /// @param score Class from 0 to 15: factor (192 + floor(64 x class / 15)) / 256.
    function weightOf(
        uint256 stake,
        uint256 minimumStake,
        uint256 quality,
        uint256 score
    ) internal pure returns (uint256 weight) {
        uint256 units = (UNITS * stake) / minimumStake;
        if (units > SumTree.MAXIMUM_WEIGHT) units = SumTree.MAXIMUM_WEIGHT;
        uint256 qualityFactor = LEAST_QUALITY + ((ONE - LEAST_QUALITY) * quality) / Classes.BEST;
        uint256 reputationFactor = LEAST_REPUTATION + ((ONE - LEAST_REPUTATION) * score) / Classes.BEST;
        return (units * qualityFactor * reputationFactor) / (ONE * ONE);
    }
}

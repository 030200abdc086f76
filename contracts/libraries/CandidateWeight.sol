// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SumTree} from "./SumTree.sol";

/// @title What a candidate weighs in the draw
library CandidateWeight {
    /// @dev What the minimum stake weighs.
    uint256 internal constant UNITS = 1_000;

    /// @notice 1,000 x stake / minimumStake, at most what a leaf holds. Zero stays zero; who must not be drawn is given a stake of zero.
    function unitsOf(uint256 stake, uint256 minimumStake) internal pure returns (uint256 units) {
        units = (UNITS * stake) / minimumStake;
        if (units > SumTree.MAXIMUM_WEIGHT) units = SumTree.MAXIMUM_WEIGHT;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {CandidateWeight} from "../libraries/CandidateWeight.sol";
import {Classes} from "../libraries/Classes.sol";
import {Quorum} from "../libraries/Quorum.sol";

/// @title Gives tests the libraries that measure
contract MeasureHarness {
    uint256 public constant MINIMUM_OPEN_COMMITTEE = Quorum.MINIMUM_OPEN_COMMITTEE;

    function weightOf(uint256 stake, uint256 minimum, uint256 quality, uint256 score) external pure returns (uint256) {
        return CandidateWeight.weightOf(stake, minimum, quality, score);
    }

    function median(uint256[] calldata reports, uint256 position, uint256 except) external pure returns (uint256) {
        return Classes.median(reports, position, except);
    }

    function moved(uint256 before, uint256 measured) external pure returns (uint256) {
        return Classes.moved(before, measured);
    }
}

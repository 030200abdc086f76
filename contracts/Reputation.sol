// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {IMeasurement} from "./interfaces/IMeasurement.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {Classes} from "./libraries/Classes.sol";

/// @title What {IReputation} says
contract Reputation is IReputation, MeshContract {
    using Classes for uint256;

    /// @dev Where a newcomer begins.
    uint256 private constant NEUTRAL = 8;

    /// @inheritdoc IReputation
    IMeasurement public immutable measurement;
    /// @inheritdoc IReputation
    uint64 public lastEpoch;

    mapping(address account => Record) private _records;

    constructor(ITrustAnchor anchor_, IMeasurement measurement_) MeshContract(anchor_, anchor_.meshId()) {
        measurement = measurement_;
    }

    /// @inheritdoc IReputation
    function credit(uint64 epoch, address[] calldata committee) external {
        if (epoch <= lastEpoch) revert NotTheNext(epoch, lastEpoch);
        (bool isMeasured, uint256 classes, bytes32 committeeHash) = measurement.participation(epoch);
        if (!isMeasured) revert NotMeasured(epoch);
        if (keccak256(abi.encode(committee)) != committeeHash) revert WrongCommittee(epoch, committeeHash);

        lastEpoch = epoch;
        for (uint256 i = 0; i < committee.length; i++) {
            if (committee[i] == address(0)) continue;
            uint256 class = classes.classAt(i);
            Record storage record = _records[committee[i]];
            uint256 score = scoreOf(committee[i]).moved(class);

            record.score = uint8(score);
            record.epochs++;
            record.points += uint64(class);
            record.lastEpoch = epoch;
            emit Credited(committee[i], epoch, uint8(class), uint8(score));
        }
    }

    /// @inheritdoc IReputation
    function scoreOf(address account) public view returns (uint256) {
        Record storage record = _records[account];
        return record.epochs == 0 ? NEUTRAL : record.score;
    }

    /// @inheritdoc IReputation
    function recordOf(address account) external view returns (Record memory record) {
        record = _records[account];
        record.score = uint8(scoreOf(account));
    }
}

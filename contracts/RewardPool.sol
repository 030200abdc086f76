// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {IMeasurement} from "./interfaces/IMeasurement.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {Classes} from "./libraries/Classes.sol";

/// @title What {IRewardPool} says
contract RewardPool is IRewardPool, MeshContract {
    using Classes for uint256;

    uint256 private constant BASIS_POINTS = 10_000;

    /// @inheritdoc IRewardPool
    IMeasurement public immutable measurement;
    /// @inheritdoc IRewardPool
    uint64 public lastEpoch;
    /// @inheritdoc IRewardPool
    uint256 public unallotted;
    /// @inheritdoc IRewardPool
    uint256 public totalOwed;
    /// @inheritdoc IRewardPool
    mapping(address account => uint256 amount) public owed;

    constructor(ITrustAnchor anchor_, IMeasurement measurement_) MeshContract(anchor_, anchor_.meshId()) {
        measurement = measurement_;
    }

    /// @inheritdoc IRewardPool
    function payIn(uint64 grantId) external payable {
        _requireBps();
        if (msg.value == 0) revert NothingPaid();

        unallotted += msg.value;
        emit PaidIn(msg.sender, grantId, msg.value, unallotted);
    }

    /// @inheritdoc IRewardPool
    function allot(uint64 epoch, address[] calldata committee) external {
        uint256 bps = _requireBps();
        if (epoch <= lastEpoch) revert NotTheNext(epoch, lastEpoch);
        // Epochs that went by while the pool was empty are not paid from what comes in for later ones.
        uint64 current = measurement.groupKeys().epoch();
        if (epoch + 1 < current) revert TooLate(epoch, current);
        (bool isMeasured, uint256 classes, bytes32 committeeHash) = measurement.participation(epoch);
        if (!isMeasured) revert NotMeasured(epoch);
        if (keccak256(abi.encode(committee)) != committeeHash) revert WrongCommittee(epoch, committeeHash);

        uint256 budget = (unallotted * bps) / BASIS_POINTS;
        uint256 allotted = 0;
        for (uint256 i = 0; i < committee.length; i++) {
            uint256 amount = (budget * classes.classAt(i)) / (Classes.BEST * committee.length);
            if (amount == 0 || committee[i] == address(0)) continue;
            owed[committee[i]] += amount;
            allotted += amount;
            emit Earned(committee[i], epoch, amount);
        }
        if (allotted == 0) return;
        lastEpoch = epoch;
        unallotted -= allotted;
        totalOwed += allotted;
    }

    /// @inheritdoc IRewardPool
    function claim() external {
        uint256 amount = owed[msg.sender];
        if (amount == 0) revert NothingOwed(msg.sender);

        owed[msg.sender] = 0;
        totalOwed -= amount;
        emit Claimed(msg.sender, amount);

        (bool success, ) = msg.sender.call{value: amount}("");
        if (!success) revert TransferFailed(msg.sender, amount);
    }

    /// @dev What nobody could ever be given must not come in.
    function _requireBps() private view returns (uint256 bps) {
        ITrustAnchor.Parameters memory parameters = anchor.parameters();
        bps = parameters.rewardBps;
        if (bps == 0 || parameters.epochSeconds == 0 || parameters.probesPerEpoch == 0) revert RewardsOff();
    }
}

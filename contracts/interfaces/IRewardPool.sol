// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IMeasurement} from "./IMeasurement.sol";

/// @title Pays those who served, from what registrars pay in
/// @notice Where nobody pays in, nobody is owed anything. Of what is unallotted, the parameter rewardBps of the genesis goes to each
/// measured epoch, divided by what its members were seen to do; what a member missed stays in the pool. Nothing else leaves it.
interface IRewardPool {
    /// @notice `payer` paid `amount` in for a grant; `unallotted` is in the pool now.
    event PaidIn(address indexed payer, uint64 indexed grantId, uint256 amount, uint256 unallotted);
    /// @notice `account` earned `amount` for `epoch`.
    event Earned(address indexed account, uint64 indexed epoch, uint256 amount);
    /// @notice `account` took what it was owed.
    event Claimed(address indexed account, uint256 amount);

    /// @notice The mesh was founded without rewards: its parameter rewardBps is 0, or epochSeconds or probesPerEpoch is, without which
    /// nobody is measured.
    error RewardsOff();
    /// @notice No wei was sent.
    error NothingPaid();
    /// @notice `account` is owed nothing.
    error NothingOwed(address account);
    /// @notice Epochs are paid in ascending order, and `lastEpoch` was the last one.
    error NotTheNext(uint64 epoch, uint64 lastEpoch);
    /// @notice Only the epoch in office, `current`, and the one before it are paid.
    error TooLate(uint64 epoch, uint64 current);
    /// @notice The round of `epoch` is not settled, or had too few reports.
    error NotMeasured(uint64 epoch);
    /// @notice The accounts given are not the committee of `epoch`, whose hash is `expected`.
    error WrongCommittee(uint64 epoch, bytes32 expected);
    /// @notice `account` refused to be paid.
    error TransferFailed(address account, uint256 amount);

    /// @notice Pays the sent wei in. The grant is for the record: anyone may pay for any.
    function payIn(uint64 grantId) external payable;

    /// @notice Divides the part of a settled epoch among its members, if that is anything: the epoch in office or the one before it.
    /// Anyone.
    /// @param committee Of that epoch, in seat order.
    function allot(uint64 epoch, address[] calldata committee) external;

    /// @notice Pays the caller what it is owed.
    function claim() external;

    /// @notice Wei that `account` may claim.
    function owed(address account) external view returns (uint256);
    /// @notice Wei that no epoch was given yet.
    function unallotted() external view returns (uint256);
    /// @notice Wei owed to all together.
    function totalOwed() external view returns (uint256);
    /// @notice The last epoch that was paid.
    function lastEpoch() external view returns (uint64);
    /// @notice Where what members did is measured.
    function measurement() external view returns (IMeasurement);
}

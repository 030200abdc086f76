// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IMeasurement} from "./IMeasurement.sol";

/// @title What members did when they were in office, over time
/// @notice Each settled round of {IMeasurement} says of each seat how much of what it owed the others saw it do: dealings,
/// acknowledgements, signatures, answered probes. The score follows it, half of the way an epoch. A newcomer begins in the middle;
/// whoever is not in office keeps its score. The events are the history.
interface IReputation {
    /// @notice What is known of an account.
    /// @param score 0 to 15.
    /// @param epochs Epochs in office that were credited.
    /// @param points Sum of the classes in those epochs.
    /// @param lastEpoch The last of them; 0 before the first.
    struct Record {
        uint8 score;
        uint32 epochs;
        uint64 points;
        uint64 lastEpoch;
    }

    /// @notice `account` was credited with `participated` for its part in `epoch`; its score is `score` from now on.
    event Credited(address indexed account, uint64 indexed epoch, uint8 participated, uint8 score);

    /// @notice Epochs are credited in ascending order, and `lastEpoch` was the last one.
    error NotTheNext(uint64 epoch, uint64 lastEpoch);
    /// @notice The round of `epoch` is not settled, or had too few reports.
    error NotMeasured(uint64 epoch);
    /// @notice The accounts given are not the committee of `epoch`, whose hash is `expected`.
    error WrongCommittee(uint64 epoch, bytes32 expected);

    /// @notice Credits the members of a settled epoch. Anyone.
    /// @param committee Of that epoch, in seat order.
    function credit(uint64 epoch, address[] calldata committee) external;

    /// @notice The score of `account`, 0 to 15.
    function scoreOf(address account) external view returns (uint256);
    /// @notice All that is known of `account`.
    function recordOf(address account) external view returns (Record memory);
    /// @notice The last epoch that was credited.
    function lastEpoch() external view returns (uint64);
    /// @notice Where what members did is measured.
    function measurement() external view returns (IMeasurement);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IGroupKeys} from "./IGroupKeys.sol";
import {IValidatorRegistry} from "./IValidatorRegistry.sol";

/// @title What the committee measured of the candidates: connectivity and resources, and who took part
/// @notice One round an epoch (docs/protocol.md, section 15). The members of the committee probe a sample of candidates at times of
/// their own choice, commit to what they saw in the first window and reveal it in the second; then anyone settles the round.
/// For each candidate the median of all others' reports counts: f faulty members cannot move it beyond what honest members saw.
/// A report is packed, 4 bits a class: 0, never answered, to 15, the best. A round that fails changes nothing.
interface IMeasurement {
    /// @notice None: nobody has committed, or the round of a later epoch began before this one was settled. The others follow one
    /// another by time; settled is final.
    enum Phase {
        None,
        Commit,
        Reveal,
        Settle,
        Settled
    }

    /// @notice The round of an epoch.
    /// @param commitDeadline Last second in which commitments are taken; 0 before the first one.
    /// @param revealDeadline Last second in which reports are taken.
    /// @param first Number of the first candidate of the sample, a multiple of 64; the others follow in order.
    /// @param sampled How many candidates are in the sample, at most 64.
    /// @param seats Of the committee.
    /// @param commitments Seats that committed, bit 1 << seat.
    /// @param reports Seats that revealed.
    /// @param settled Whether the round is over.
    /// @param isMeasured Whether it had enough reports, n - f.
    struct Round {
        uint64 commitDeadline;
        uint64 revealDeadline;
        uint16 first;
        uint8 sampled;
        uint8 seats;
        uint40 commitments;
        uint40 reports;
        bool settled;
        bool isMeasured;
    }

    /// @notice The round of `epoch` began. Commitments are taken until `commitDeadline`, reports until `revealDeadline`.
    event RoundOpened(uint64 indexed epoch, uint64 commitDeadline, uint64 revealDeadline, uint16 first, uint8 sampled);
    /// @notice The member at `seat` committed to a report.
    event ReportCommitted(uint64 indexed epoch, uint8 indexed seat, bytes32 commitment);
    /// @notice The member at `seat` revealed its report.
    event ReportRevealed(uint64 indexed epoch, uint8 indexed seat, uint256 qualities, uint128 participation);
    /// @notice The round is over. `reports` seats were counted. If it `isMeasured`, `qualities` are the sample's classes from now on and
    /// `participation` the medians by seat, both packed as in a report; otherwise both are 0 and nothing changed.
    event RoundSettled(uint64 indexed epoch, uint40 reports, bool isMeasured, uint256 qualities, uint128 participation);

    /// @notice The round of `epoch` is in `phase`, and this is done in `expected`.
    error WrongPhase(uint64 epoch, Phase phase, Phase expected);
    /// @notice Rounds are of the epoch in office, `current`.
    error NotThisEpoch(uint64 epoch, uint64 current);
    /// @notice The round of `epoch` may begin from `from` on, in seconds since 1970: a quarter of the epoch is for probing.
    error TooEarly(uint64 epoch, uint64 from);
    /// @notice `account` has no seat in office.
    error NotInOffice(address account);
    /// @notice The member at `seat` committed or revealed already.
    error AlreadyDone(uint64 epoch, uint8 seat);
    /// @notice The report is not the one that the member at `seat` committed to.
    error WrongReport(uint64 epoch, uint8 seat, bytes32 commitment);
    /// @notice The accounts given are not the committee of `epoch`, whose hash is `expected`.
    error WrongCommittee(uint64 epoch, bytes32 expected);

    /// @notice Takes a commitment of the calling member. The first one of an epoch opens its round, after a quarter of the epoch:
    /// `phaseSeconds` for commitments, or until all seats have committed; then as long for reports.
    /// @param commitment keccak256(abi.encode(epoch, account, qualities, participation, salt)).
    function commitReport(uint64 epoch, bytes32 commitment) external;

    /// @notice Takes the report that the calling member committed to.
    /// @param qualities Class of the sample's i-th candidate in bits 4i to 4i + 3.
    /// @param participation Class of the member at seat s in bits 4(s - 1) to 4(s - 1) + 3: how much of what it owed in the last
    /// epoch this member saw it do.
    /// @param salt At least as random as a key: the classes alone can be guessed.
    function revealReport(uint64 epoch, uint256 qualities, uint128 participation, bytes32 salt) external;

    /// @notice Ends the round of `epoch` after its last deadline, or once all who committed have revealed. Anyone, also after the
    /// committee left office, until the next round begins.
    /// @param committee Of that epoch, in seat order, as OfficeTaken has it.
    function settle(uint64 epoch, address[] calldata committee) external;

    /// @notice Which candidates the round of an epoch measures: the 64 or fewer from number `first` on, a multiple of 64. Before a round
    /// it is foretold for the epoch in office; where there are more than 64 candidates, those who join can still change it.
    function sampleOf(uint64 epoch) external view returns (uint256 first, uint256 sampled);
    /// @notice The class of candidate number `rank`, 0 to 15; 0 until it was measured.
    function qualityOf(uint256 rank) external view returns (uint256);
    /// @notice The round of an epoch.
    function round(uint64 epoch) external view returns (Round memory);
    /// @notice Where the round of an epoch stands.
    function phaseOf(uint64 epoch) external view returns (Phase);
    /// @notice Whether the round of an epoch is settled with enough reports; the medians by seat then; and
    /// keccak256(abi.encode(committee)) of the committee that they are of.
    function participation(
        uint64 epoch
    ) external view returns (bool isMeasured, uint128 classes, bytes32 committeeHash);
    /// @notice Where the members' seats are.
    function groupKeys() external view returns (IGroupKeys);
    /// @notice Where the candidates are.
    function registry() external view returns (IValidatorRegistry);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IMeasurement} from "./interfaces/IMeasurement.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {Classes} from "./libraries/Classes.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Seats} from "./libraries/Seats.sol";

/// @title What {IMeasurement} says
contract Measurement is IMeasurement, MeshContract {
    using Classes for uint256;
    using Seats for uint40;

    /// @dev Classes in a word, which is how many candidates a round measures.
    uint256 private constant SAMPLE = 64;

    struct Report {
        bytes32 commitment;
        uint256 qualities;
        uint128 participation;
    }

    /// @inheritdoc IMeasurement
    IGroupKeys public immutable groupKeys;
    /// @inheritdoc IMeasurement
    IValidatorRegistry public immutable registry;

    mapping(uint64 epoch => Round) private _rounds;
    mapping(uint64 epoch => mapping(uint256 seat => Report)) private _reports;
    mapping(uint64 epoch => bytes32 hash) private _committeeHash;
    mapping(uint64 epoch => uint128 classes) private _participation;
    /// @dev By rank, 64 in a word.
    mapping(uint256 word => uint256 classes) private _qualities;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IValidatorRegistry registry_
    ) MeshContract(anchor_, anchor_.meshId()) {
        groupKeys = groupKeys_;
        registry = registry_;
    }

    /// @inheritdoc IMeasurement
    function commitReport(uint64 epoch, bytes32 commitment) external {
        uint8 seat = _requireSeat(epoch);
        Round storage r = _rounds[epoch];
        if (r.commitDeadline == 0) _open(r, epoch);
        _requirePhase(epoch, Phase.Commit);
        if (r.commitments.has(seat)) revert AlreadyDone(epoch, seat);

        r.commitments = r.commitments.with(seat);
        _reports[epoch][seat].commitment = commitment;
        emit ReportCommitted(epoch, seat, commitment);
    }

    /// @inheritdoc IMeasurement
    function revealReport(uint64 epoch, uint256 qualities, uint128 participation_, bytes32 salt) external {
        uint8 seat = _requireSeat(epoch);
        _requirePhase(epoch, Phase.Reveal);
        Round storage r = _rounds[epoch];
        if (r.reports.has(seat)) revert AlreadyDone(epoch, seat);
        Report storage report = _reports[epoch][seat];
        bytes32 commitment = keccak256(abi.encode(epoch, msg.sender, qualities, participation_, salt));
        if (commitment != report.commitment) revert WrongReport(epoch, seat, report.commitment);

        r.reports = r.reports.with(seat);
        report.qualities = qualities;
        report.participation = participation_;
        emit ReportRevealed(epoch, seat, qualities, participation_);
    }

    /// @inheritdoc IMeasurement
    function settle(uint64 epoch, address[] calldata committee) external {
        _requirePhase(epoch, Phase.Settle);
        if (keccak256(abi.encode(committee)) != _committeeHash[epoch])
            revert WrongCommittee(epoch, _committeeHash[epoch]);
        Round storage r = _rounds[epoch];
        r.settled = true;

        uint40 reported = r.reports;
        uint256 qualities = 0;
        uint128 participation_ = 0;
        // Whoever is away counts towards f: with fewer reports, liars could be half of them.
        if (reported.count() >= Quorum.acknowledgements(committee.length)) {
            (uint256[] memory seats, uint256[] memory views, uint256[] memory parts) = _collect(epoch, reported);
            qualities = _applyQualities(r, committee, seats, views);
            participation_ = _participationOf(seats, parts, committee.length);
            _participation[epoch] = participation_;
        }
        emit RoundSettled(epoch, reported, qualities, participation_);
    }

    /// @inheritdoc IMeasurement
    function qualityOf(uint256 rank) external view returns (uint256) {
        return _qualities[rank / SAMPLE].classAt(rank % SAMPLE);
    }

    /// @inheritdoc IMeasurement
    function round(uint64 epoch) external view returns (Round memory) {
        return _rounds[epoch];
    }

    /// @inheritdoc IMeasurement
    function phaseOf(uint64 epoch) public view returns (Phase) {
        Round storage r = _rounds[epoch];
        if (r.settled) return Phase.Settled;
        if (r.commitDeadline == 0) return Phase.None;
        if (block.timestamp <= r.commitDeadline) return Phase.Commit;
        bool allRevealed = r.reports == r.commitments;
        return block.timestamp <= r.revealDeadline && !allRevealed ? Phase.Reveal : Phase.Settle;
    }

    /// @inheritdoc IMeasurement
    function participation(uint64 epoch) external view returns (uint128 classes, bytes32 committeeHash) {
        return (_participation[epoch], _committeeHash[epoch]);
    }

    /// @dev The sample cannot be foreseen before the committee of the epoch has its shares: the root of their verification keys
    /// comes from all dealers' randomness.
    function _open(Round storage r, uint64 epoch) private {
        uint256 candidates = registry.candidateCount();
        uint256 first = 0;
        if (candidates > SAMPLE) {
            first = uint256(keccak256(abi.encode(groupKeys.verificationRoot(), epoch))) % candidates;
        }
        uint64 phaseSeconds = anchor.parameters().phaseSeconds;
        r.commitDeadline = uint64(block.timestamp) + phaseSeconds;
        r.revealDeadline = r.commitDeadline + phaseSeconds;
        r.first = uint16(first);
        r.sampled = uint8(candidates < SAMPLE ? candidates : SAMPLE);
        r.candidates = uint16(candidates);
        _committeeHash[epoch] = keccak256(abi.encode(groupKeys.committee()));
        emit RoundOpened(epoch, r.commitDeadline, r.revealDeadline, r.first, r.sampled, r.candidates);
    }

    function _collect(
        uint64 epoch,
        uint40 reported
    ) private view returns (uint256[] memory seats, uint256[] memory views, uint256[] memory parts) {
        uint256 count = reported.count();
        (seats, views, parts) = (new uint256[](count), new uint256[](count), new uint256[](count));
        uint256 next = 0;
        for (uint256 seat = 1; next < count; seat++) {
            if (!reported.has(seat)) continue;
            Report storage report = _reports[epoch][seat];
            (seats[next], views[next], parts[next]) = (seat, report.qualities, report.participation);
            next++;
        }
    }

    /// @dev Nobody's word counts on itself; then, as always, with fewer than 2f + 1 reports nothing is known.
    function _applyQualities(
        Round storage r,
        address[] calldata committee,
        uint256[] memory seats,
        uint256[] memory views
    ) private returns (uint256 qualities) {
        uint256 least = 2 * Quorum.faults(committee.length) + 1;
        (uint256 first, uint256 sampled, uint256 candidates) = (r.first, r.sampled, r.candidates);
        uint256 number = type(uint256).max;
        uint256 word = 0;
        for (uint256 i = 0; i < sampled; i++) {
            uint256 rank = (first + i) % candidates;
            if (rank / SAMPLE != number) {
                if (i != 0) _qualities[number] = word;
                number = rank / SAMPLE;
                word = _qualities[number];
            }
            (uint256 seen, uint256 counted) = Classes.median(
                views,
                i,
                _indexOf(registry.candidateAt(rank), committee, seats)
            );
            uint256 class = word.classAt(rank % SAMPLE);
            if (counted >= least) class = class.moved(seen);
            word = word.with(rank % SAMPLE, class);
            qualities = qualities.with(i, class);
        }
        if (sampled != 0) _qualities[number] = word;
    }

    function _participationOf(
        uint256[] memory seats,
        uint256[] memory parts,
        uint256 size
    ) private pure returns (uint128 classes) {
        uint256 packed = 0;
        for (uint256 seat = 1; seat <= size; seat++) {
            uint256 except = 0;
            while (except < seats.length && seats[except] != seat) except++;
            (uint256 class, uint256 counted) = Classes.median(parts, seat - 1, except);
            if (counted >= 2 * Quorum.faults(size) + 1) packed = packed.with(seat - 1, class);
        }
        return uint128(packed);
    }

    /// @dev Where among the reports that of `account` is; a number that none has, if it made none.
    function _indexOf(
        address account,
        address[] calldata committee,
        uint256[] memory seats
    ) private pure returns (uint256 index) {
        for (; index < seats.length; index++) if (committee[seats[index] - 1] == account) return index;
    }

    function _requireSeat(uint64 epoch) private view returns (uint8 seat) {
        uint64 current = groupKeys.epoch();
        if (epoch != current || epoch == 0) revert NotThisEpoch(epoch, current);
        seat = uint8(groupKeys.seatOf(msg.sender));
        if (seat == 0) revert NotInOffice(msg.sender);
    }

    function _requirePhase(uint64 epoch, Phase expected) private view {
        Phase phase = phaseOf(epoch);
        if (phase != expected) revert WrongPhase(epoch, phase, expected);
    }
}

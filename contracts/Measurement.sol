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
/// @dev Calls no contract but those of the mesh.
contract Measurement is IMeasurement, MeshContract {
    using Classes for uint256;
    using Seats for uint40;

    /// @dev Rounds begin after this part of an epoch: whoever opened one at once would leave nobody the time to probe.
    uint256 private constant PARTS_BEFORE_ROUND = 4;

    struct Report {
        bytes32 commitment;
        uint256 qualities;
        uint128 participation;
    }

    /// @inheritdoc IMeasurement
    IGroupKeys public immutable groupKeys;
    /// @inheritdoc IMeasurement
    IValidatorRegistry public immutable registry;

    /// @dev Epoch of the newest round.
    uint64 private _latest;
    mapping(uint64 epoch => Round) private _rounds;
    /// @dev Of the newest round, where its bitmaps have the seat: each round writes over those of the one before, at a quarter of the price.
    mapping(uint256 seat => Report) private _reports;
    mapping(uint64 epoch => bytes32 hash) private _committeeHash;
    mapping(uint64 epoch => uint128 classes) private _participation;
    /// @dev By rank, as many in a word as a round measures.
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
        if (r.commitments.has(seat)) revert AlreadyDone(epoch, seat);
        _requirePhase(epoch, Phase.Commit);

        r.commitments = r.commitments.with(seat);
        _reports[seat].commitment = commitment;
        emit ReportCommitted(epoch, seat, commitment);
    }

    /// @inheritdoc IMeasurement
    function revealReport(uint64 epoch, uint256 qualities, uint128 participation_, bytes32 salt) external {
        uint8 seat = _requireSeat(epoch);
        Round storage r = _rounds[epoch];
        if (r.reports.has(seat)) revert AlreadyDone(epoch, seat);
        _requirePhase(epoch, Phase.Reveal);
        Report storage report = _reports[seat];
        bytes32 commitment = keccak256(abi.encode(epoch, msg.sender, qualities, participation_, salt));
        // What is there may be of an earlier round.
        bytes32 expected = r.commitments.has(seat) ? report.commitment : bytes32(0);
        if (commitment != expected) revert WrongReport(epoch, seat, expected);

        r.reports = r.reports.with(seat);
        report.qualities = qualities;
        report.participation = participation_;
        emit ReportRevealed(epoch, seat, qualities, participation_);
    }

    /// @inheritdoc IMeasurement
    function settle(uint64 epoch, address[] calldata committee) external {
        _requirePhase(epoch, Phase.Settle);
        bytes32 committeeHash = _committeeHash[epoch];
        if (keccak256(abi.encode(committee)) != committeeHash) revert WrongCommittee(epoch, committeeHash);

        Round storage r = _rounds[epoch];
        uint40 reported = r.reports;
        // Whoever is away counts towards f: with fewer reports, liars could be half of them.
        bool isMeasured = reported.count() >= Quorum.acknowledgements(committee.length);
        (r.settled, r.isMeasured) = (true, isMeasured);
        uint256 qualities = 0;
        uint128 participation_ = 0;
        if (isMeasured) {
            (uint256[] memory seats, uint256[] memory views, uint256[] memory parts) = _collect(reported);
            qualities = _moveQualities(r.first, r.sampled, committee, seats, views);
            participation_ = _participationOf(seats, parts, committee.length);
            _participation[epoch] = participation_;
        }
        emit RoundSettled(epoch, reported, isMeasured, qualities, participation_);
    }

    /// @inheritdoc IMeasurement
    function qualityOf(uint256 rank) external view returns (uint256) {
        return _qualities[rank / Classes.IN_WORD].classAt(rank % Classes.IN_WORD);
    }

    /// @inheritdoc IMeasurement
    function sampleOf(uint64 epoch) external view returns (uint256 first, uint256 sampled) {
        Round storage r = _rounds[epoch];
        if (r.commitDeadline != 0) return (r.first, r.sampled);
        uint64 current = groupKeys.epoch();
        if (epoch != current || epoch == 0) revert NotThisEpoch(epoch, current);
        return _sample(epoch);
    }

    /// @inheritdoc IMeasurement
    function round(uint64 epoch) external view returns (Round memory) {
        return _rounds[epoch];
    }

    /// @inheritdoc IMeasurement
    function phaseOf(uint64 epoch) public view returns (Phase) {
        Round storage r = _rounds[epoch];
        if (r.settled) return Phase.Settled;
        if (r.commitDeadline == 0 || epoch != _latest) return Phase.None;
        uint40 commitments = r.commitments;
        if (block.timestamp <= r.commitDeadline && commitments != Seats.firstOf(r.seats)) return Phase.Commit;
        return block.timestamp <= r.revealDeadline && commitments != r.reports ? Phase.Reveal : Phase.Settle;
    }

    /// @inheritdoc IMeasurement
    function participation(
        uint64 epoch
    ) external view returns (bool isMeasured, uint128 classes, bytes32 committeeHash) {
        return (_rounds[epoch].isMeasured, _participation[epoch], _committeeHash[epoch]);
    }

    function _open(Round storage r, uint64 epoch) private {
        ITrustAnchor.Parameters memory parameters = anchor.parameters();
        uint64 from = groupKeys.since() + uint64(parameters.epochSeconds / PARTS_BEFORE_ROUND);
        if (block.timestamp < from) revert TooEarly(epoch, from);

        _latest = epoch;
        (uint256 first, uint256 sampled) = _sample(epoch);
        address[] memory committee = groupKeys.committee();
        r.commitDeadline = uint64(block.timestamp) + parameters.phaseSeconds;
        r.revealDeadline = r.commitDeadline + parameters.phaseSeconds;
        (r.first, r.sampled, r.seats) = (uint16(first), uint8(sampled), uint8(committee.length));
        _committeeHash[epoch] = keccak256(abi.encode(committee));
        emit RoundOpened(epoch, r.commitDeadline, r.revealDeadline, r.first, r.sampled);
    }

    /// @dev Nobody can foresee it before the committee of the epoch has its shares: the root of their verification keys comes from
    /// all dealers' randomness.
    function _sample(uint64 epoch) private view returns (uint256 first, uint256 sampled) {
        uint256 candidates = registry.candidateCount();
        uint256 words = (candidates + Classes.IN_WORD - 1) / Classes.IN_WORD;
        uint256 number = uint256(keccak256(abi.encode(groupKeys.verificationRoot(), epoch))) % words;
        first = number * Classes.IN_WORD;
        sampled = candidates - first < Classes.IN_WORD ? candidates - first : Classes.IN_WORD;
    }

    function _collect(
        uint40 reported
    ) private view returns (uint256[] memory seats, uint256[] memory views, uint256[] memory parts) {
        uint256 count = reported.count();
        (seats, views, parts) = (new uint256[](count), new uint256[](count), new uint256[](count));
        uint256 next = 0;
        for (uint256 seat = 1; next < count; seat++) {
            if (!reported.has(seat)) continue;
            Report storage report = _reports[seat];
            (seats[next], views[next], parts[next]) = (seat, report.qualities, report.participation);
            next++;
        }
    }

    /// @dev Nobody's word counts on itself.
    function _moveQualities(
        uint256 first,
        uint256 sampled,
        address[] calldata committee,
        uint256[] memory seats,
        uint256[] memory views
    ) private returns (uint256 qualities) {
        qualities = _qualities[first / Classes.IN_WORD];
        uint16[] memory ranks = new uint16[](sampled);
        for (uint256 i = 0; i < sampled; i++) ranks[i] = uint16(first + i);
        address[] memory accounts = registry.candidatesAt(ranks);
        for (uint256 i = 0; i < sampled; i++) {
            uint256 own = _indexOf(accounts[i], committee, seats);
            qualities = qualities.with(i, qualities.classAt(i).moved(Classes.median(views, i, own)));
        }
        _qualities[first / Classes.IN_WORD] = qualities;
    }

    /// @dev Nor here.
    function _participationOf(
        uint256[] memory seats,
        uint256[] memory parts,
        uint256 size
    ) private pure returns (uint128) {
        uint256 packed = 0;
        for (uint256 seat = 1; seat <= size; seat++) {
            uint256 own = 0;
            while (own < seats.length && seats[own] != seat) own++;
            packed = packed.with(seat - 1, Classes.median(parts, seat - 1, own));
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

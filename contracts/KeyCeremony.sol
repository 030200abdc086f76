// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {CeremonySeats} from "./CeremonySeats.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IRotation} from "./interfaces/IRotation.sol";
import {ISwarmStatements} from "./interfaces/ISwarmStatements.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {CeremonyJudge} from "./libraries/CeremonyJudge.sol";
import {Dealing} from "./libraries/Dealing.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Seats} from "./libraries/Seats.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title The state machine of key ceremonies
/// @dev Loops are over seats (at most 32) and over candidates (at most 256), so every phase fits into one transaction. Nothing
/// that the contract calls can be made to fail by a member: precompiles and contracts of the mesh alone.
contract KeyCeremony is CeremonySeats {
    using Seats for uint40;

    /// @dev What is known of each dealing, by its one-time key: {Dealing-record}. One word says that the key is used, by whom, and
    /// what was dealt.
    mapping(bytes32 ephemeralHash => bytes32 record) private _dealings;
    mapping(bytes32 key => uint256 count) private _acknowledgements;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IValidatorRegistry registry_,
        IRotation rotation_
    ) CeremonySeats(anchor_, groupKeys_, registry_, rotation_) {}

    // ---------------------------------------------------------------- start and accept

    /// @inheritdoc IKeyCeremony
    function startKeyGeneration() external returns (uint64 ceremony) {
        if (anchor.start() == 0) revert ITrustAnchor.GenesisMissing();
        uint64 generation = groupKeys.generation();
        if (generation != 0) revert KeysExist(generation);
        uint8 seats = anchor.parameters().committeeSize;
        uint256 invited;
        (ceremony, invited) = _start(Kind.KeyGeneration, seats, seats);
        if (invited < seats) revert TooFewCandidates(invited, seats);
    }

    /// @inheritdoc IKeyCeremony
    function startResharing() external returns (uint64 ceremony) {
        (, uint8 seats) = rotation.due();
        (ceremony, ) = _start(Kind.Resharing, seats, _seatsInOffice());
    }

    /// @inheritdoc IKeyCeremony
    function startRekey(bool abandons) external returns (uint64 ceremony) {
        _requireGenerations();
        Status storage status = _ceremony.status;
        if (abandons && _isUnderWay(status.phase)) {
            emit AttemptFailed(status.ceremony, status.attempt, status.phase);
            status.phase = Phase.Abandoned;
        }
        uint256 seats = _named().length;
        (ceremony, ) = _start(Kind.Rekey, uint8(seats), seats);
    }

    /// @dev One ceremony at a time.
    function _start(Kind kind, uint8 seats, uint256 dealers) private returns (uint64 ceremony, uint256 invited) {
        Ceremony storage c = _ceremony;
        Status storage status = c.status;
        if (_isUnderWay(status.phase)) revert CeremonyRunning(status.ceremony);

        ceremony = ++status.ceremony;
        if (status.phaseSeconds == 0) status.phaseSeconds = anchor.parameters().phaseSeconds;
        (status.attempt, c.failed) = (0, 0);
        (status.kind, status.seats) = (kind, seats);
        status.threshold = uint8(Quorum.threshold(seats));
        status.dealersNeeded = uint8(Quorum.threshold(dealers));
        emit CeremonyStarted(ceremony, kind, seats, status.threshold);
        invited = _startAttempt(c, ceremony);
    }

    /// @inheritdoc IKeyCeremony
    function accept(uint64 ceremony, uint32 attempt, uint8 seat, BLS12381.G1Point calldata key) external {
        Ceremony storage c = _running(ceremony, attempt, Phase.Accept);
        _expectReceiver(c, seat);
        if (c.status.accepted.has(seat)) revert AlreadyDone(seat);
        if (!BLS12381.isValidPublicKey(key)) revert InvalidReceivingKey();

        c.receivingKeys[seat] = keccak256(abi.encode(key));
        c.status.accepted = c.status.accepted.with(seat);
        emit Accepted(ceremony, attempt, msg.sender, key);
    }

    // ---------------------------------------------------------------- deal

    /// @inheritdoc IKeyCeremony
    function deal(
        uint64 ceremony,
        uint32 attempt,
        uint8 seat,
        bytes calldata dealing,
        bytes32[] calldata opening
    ) external {
        Ceremony storage c = _running(ceremony, attempt, Phase.Deal);
        Status storage status = c.status;
        // Read at once: each is another read of the same slot after a call.
        (uint256 seats, uint256 threshold, uint256 dealers, bool isResharing) = (
            status.seats,
            status.threshold,
            status.dealers,
            status.kind == Kind.Resharing
        );
        if (_dealerAt(c, isResharing, seat) != msg.sender) revert NotSeated(msg.sender, seat);
        if (status.dealt.has(seat)) revert AlreadyDone(seat);
        // The bytes are kept nowhere but in the transaction's input, where every reader looks for them.
        if (msg.sender != tx.origin || msg.sender.code.length != 0) revert IndirectCall(msg.sender);

        Dealing.Digest memory digest = Dealing.check(
            dealing,
            _meshId,
            abi.encodePacked(address(this), ceremony, attempt, seat),
            threshold,
            seats,
            isResharing
        );
        if (isResharing) _checkOpening(dealing, threshold, seat, dealers, opening);
        else if (opening.length != 0) revert InvalidLength(opening.length, 0);
        if (_dealings[digest.ephemeralHash] != 0) revert EphemeralKeyUsed(digest.ephemeralHash);

        _dealings[digest.ephemeralHash] = Dealing.record(
            ceremony,
            attempt,
            seat,
            digest.g1Hash,
            digest.edHash,
            digest.sealedRoot
        );
        status.dealt = status.dealt.with(seat);
        emit Dealt(ceremony, attempt, seat, digest.ephemeralHash, digest.g1Hash, digest.edHash, digest.sealedRoot);
    }

    // ---------------------------------------------------------------- complain

    /// @inheritdoc IKeyCeremony
    function complain(
        uint64 ceremony,
        uint32 attempt,
        uint8 dealer,
        uint8 receiver,
        Defect defect,
        Opening calldata opening
    ) external {
        Ceremony storage c = _running(ceremony, attempt, Phase.Complain);
        _expectReceiver(c, receiver);
        CeremonyJudge.Case memory subject = _caseOf(
            c,
            ceremony,
            attempt,
            dealer,
            defect,
            keccak256(abi.encode(opening.ephemeralKey))
        );
        subject.receiver = receiver;
        subject.receivingKeyHash = c.receivingKeys[c.receivers[receiver].place];

        if (CeremonyJudge.isShareGood(subject, opening)) {
            c.status.refuted = c.status.refuted.with(receiver);
            emit ComplaintRefuted(ceremony, attempt, dealer, receiver, defect);
            _slash(msg.sender, IValidatorRegistry.Offence.BadComplaint);
        } else {
            emit ComplaintUpheld(ceremony, attempt, dealer, receiver, defect);
            _disqualify(c, dealer);
        }
    }

    /// @inheritdoc IKeyCeremony
    function malformed(
        uint64 ceremony,
        uint32 attempt,
        uint8 dealer,
        Defect defect,
        Malformation calldata malformation
    ) external {
        Ceremony storage c = _running(ceremony, attempt, Phase.Complain);
        CeremonyJudge.expectMalformed(
            _caseOf(c, ceremony, attempt, dealer, defect, malformation.ephemeralHash),
            malformation
        );

        emit CommitmentMalformed(ceremony, attempt, dealer, defect, malformation.index);
        _disqualify(c, dealer);
    }

    // ---------------------------------------------------------------- acknowledge and activate

    /// @inheritdoc IKeyCeremony
    function acknowledge(
        uint64 ceremony,
        uint32 attempt,
        uint8 receiver,
        uint40 dealings,
        bytes32 outcomeHash
    ) external {
        // While others may still complain, or after that.
        Phase phase = _ceremony.status.phase == Phase.Complain ? Phase.Complain : Phase.Acknowledge;
        Ceremony storage c = _running(ceremony, attempt, phase);
        _expectReceiver(c, receiver);
        if (c.status.acknowledged.has(receiver)) revert AlreadyDone(receiver);
        uint40 good = _good();
        if (dealings != good) revert DealingsChanged(dealings, good);

        c.status.acknowledged = c.status.acknowledged.with(receiver);
        _acknowledgements[_acknowledgementKey(ceremony, attempt, good, outcomeHash)]++;
        emit Acknowledged(ceremony, attempt, receiver, outcomeHash);
    }

    /// @inheritdoc IKeyCeremony
    function activate(
        uint64 ceremony,
        uint32 attempt,
        Outcome calldata outcome,
        BLS12381.G2Point calldata signature
    ) external {
        Ceremony storage c = _running(ceremony, attempt, Phase.Acknowledge);
        bytes32 qualifiedHash = _qualifiedHash(ceremony, c.status);
        bytes32 blsKeyHash = keccak256(abi.encode(outcome.blsKey));
        bytes32 outcomeHash = keccak256(abi.encode(qualifiedHash, outcome.verificationRoot, blsKeyHash, outcome.edKey));
        uint256 count = _acknowledgements[_acknowledgementKey(ceremony, attempt, _good(), outcomeHash)];
        uint256 needed = Quorum.acknowledgements(c.status.seats);
        if (count < needed) revert TooFewAcknowledgements(count, needed);

        Kind kind = c.status.kind;
        // Those have seen that the old keys signed the new ones.
        if (kind == Kind.Rekey) _requireGenerations();
        uint64 generation = groupKeys.generation() + (kind == Kind.Resharing ? 0 : 1);
        uint64 epoch = groupKeys.epoch() + 1;
        bytes32 digest = _digest(
            Statements.activation(generation, epoch, qualifiedHash, outcome.verificationRoot, blsKeyHash, outcome.edKey)
        );
        if (!BLS12381.verify(outcome.blsKey, digest, bytes(Statements.DST_SIGNATURE), signature)) {
            revert ISwarmStatements.InvalidSwarmSignature(digest);
        }

        c.status.phase = Phase.Active;
        emit Activated(ceremony, attempt, generation, epoch, outcomeHash, outcome);
        groupKeys.setOffice(
            IGroupKeys.Office({
                generation: generation,
                epoch: epoch,
                ceremony: ceremony,
                blsKey: outcome.blsKey,
                edKey: outcome.edKey,
                verificationRoot: outcome.verificationRoot,
                committee: _accounts(c)
            })
        );
    }

    // ---------------------------------------------------------------- progress

    /// @inheritdoc IKeyCeremony
    function advance(uint64 ceremony) external {
        Ceremony storage c = _newest(ceremony);
        Phase phase = c.status.phase;
        if (phase == Phase.Accept) _endAccept(c, ceremony);
        else if (phase == Phase.Deal) _endDeal(c, ceremony);
        else if (phase == Phase.Complain) _endComplain(c, ceremony);
        else if (phase == Phase.Acknowledge) _endAcknowledge(c, ceremony);
        else revert WrongPhase(phase, Phase.Accept);
    }

    function _endAccept(Ceremony storage c, uint64 ceremony) private {
        Status memory status = c.status;
        uint256 accepted = status.accepted.count();
        if (accepted < status.seats) {
            _requireOver(status);
            bool replaced = _invite(c, false) > 0;
            if (replaced || accepted < Quorum.acknowledgements(status.seats)) {
                if (!replaced && status.kind == Kind.Rekey) return _fail(c, ceremony, status, 0, 0);
                // Nobody is left: the same are waited for once more, and the others come round again after that.
                if (!replaced) c.drawn = _ranks(c, Seats.firstOf(status.seats));
                uint64 window = _enter(c, Phase.Accept);
                emit Invited(ceremony, status.attempt, _accounts(c), window);
                return;
            }
        }

        address[] memory accounts = _assignSeats(c, status);
        c.status.dealers = uint8(status.kind == Kind.Resharing ? _seatsInOffice() : accepted);
        uint64 deadline = _enter(c, Phase.Deal);
        emit Seated(ceremony, status.attempt, accounts, deadline);
    }

    function _endDeal(Ceremony storage c, uint64 ceremony) private {
        Status memory status = c.status;
        uint40 missing = _dealerSeats(status).without(status.dealt);
        if (missing != 0) {
            _requireOver(status);
            for (uint8 seat = 1; seat <= status.dealers; seat++) {
                if (missing.has(seat))
                    _slash(
                        _dealerAt(c, status.kind == Kind.Resharing, seat),
                        IValidatorRegistry.Offence.MissingDealing
                    );
            }
        }
        if (status.dealt.count() < status.dealersNeeded) return _fail(c, ceremony, status, 0, missing);

        uint64 deadline = _enter(c, Phase.Complain);
        emit Dealings(ceremony, status.attempt, status.dealt, deadline);
    }

    function _endComplain(Ceremony storage c, uint64 ceremony) private {
        Status memory status = c.status;
        if (status.acknowledged != status.accepted) _requireOver(status);
        uint40 good = _good();
        if (good.count() < status.dealersNeeded) {
            return _fail(c, ceremony, status, 0, Seats.firstOf(status.dealers).without(good));
        }

        status.counted = good.lowest(status.dealersNeeded);
        c.status.counted = status.counted;
        uint64 deadline = _enter(c, Phase.Acknowledge);
        emit Closed(ceremony, status.attempt, status.counted, _qualifiedHash(ceremony, status), deadline);
    }

    function _endAcknowledge(Ceremony storage c, uint64 ceremony) private {
        Status memory status = c.status;
        _requireOver(status);
        _fail(c, ceremony, status, status.accepted.without(status.acknowledged), 0);
    }

    /// @dev The attempt came to nothing: on to the next one, where those that it failed by are invited last; a re-key is over then, so
    /// that it holds no handover up. In a resharing dealers have other seats than receivers, and nobody invites them.
    /// @param receivers Seats of receivers that it failed by.
    /// @param dealers Seats of dealers that it failed by.
    function _fail(
        Ceremony storage c,
        uint64 ceremony,
        Status memory status,
        uint40 receivers,
        uint40 dealers
    ) private {
        uint40 by = receivers | status.refuted;
        if (status.kind != Kind.Resharing) by |= dealers | status.disqualified;
        c.failed |= _ranks(c, by);
        emit AttemptFailed(ceremony, status.attempt, status.phase);
        if (status.kind == Kind.Rekey) c.status.phase = Phase.Abandoned;
        else _startAttempt(c, ceremony);
    }

    // ---------------------------------------------------------------- checks and parts

    /// @dev The ceremony, if it is in this attempt and phase, and in time.
    function _running(uint64 ceremony, uint32 attempt, Phase phase) private view returns (Ceremony storage c) {
        c = _newest(ceremony);
        Status storage status = c.status;
        if (status.attempt != attempt || attempt == 0) revert WrongAttempt(ceremony, attempt, status.attempt);
        if (status.phase != phase) revert WrongPhase(status.phase, phase);
        if (block.timestamp > status.deadline) revert PhaseOver(status.deadline);
    }

    function _requireGenerations() private view {
        if (msg.sender != generations) revert WrongCaller(msg.sender, generations);
    }

    function _requireOver(Status memory status) private view {
        if (block.timestamp <= status.deadline) revert PhaseLasts(status.deadline);
    }

    function _expectReceiver(Ceremony storage c, uint8 seat) private view {
        if (_receiverAt(c, seat) != msg.sender) revert NotSeated(msg.sender, seat);
    }

    /// @dev In a resharing, that the dealer deals its own share.
    function _checkOpening(
        bytes calldata dealing,
        uint256 threshold,
        uint8 seat,
        uint256 dealers,
        bytes32[] calldata opening
    ) private view {
        bytes32 root = groupKeys.verificationRoot();
        if (!Dealing.dealsVerifiedShare(dealing, threshold, seat, dealers, opening, root)) {
            revert NotTheDealersShare(seat, root);
        }
    }

    /// @dev What the judge needs to know of a dealing that counts.
    function _caseOf(
        Ceremony storage c,
        uint64 ceremony,
        uint32 attempt,
        uint8 dealer,
        Defect defect,
        bytes32 ephemeralHash
    ) private view returns (CeremonyJudge.Case memory subject) {
        if (!_good().has(dealer)) revert NoDealing(dealer);
        subject.meshId = _meshId;
        (subject.ceremony, subject.attempt, subject.dealer) = (ceremony, attempt, dealer);
        (subject.seats, subject.threshold) = (c.status.seats, c.status.threshold);
        subject.isEd25519 = defect == Defect.Ed25519;
        subject.recorded = _dealings[ephemeralHash];
    }

    /// @dev What was acknowledged so far was an outcome of its dealing too.
    function _disqualify(Ceremony storage c, uint8 dealer) private {
        c.status.disqualified = c.status.disqualified.with(dealer);
        c.status.acknowledged = 0;
        _slash(_dealerAt(c, c.status.kind == Kind.Resharing, dealer), IValidatorRegistry.Offence.BadDealing);
    }

    function _slash(address account, IValidatorRegistry.Offence offence) private {
        registry.slash(account, offence);
    }

    /// @dev Dealers whose dealing nobody has shown to be bad.
    function _good() private view returns (uint40) {
        return _ceremony.status.dealt.without(_ceremony.status.disqualified);
    }

    /// @dev An acknowledgement counts for the dealings that were good when it came: a member that acknowledges again after one was
    /// disqualified would count twice else, for an outcome that it named too early.
    function _acknowledgementKey(
        uint64 ceremony,
        uint32 attempt,
        uint40 good,
        bytes32 outcomeHash
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(ceremony, attempt, good, outcomeHash));
    }

    function _qualifiedHash(uint64 ceremony, Status memory status) private pure returns (bytes32) {
        return keccak256(abi.encode(ceremony, status.attempt, uint256(status.counted)));
    }
}

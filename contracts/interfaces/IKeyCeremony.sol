// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {IGroupKeys} from "./IGroupKeys.sol";
import {IRotation} from "./IRotation.sol";
import {IValidatorRegistry} from "./IValidatorRegistry.sol";

/// @title The key ceremony: how a committee comes to share two keys that nobody holds
/// @notice The ledger is the broadcast channel and the judge: it orders keys, dealings and complaints, names and slashes who
/// cheats or is silent, and takes the outcome on one swarm signature by the new shares. Formats: docs/protocol.md, section 4.
///
/// A ceremony is a series of attempts, each with the phases Accept, Deal, Complain and Acknowledge, of `phaseSeconds` each.
/// Whatever fails leads to the next attempt; anybody may call {advance}, so nobody can hold a ceremony up.
///
/// Seats. While members are accepting, `seat` is a place in the list of the invited, 1..n. When that phase ends, those who
/// accepted, in ascending order of account, get the seats 1..accepted, and the seats after those stay empty; from then on
/// the seat is the Shamir index of both keys. In a key generation the dealers are the receivers.
///
/// Bitmaps have bit `1 << seat`. Every call names ceremony and attempt, so one that arrives late is refused instead of
/// counting for another attempt. Calls count until the deadline of their phase (block timestamp <= deadline).
interface IKeyCeremony {
    enum Kind {
        /// Dealers and receivers are the same members; the constants add up to new group keys.
        KeyGeneration,
        /// Dealers are the committee in office, each deals its own share; the group keys stay.
        Resharing,
        /// A key generation for keys that take the place of those in office, of whom {generations} names: the committee in office,
        /// or the members of a recovery. One attempt.
        Rekey
    }

    enum Phase {
        /// No such ceremony.
        None,
        /// The invited post their one-time receiving keys.
        Accept,
        /// Dealers post their dealings.
        Deal,
        /// Receivers complain, or acknowledge the outcome that they have without a complaint.
        Complain,
        /// The dealings that count are fixed. Receivers that did not yet, acknowledge the outcome; then anybody activates it.
        Acknowledge,
        /// Final: the committee is in office.
        Active,
        /// Final: a re-key whose attempt failed, or what a recovery took the place of. The committee before stays in office, and so do
        /// its keys.
        Abandoned
    }

    /// @notice Which key's share or commitment is bad.
    enum Defect {
        G1,
        Ed25519
    }

    /// @notice Where a ceremony stands.
    /// @dev One word holds all that dealings, complaints that are right and acknowledgements change.
    struct Status {
        /// Counts from 1.
        uint24 ceremony;
        Kind kind;
        Phase phase;
        /// Counts from 1.
        uint24 attempt;
        /// Last second of the phase, Unix time.
        uint40 deadline;
        /// n, receivers' seats.
        uint8 seats;
        /// t, coefficients in each dealing and shares in each signature.
        uint8 threshold;
        /// Seats of dealers, and how many of their dealings count.
        uint8 dealers;
        uint8 dealersNeeded;
        /// Dealers whose dealing was taken.
        uint40 dealt;
        /// Dealers whose dealing was shown to be bad.
        uint40 disqualified;
        /// Receivers that acknowledged an outcome since a dealing was disqualified last.
        uint40 acknowledged;
        /// Accept: places whose key is there. Later: the seats that are taken, which are the first ones.
        uint40 accepted;
        /// Receivers whose complaint was refuted.
        uint40 refuted;
        /// From Acknowledge on: the dealers that count, the `dealersNeeded` lowest good seats.
        uint40 counted;
        /// How long each phase is, of the genesis; 0 before the first ceremony. It keeps this word from ever being zero again, which
        /// would cost each attempt new storage.
        uint32 phaseSeconds;
    }

    /// @notice One receiver's sealed share of one dealing, opened.
    struct Opening {
        /// E, the dealing's one-time key.
        BLS12381.G1Point ephemeralKey;
        /// K, the receiver's one-time key.
        BLS12381.G1Point receivingKey;
        /// S = k * E = e * K.
        BLS12381.G1Point sharedPoint;
        /// Proof (c, s) that K and S have the same logarithm to the bases G and E.
        uint256 challenge;
        uint256 response;
        /// Commitments of the key complained about: t * 48 bytes (g1) or t * 32 bytes (ed25519).
        bytes commitments;
        /// keccak256 of the other key's commitments.
        bytes32 otherCommitments;
        /// The 64 sealed bytes and their Merkle path, siblings bottom-up, none where the node is promoted.
        bytes sealedShare;
        bytes32[] path;
        /// g1: y of C_1 .. C_(t-1), 48 bytes each, big-endian, zeros for infinity ((t - 1) * 48 bytes; C_0 needs none).
        /// ed25519: x of C_0 .. C_(t-1), 32 bytes each, big-endian (t * 32 bytes).
        bytes hints;
    }

    /// @notice One commitment of a dealing that does not decode, and what shows it.
    struct Malformation {
        /// keccak256 of E in its 128 bytes.
        bytes32 ephemeralHash;
        /// Commitments of that key.
        bytes commitments;
        /// keccak256 of the other key's commitments.
        bytes32 otherCommitments;
        bytes32 sealedRoot;
        /// Which commitment, from 0.
        uint8 index;
        /// Empty where the bytes alone show it: wrong flags, a coordinate not below the field's prime, or (ed25519) x = 0
        /// with the sign set. Else:
        /// g1, 48 bytes y: y^2 = -(x^3 + 4), so x is not on the curve; or y^2 = x^3 + 4, and the point is outside the subgroup.
        /// ed25519, 32 bytes w, big-endian: w^2 = 2 (y^2 - 1) (d y^2 + 1), so there is no x for this y.
        bytes witness;
    }

    /// @notice What a ceremony ends with.
    struct Outcome {
        /// Merkle root over every seat's two verification keys.
        bytes32 verificationRoot;
        BLS12381.G1Point blsKey;
        /// RFC 8032 encoding.
        bytes32 edKey;
    }

    // ---------------------------------------------------------------- events

    /// @notice A ceremony began. Its first {Invited} follows.
    event CeremonyStarted(uint64 indexed ceremony, Kind kind, uint8 seats, uint8 threshold);

    /// @notice An accept window opened: at the start of an attempt, and where absent members were replaced or are waited for.
    /// @param accounts By place, 1..n; zero where there is no candidate. Those who accepted in this attempt keep their places.
    event Invited(uint64 indexed ceremony, uint32 indexed attempt, address[] accounts, uint64 deadline);

    /// @notice `account` accepted, with its one-time receiving key K.
    event Accepted(uint64 indexed ceremony, uint32 indexed attempt, address indexed account, BLS12381.G1Point key);

    /// @notice Accept ended and Deal began.
    /// @param accounts Of seats 1..accounts.length; further seats are empty.
    event Seated(uint64 indexed ceremony, uint32 indexed attempt, address[] accounts, uint64 deadline);

    /// @notice A dealing was taken. Its bytes are the argument `dealing` of the transaction's input.
    event Dealt(
        uint64 indexed ceremony,
        uint32 indexed attempt,
        uint8 indexed dealer,
        bytes32 ephemeralHash,
        bytes32 g1Hash,
        bytes32 edHash,
        bytes32 sealedRoot
    );

    /// @notice Deal ended and Complain began.
    event Dealings(uint64 indexed ceremony, uint32 indexed attempt, uint40 dealt, uint64 deadline);

    /// @notice A share from `dealer` to `receiver` is bad: the dealer is slashed and its dealing does not count.
    event ComplaintUpheld(
        uint64 indexed ceremony,
        uint32 indexed attempt,
        uint8 indexed dealer,
        uint8 receiver,
        Defect defect
    );

    /// @notice The share is good: the receiver is slashed.
    event ComplaintRefuted(
        uint64 indexed ceremony,
        uint32 indexed attempt,
        uint8 indexed dealer,
        uint8 receiver,
        Defect defect
    );

    /// @notice Commitment `index` of `dealer` does not decode: the dealer is slashed and its dealing does not count.
    event CommitmentMalformed(
        uint64 indexed ceremony,
        uint32 indexed attempt,
        uint8 indexed dealer,
        Defect defect,
        uint8 index
    );

    /// @notice Complain ended and Acknowledge began.
    event Closed(
        uint64 indexed ceremony,
        uint32 indexed attempt,
        uint40 counted,
        bytes32 qualifiedHash,
        uint64 deadline
    );

    /// @notice `receiver` holds both shares of the outcome with this hash, on disk, and has no complaint. A dealing that is disqualified
    /// after it makes it void.
    event Acknowledged(uint64 indexed ceremony, uint32 indexed attempt, uint8 indexed receiver, bytes32 outcomeHash);

    /// @notice The attempt came to nothing in `phase`; the {Invited} of the next one follows.
    event AttemptFailed(uint64 indexed ceremony, uint32 indexed attempt, Phase phase);

    /// @notice The committee is in office.
    event Activated(
        uint64 indexed ceremony,
        uint32 indexed attempt,
        uint64 generation,
        uint64 epoch,
        bytes32 outcomeHash,
        Outcome outcome
    );

    // ---------------------------------------------------------------- errors

    /// @notice Ceremony `running` is not over: take part in that one.
    error CeremonyRunning(uint64 running);

    /// @notice The mesh has keys already, of `generation`: the first key generation happens once, resharing hands them over.
    error KeysExist(uint64 generation);

    /// @notice Only `eligible` of the `needed` members are registered and eligible: wait for the others.
    error TooFewCandidates(uint256 eligible, uint256 needed);

    /// @notice The newest ceremony is `newest`, 0 if there was none; nothing can be done in ceremony `given`, or asked about it.
    error WrongCeremony(uint64 given, uint64 newest);

    /// @notice The call is for attempt `given`, and ceremony `ceremony` is at attempt `actual` .
    error WrongAttempt(uint64 ceremony, uint32 given, uint32 actual);

    /// @notice The ceremony is in phase `actual`; this call belongs to phase `expected`.
    error WrongPhase(Phase actual, Phase expected);

    /// @notice The phase ended at `deadline`: call advance.
    error PhaseOver(uint64 deadline);

    /// @notice Not everybody has acted, and the phase lasts until `deadline`: advance after that.
    error PhaseLasts(uint64 deadline);

    /// @notice `account` does not have seat `seat`.
    error NotSeated(address account, uint8 seat);

    /// @notice Seat `seat` has done this already in this attempt.
    error AlreadyDone(uint8 seat);

    /// @notice A receiving key is a point of the subgroup other than infinity.
    error InvalidReceivingKey();

    /// @notice A dealing is posted by an account without code, directly, so that its bytes are in the transaction's input.
    error IndirectCall(address sender);

    /// @notice `actual` bytes were given where the format has `expected`.
    error InvalidLength(uint256 actual, uint256 expected);

    /// @notice The one-time key of a dealing with this hash was used before: make a new dealing with a fresh key.
    error EphemeralKeyUsed(bytes32 ephemeralHash);

    /// @notice New keys: the first commitment is not C_0 of the proof: x, y or flags differ.
    error ConstantMismatch();

    /// @notice The proof of knowledge of e, for new keys of f(0) too, does not hold for this mesh, ceremony, attempt and dealer.
    error InvalidDealingProof();

    /// @notice The two C_0 are not the verification keys of `dealer` under `verificationRoot`.
    error NotTheDealersShare(uint8 dealer, bytes32 verificationRoot);

    /// @notice `dealer` has no dealing that counts: none was taken, or it was shown to be bad already.
    error NoDealing(uint8 dealer);

    /// @notice One-time key, commitments, sealed share or path are not those of the dealing that `dealer` posted.
    error DealingMismatch(uint8 dealer);

    /// @notice The receiving key is not the one that `receiver` accepted with.
    error ReceivingKeyMismatch(uint8 receiver);

    /// @notice The proof that S = k * E does not hold.
    error InvalidOpeningProof();

    /// @notice The hint does not fit commitment `index`. If there is no hint that does, report it as malformed.
    error InvalidHint(uint256 index);

    /// @notice Commitment `index` decodes, or the witness does not show that it does not.
    error NotMalformed(uint256 index);

    /// @notice The outcome is one of the dealings of `given`, and those of `good` are.
    error DealingsChanged(uint40 given, uint40 good);

    /// @notice `actual` receivers acknowledged this outcome, and `needed` must.
    error TooFewAcknowledgements(uint256 actual, uint256 needed);

    // ---------------------------------------------------------------- calls

    /// @notice Starts the key generation. Anyone, once `committeeSize` of the genesis members are registered and eligible; the
    /// first of them in list order are invited, the others are reserves.
    /// @return ceremony Its number, from 1.
    function startKeyGeneration() external returns (uint64 ceremony);

    /// @notice Starts the resharing to the committee that {IRotation} has drawn. Anyone, once the beacon of the turn is posted. The
    /// committee in office deals; the drawn are invited, and where one does not accept, the next of the same permutation.
    /// @return ceremony Its number.
    function startResharing() external returns (uint64 ceremony);

    /// @notice Starts a key generation of those whom {generations} names, for keys that take the place of those in office. Only
    /// {generations}, which knows that the swarm or the root CA wants it. Nobody else is invited, n - f of them suffice, and an
    /// attempt that fails is the end of it.
    /// @param abandons Whether a ceremony that runs is given up for it.
    /// @return ceremony Its number.
    function startRekey(bool abandons) external returns (uint64 ceremony);

    /// @notice Takes place `seat` with the one-time receiving key `key`.
    function accept(uint64 ceremony, uint32 attempt, uint8 seat, BLS12381.G1Point calldata key) external;

    /// @notice Posts the dealing of seat `seat`, packed, integers big-endian:
    /// E.x 48 | E.y 48 | c 32 | s_E 32 | for new keys C_0.y 48 | s_0 32 | t * 48 G1 commitments | t * 32 Ed25519 commitments | n * 64
    /// sealed shares in seat order, zeros for an empty seat.
    /// @param opening Resharing: Merkle path of the dealer's verification keys, which must be its two C_0. Else empty.
    function deal(
        uint64 ceremony,
        uint32 attempt,
        uint8 seat,
        bytes calldata dealing,
        bytes32[] calldata opening
    ) external;

    /// @notice Opens the share from `dealer` to the caller, at seat `receiver`, and has it judged: a bad share slashes the
    /// dealer (BadDealing), a good one the caller (BadComplaint). Anything wrong in the opening itself reverts.
    /// @dev A G1 share is good iff it is below r and share * G = sum of receiver^k C_k; an Ed25519 share iff it is below L and
    /// 8 * share * B = 8 * sum of receiver^k C_k.
    function complain(
        uint64 ceremony,
        uint32 attempt,
        uint8 dealer,
        uint8 receiver,
        Defect defect,
        Opening calldata opening
    ) external;

    /// @notice Shows that a commitment of `dealer` does not decode, which slashes it (BadDealing). Anyone. A G1 commitment
    /// decodes iff it is the canonical encoding of a point of the subgroup (infinity included); an Ed25519 commitment iff RFC
    /// 8032, section 5.1.3 decodes it (y below the prime; points of small order are allowed, their part is cleared).
    function malformed(
        uint64 ceremony,
        uint32 attempt,
        uint8 dealer,
        Defect defect,
        Malformation calldata malformation
    ) external;

    /// @notice The caller, at seat `receiver`, holds both combined shares of this outcome on disk, and has no complaint. In Complain the
    /// outcome is that of the `dealersNeeded` lowest dealings that are good so far; one that is disqualified makes every
    /// acknowledgement void. When all receivers have acknowledged, Complain may end early.
    /// @param dealings Dealers whose dealing is good as far as the caller knows. Reverts with {DealingsChanged} where another was
    /// disqualified meanwhile: the acknowledgement would count for nothing, and the caller could not give another.
    /// @param outcomeHash keccak256(abi.encode(qualifiedHash, verificationRoot, keccak256(blsKey), edKey)).
    function acknowledge(
        uint64 ceremony,
        uint32 attempt,
        uint8 receiver,
        uint40 dealings,
        bytes32 outcomeHash
    ) external;

    /// @notice Puts the committee into office. Anyone, with n - f acknowledgements of this outcome and the new shares' swarm
    /// signature over the statement Activation; else reverts with InvalidSwarmSignature(digest) of {ISwarmStatements}.
    /// A re-key only by {generations}, which sees to it that the old keys signed the new ones.
    function activate(
        uint64 ceremony,
        uint32 attempt,
        Outcome calldata outcome,
        BLS12381.G2Point calldata signature
    ) external;

    /// @notice Ends the current phase: after its deadline, or at once when everybody has acted (all invited accepted; all
    /// dealt; all receivers acknowledged). Anyone. Acknowledge ends with {activate}, or here, in failure.
    /// - Accept: absent members are replaced by the next candidates. Without any, n - f accepted suffice to go on, else the
    ///   same are waited for again.
    /// - Deal: dealers without a dealing are slashed (MissingDealing).
    function advance(uint64 ceremony) external;

    // ---------------------------------------------------------------- views

    /// @notice Where the committee and its keys are put into office.
    function groupKeys() external view returns (IGroupKeys);

    /// @notice Where candidates come from, and where offences are paid for.
    function registry() external view returns (IValidatorRegistry);

    /// @notice Whose draw a resharing hands the keys over to.
    function rotation() external view returns (IRotation);

    /// @notice The {IGenerations} of the keys, the first contract that this one created: its address follows from this one's.
    function generations() external view returns (address);

    /// @notice The newest ceremony, 0 before the first.
    function current() external view returns (uint64 ceremony);

    /// @notice Whether `account` accepted a seat in the running attempt of the newest ceremony, which has not ended yet.
    function isSeated(address account) external view returns (bool);

    /// @notice Where the newest ceremony stands; this and the views below revert with {WrongCeremony} for any other.
    function statusOf(uint64 ceremony) external view returns (Status memory);

    /// @notice Accept: the invited by place, 1..n, zero where there is no candidate. Later: those seated.
    function receiversOf(uint64 ceremony) external view returns (address[] memory accounts);

    /// @notice keccak256 of the 128 bytes of the key with which `seat`, a place until seats are numbered, was accepted; zero if it was not.
    function receivingKeyHash(uint64 ceremony, uint8 seat) external view returns (bytes32);
}

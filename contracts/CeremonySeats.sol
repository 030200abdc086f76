// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Generations} from "./Generations.sol";
import {IGenerations} from "./interfaces/IGenerations.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IRotation} from "./interfaces/IRotation.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {Seats} from "./libraries/Seats.sol";
import {MeshContract} from "./MeshContract.sol";

/// @title Who sits in a key ceremony: invitations, replacements and seats
/// @notice The order of invitation is that of the registry in a key generation, which is the order of the genesis list, that in which
/// {IGenerations} names the members in a re-key, and that of the turn's permutation in a resharing, with the candidates that had no weight
/// after it. Whom an attempt failed by is invited last from then on.
abstract contract CeremonySeats is MeshContract, IKeyCeremony {
    using Seats for uint40;

    /// @dev There is one at a time, and its storage is the next one's: storage that is written over costs a quarter of storage that is
    /// new. So what is left of an earlier ceremony or attempt counts only where `status` says that it is of this one. Receivers above
    /// its seats are of a larger one.
    struct Ceremony {
        Status status;
        /// Bits of candidates by rank, which is their position in the order of invitation: those invited in this attempt, so that no one is
        /// invited twice while others wait; and those that an earlier attempt failed by, whom later ones invite last.
        uint256 drawn;
        uint256 failed;
        mapping(uint256 seat => Receiver) receivers;
        /// Hashes of one-time keys, by the place at which they were accepted with.
        mapping(uint256 place => bytes32 keyHash) receivingKeys;
    }

    /// @dev `place` is the one that it accepted, which stays when seats are numbered.
    struct Receiver {
        address account;
        uint8 rank;
        uint8 place;
    }

    /// @dev A walk along the order of invitation: once over all, then over those again that an attempt failed by.
    struct Walk {
        address[] order;
        /// Whether `order` has all there are; a permutation is read as far as it is needed.
        bool isWhole;
        uint256 next;
        /// How many of the first are known to be eligible or not, and which are.
        uint256 looked;
        uint256 eligible;
    }

    /// @dev As many candidates are looked at as a bitmap has bits.
    uint256 private constant MAXIMUM_CANDIDATES = 256;

    /// @inheritdoc IKeyCeremony
    IGroupKeys public immutable groupKeys;
    /// @inheritdoc IKeyCeremony
    IValidatorRegistry public immutable registry;
    /// @inheritdoc IKeyCeremony
    IRotation public immutable rotation;
    /// @inheritdoc IKeyCeremony
    address public immutable generations;

    Ceremony internal _ceremony;

    /// @dev The generations are the first contract that this one creates, so that the genesis need not name them: see {FleetRegistry}.
    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IValidatorRegistry registry_,
        IRotation rotation_
    ) MeshContract(anchor_, anchor_.meshId()) {
        groupKeys = groupKeys_;
        registry = registry_;
        rotation = rotation_;
        generations = address(new Generations(anchor_, groupKeys_, this, registry_));
    }

    /// @inheritdoc IKeyCeremony
    function current() external view returns (uint64) {
        return _ceremony.status.ceremony;
    }

    /// @inheritdoc IKeyCeremony
    function statusOf(uint64 ceremony) external view returns (Status memory) {
        return _newest(ceremony).status;
    }

    /// @inheritdoc IKeyCeremony
    function receiversOf(uint64 ceremony) external view returns (address[] memory) {
        return _accounts(_newest(ceremony));
    }

    /// @inheritdoc IKeyCeremony
    function receivingKeyHash(uint64 ceremony, uint8 seat) external view returns (bytes32) {
        Ceremony storage c = _newest(ceremony);
        return c.status.accepted.has(seat) ? c.receivingKeys[c.receivers[seat].place] : bytes32(0);
    }

    /// @inheritdoc IKeyCeremony
    function isSeated(address account) external view returns (bool) {
        Status memory status = _ceremony.status;
        if (!_isUnderWay(status.phase)) return false;
        for (uint256 seat = 1; seat <= status.seats; seat++) {
            if (status.accepted.has(seat) && _ceremony.receivers[seat].account == account) return true;
        }
        return false;
    }

    /// @dev Of earlier ceremonies nothing is kept but their events.
    function _newest(uint64 ceremony) internal view returns (Ceremony storage) {
        uint64 newest = _ceremony.status.ceremony;
        if (ceremony != newest || ceremony == 0) revert WrongCeremony(ceremony, newest);
        return _ceremony;
    }

    /// @return invited How many candidates there are for the seats.
    function _startAttempt(Ceremony storage c, uint64 ceremony) internal returns (uint256 invited) {
        Status storage status = c.status;
        uint32 attempt = ++status.attempt;
        (status.accepted, status.dealers) = (0, 0);
        (status.dealt, status.disqualified, status.acknowledged) = (0, 0, 0);
        (status.refuted, status.counted) = (0, 0);
        c.drawn = 0;
        invited = _invite(c, true);
        uint64 deadline = _enter(c, Phase.Accept);
        emit Invited(ceremony, attempt, _accounts(c), deadline);
    }

    /// @dev Gives each seat whose holder has not accepted to the next candidate, if there is one: by rank, first those that no
    /// attempt failed by, then the others.
    /// @param isNew Whether the attempt begins, so that whoever is there had the seat before.
    /// @return invited How many seats got a new holder.
    function _invite(Ceremony storage c, bool isNew) internal returns (uint256 invited) {
        Walk memory walk;
        Kind kind = c.status.kind;
        if (kind != Kind.Resharing) {
            walk.order = kind == Kind.Rekey ? _named() : registry.candidates();
            walk.isWhole = true;
        }
        (uint256 drawn, uint256 failed) = (c.drawn, c.failed);

        uint256 seats = c.status.seats;
        uint40 accepted = c.status.accepted;
        for (uint256 seat = 1; seat <= seats; seat++) {
            if (accepted.has(seat)) continue;
            Receiver memory holder = c.receivers[seat];
            (address account, uint256 rank) = _nextOf(walk, seats, drawn, failed);
            if (account == address(0)) {
                if (!isNew) break;
                if (holder.account != address(0)) delete c.receivers[seat];
                continue;
            }

            if (!isNew && holder.account != address(0)) c.failed |= 1 << holder.rank;
            c.receivers[seat] = Receiver({account: account, rank: uint8(rank), place: uint8(seat)});
            drawn |= 1 << rank;
            invited++;
        }
        c.drawn = drawn;
    }

    /// @dev The next candidate that is eligible and not drawn; zero if there is none.
    function _nextOf(
        Walk memory walk,
        uint256 step,
        uint256 drawn,
        uint256 failed
    ) private view returns (address account, uint256 rank) {
        while (true) {
            if (walk.next == walk.order.length && !walk.isWhole) _readOn(walk, step);
            uint256 count = walk.order.length < MAXIMUM_CANDIDATES ? walk.order.length : MAXIMUM_CANDIDATES;
            if (walk.next == 2 * count) return (address(0), 0);

            bool isSecondRound = walk.next >= count;
            rank = walk.next++ % count;
            bool hasFailed = (failed >> rank) & 1 == 1;
            if ((drawn >> rank) & 1 == 1 || hasFailed != isSecondRound) continue;
            while (rank >= walk.looked) _look(walk, step);
            if ((walk.eligible >> rank) & 1 == 1) return (walk.order[rank], rank);
        }
    }

    /// @dev Asks the registry about `step` more at once.
    function _look(Walk memory walk, uint256 step) private view {
        uint256 from = walk.looked;
        uint256 left = walk.order.length - from;
        address[] memory accounts = new address[](left < step ? left : step);
        for (uint256 i = 0; i < accounts.length; i++) accounts[i] = walk.order[from + i];
        walk.eligible |= registry.eligibleAmong(accounts) << from;
        walk.looked = from + accounts.length;
    }

    /// @dev Reads `step` more members of the permutation. Where it ends, those that it left out follow: whoever was admitted since
    /// the freeze, say, so that a mesh that lost most of the drawn can still fill its seats.
    function _readOn(Walk memory walk, uint256 step) private view {
        uint256 wanted = walk.order.length + step;
        walk.order = _joined(walk.order, rotation.drawn(walk.order.length, step));
        uint256 known = walk.order.length;
        walk.isWhole = known < wanted || known >= MAXIMUM_CANDIDATES;
        if (known < wanted && known < MAXIMUM_CANDIDATES) {
            walk.order = _joined(walk.order, rotation.undrawn(MAXIMUM_CANDIDATES - known));
        }
    }

    function _joined(address[] memory head, address[] memory tail) private pure returns (address[] memory all) {
        all = new address[](head.length + tail.length);
        for (uint256 i = 0; i < head.length; i++) all[i] = head[i];
        for (uint256 i = 0; i < tail.length; i++) all[head.length + i] = tail[i];
    }

    /// @dev Those who accepted move to the first seats, in ascending order of account; the other seats become empty.
    function _assignSeats(Ceremony storage c, Status memory status) internal returns (address[] memory accounts) {
        uint256 count = status.accepted.count();
        accounts = new address[](count);
        Receiver[] memory sorted = new Receiver[](count);
        uint256 filled = 0;
        for (uint256 seat = 1; seat <= status.seats; seat++) {
            if (!status.accepted.has(seat)) continue;
            Receiver memory receiver = c.receivers[seat];
            uint256 place = filled++;
            for (; place > 0 && sorted[place - 1].account > receiver.account; place--) {
                sorted[place] = sorted[place - 1];
            }
            sorted[place] = receiver;
        }
        for (uint256 seat = 1; seat <= status.seats; seat++) {
            if (seat <= filled) {
                c.receivers[seat] = sorted[seat - 1];
                accounts[seat - 1] = sorted[seat - 1].account;
            } else {
                delete c.receivers[seat];
            }
        }
        c.status.accepted = Seats.firstOf(count);
    }

    /// @dev Enters or repeats a phase.
    function _enter(Ceremony storage c, Phase phase) internal returns (uint64 deadline) {
        deadline = uint64(block.timestamp) + c.status.phaseSeconds;
        (c.status.phase, c.status.deadline) = (phase, uint40(deadline));
    }

    function _isUnderWay(Phase phase) internal pure returns (bool) {
        return phase != Phase.None && phase < Phase.Active;
    }

    /// @dev Who is invited to `seat`, or sits there; zero if nobody.
    function _receiverAt(Ceremony storage c, uint256 seat) internal view returns (address) {
        return seat > c.status.seats ? address(0) : c.receivers[seat].account;
    }

    /// @dev The dealer at `seat`, zero if there is none: a member in office in a resharing, else a receiver.
    function _dealerAt(Ceremony storage c, bool isResharing, uint8 seat) internal view returns (address) {
        return isResharing ? groupKeys.memberAt(seat) : _receiverAt(c, seat);
    }

    /// @dev Seats of the committee in office. One place that asks keeps the contract below the size that a chain takes.
    function _seatsInOffice() internal view returns (uint256) {
        return groupKeys.seats();
    }

    /// @dev For a re-key.
    function _named() internal view returns (address[] memory) {
        return IGenerations(generations).members();
    }

    /// @dev Seats that have a dealer: in a resharing some of the committee in office may be empty, if not all dealt.
    function _dealerSeats(Status memory status) internal view returns (uint40 dealers) {
        uint40 all = Seats.firstOf(status.dealers);
        if (status.kind != Kind.Resharing || status.dealt == all) return all;
        address[] memory committee = groupKeys.committee();
        for (uint256 i = 0; i < committee.length; i++) if (committee[i] != address(0)) dealers = dealers.with(i + 1);
    }

    /// @dev Ranks of those at `seats`, as a bitmap.
    function _ranks(Ceremony storage c, uint40 seats) internal view returns (uint256 ranks) {
        for (uint256 seat = 1; seat <= c.status.seats; seat++) {
            if (seats.has(seat) && c.receivers[seat].account != address(0)) ranks |= 1 << c.receivers[seat].rank;
        }
    }

    /// @dev By seat, all seats of the committee; zero for an empty one.
    function _accounts(Ceremony storage c) internal view returns (address[] memory accounts) {
        accounts = new address[](c.status.seats);
        for (uint256 i = 0; i < accounts.length; i++) accounts[i] = c.receivers[i + 1].account;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IRevocationList} from "./interfaces/IRevocationList.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IGroupKeys} says
contract GroupKeys is IGroupKeys, MeshContract {
    /// @dev A committee of the generation, or the last one of the generation before.
    struct Term {
        uint64 epoch;
        uint64 ceremony;
        bytes32 verificationRoot;
        address[] committee;
    }

    /// @dev The committee in office and the one before: a new one takes the place of that, since storage that is written over costs a
    /// quarter of storage that is new.
    Term[2] private _terms;
    uint8 private _current;
    /// @inheritdoc IGroupKeys
    uint64 public since;
    /// @inheritdoc IGroupKeys
    uint64 public generation;
    /// @dev {Probation}, in the same word.
    uint64 private _probationHead;
    uint56 private _probationUntil;

    /// @dev Of the generation, and the hash of both keys, which a handover is held to.
    BLS12381.G1Point private _blsKey;
    /// @inheritdoc IGroupKeys
    bytes32 public edKey;
    bytes32 private _keysHash;

    constructor(ITrustAnchor anchor_) MeshContract(anchor_, anchor_.meshId()) {}

    /// @inheritdoc IGroupKeys
    function setOffice(Office calldata next) external onlyCeremony {
        if (!Quorum.isSize(next.committee.length)) revert InvalidCommitteeSize(next.committee.length);
        uint64 before = _term().epoch;
        if (next.epoch != before + 1) revert WrongEpoch(next.epoch, before);
        bool isHandover = next.generation == generation && next.generation != 0;
        bytes32 keysHash = keccak256(abi.encode(next.blsKey, next.edKey));
        if (isHandover) {
            if (keysHash != _keysHash) revert KeysOfGenerationChanged(next.generation);
        } else {
            if (next.generation != generation + 1) revert WrongGeneration(next.generation, generation);
            if (!BLS12381.isValidPublicKey(next.blsKey) || next.edKey == 0) revert InvalidGroupKey();
            (generation, _blsKey, edKey, _keysHash) = (next.generation, next.blsKey, next.edKey, keysHash);
        }

        _current ^= 1;
        Term storage term = _term();
        (term.epoch, term.ceremony) = (next.epoch, next.ceremony);
        (term.verificationRoot, term.committee) = (next.verificationRoot, next.committee);
        since = uint64(block.timestamp);
        // Straight from the call's data: {revertOffice} has the same event of what is stored.
        emit OfficeTaken(
            next.generation,
            next.epoch,
            next.ceremony,
            next.blsKey,
            next.edKey,
            next.verificationRoot,
            next.committee
        );
        if (isHandover) _beginProbation(next.epoch);
        else _endProbation();
    }

    /// @inheritdoc IGroupKeys
    function revertOffice() external {
        uint64 until = _probationUntil;
        if (!inProbation() || block.timestamp <= until) revert OfficeStays(_probationHead, until);
        uint64 failed = _term().epoch;

        _current ^= 1;
        _term().epoch = failed + 1;
        since = uint64(block.timestamp);
        _endProbation();
        emit OfficeReverted(failed);
        Office memory back = office();
        emit OfficeTaken(
            back.generation,
            back.epoch,
            back.ceremony,
            back.blsKey,
            back.edKey,
            back.verificationRoot,
            back.committee
        );
    }

    /// @inheritdoc IGroupKeys
    function verify(bytes32 digest, BLS12381.G2Point calldata signature) external view returns (bool) {
        // Before the first committee the key is infinity, under which nothing verifies.
        return BLS12381.verify(_blsKey, digest, bytes(Statements.DST_SIGNATURE), signature);
    }

    /// @inheritdoc IGroupKeys
    function office() public view returns (Office memory) {
        Term memory term = _term();
        return
            Office({
                generation: generation,
                epoch: term.epoch,
                ceremony: term.ceremony,
                blsKey: _blsKey,
                edKey: edKey,
                verificationRoot: term.verificationRoot,
                committee: term.committee
            });
    }

    /// @inheritdoc IGroupKeys
    function epoch() external view returns (uint64) {
        return _term().epoch;
    }

    /// @inheritdoc IGroupKeys
    function blsKey() external view returns (BLS12381.G1Point memory) {
        return _blsKey;
    }

    /// @inheritdoc IGroupKeys
    function verificationRoot() external view returns (bytes32) {
        return _term().verificationRoot;
    }

    /// @inheritdoc IGroupKeys
    function committee() external view returns (address[] memory) {
        return _term().committee;
    }

    /// @inheritdoc IGroupKeys
    function seats() external view returns (uint256) {
        return _term().committee.length;
    }

    /// @inheritdoc IGroupKeys
    function memberAt(uint256 seat) external view returns (address) {
        address[] storage committee_ = _term().committee;
        return seat == 0 || seat > committee_.length ? address(0) : committee_[seat - 1];
    }

    /// @inheritdoc IGroupKeys
    function probation() external view returns (Probation memory) {
        return Probation({head: _probationHead, until: _probationUntil});
    }

    /// @inheritdoc IGroupKeys
    function inProbation() public view returns (bool) {
        return _probationUntil != 0 && IRevocationList(anchor.revocations()).headNumber() < _probationHead;
    }

    /// @inheritdoc IGroupKeys
    function seatOf(address account) external view returns (uint256) {
        return _seatIn(_term(), account);
    }

    /// @inheritdoc IGroupKeys
    function isBound(address account) external view returns (bool) {
        if (_seatIn(_term(), account) != 0) return true;
        if (inProbation() && _seatIn(_terms[_current ^ 1], account) != 0) return true;
        IKeyCeremony ceremony = IKeyCeremony(anchor.ceremony());
        return ceremony.isSeated(account) || _isInvited(ceremony, account);
    }

    function _term() private view returns (Term storage) {
        return _terms[_current];
    }

    /// @dev Whoever is invited may accept also after it left.
    function _isInvited(IKeyCeremony ceremony, address account) private view returns (bool) {
        uint64 current = ceremony.current();
        if (current == 0 || ceremony.statusOf(current).phase != IKeyCeremony.Phase.Accept) return false;
        address[] memory invited = ceremony.receiversOf(current);
        for (uint256 i = 0; i < invited.length; i++) if (invited[i] == account) return true;
        return false;
    }

    function _seatIn(Term storage term, address account) private view returns (uint256) {
        if (account == address(0)) return 0;
        uint256 count = term.committee.length;
        for (uint256 i = 0; i < count; i++) if (term.committee[i] == account) return i + 1;
        return 0;
    }

    /// @dev Heads are signed under a key that the committee before could sign with too. Those of ticks in which it is out of office it
    /// does not sign, and f liars of it are too few.
    function _beginProbation(uint64 epoch_) private {
        ITrustAnchor.Parameters memory parameters = anchor.parameters();
        if (parameters.probationHeads == 0) return _endProbation();
        // Counted in time, not from the newest head on the ledger: of earlier ticks there are heads that nobody has posted yet.
        uint64 scheduled =
            (uint64(block.timestamp) - anchor.start()) / parameters.headSeconds + parameters.probationHeads;
        uint64 head = scheduled * (parameters.headSeconds / parameters.tickSeconds);
        uint64 until = uint64(block.timestamp) + parameters.probationSeconds;
        (_probationHead, _probationUntil) = (head, uint56(until));
        emit ProbationBegan(epoch_, head, until);
    }

    function _endProbation() private {
        (_probationHead, _probationUntil) = (0, 0);
    }
}

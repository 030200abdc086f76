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
    /// @dev The committee in office and the one before: a new one takes the place of that, since storage that is written over costs a
    /// quarter of storage that is new.
    Office[2] private _offices;
    uint8 private _current;
    /// @inheritdoc IGroupKeys
    uint64 public since;
    Probation private _probation;

    constructor(ITrustAnchor anchor_) MeshContract(anchor_, anchor_.meshId()) {}

    /// @inheritdoc IGroupKeys
    function setOffice(Office calldata next) external onlyCeremony {
        uint256 seats = next.committee.length;
        if (!Quorum.isSize(seats)) revert InvalidCommitteeSize(seats);
        Office storage office_ = _office();
        if (next.epoch != office_.epoch + 1) revert WrongEpoch(next.epoch, office_.epoch);
        bool isHandover = next.generation == office_.generation && next.generation != 0;
        if (isHandover) {
            _requireSameKeys(next);
        } else {
            if (next.generation != office_.generation + 1) revert WrongGeneration(next.generation, office_.generation);
            if (!BLS12381.isValidPublicKey(next.blsKey) || next.edKey == 0) revert InvalidGroupKey();
        }

        _current ^= 1;
        _offices[_current] = next;
        since = uint64(block.timestamp);
        _emitTaken(next);
        if (isHandover) _beginProbation(next.epoch);
        else delete _probation;
    }

    /// @inheritdoc IGroupKeys
    function revertOffice() external {
        (uint64 head, uint64 until) = (_probation.head, _probation.until);
        if (!inProbation() || block.timestamp <= until) revert OfficeStays(head, until);
        uint64 failed = _office().epoch;

        _current ^= 1;
        Office storage office_ = _office();
        office_.epoch = failed + 1;
        since = uint64(block.timestamp);
        delete _probation;
        emit OfficeReverted(failed);
        _emitTaken(office_);
    }

    /// @inheritdoc IGroupKeys
    function verify(bytes32 digest, BLS12381.G2Point calldata signature) external view returns (bool) {
        // Before the first committee the key is infinity, under which nothing verifies.
        return BLS12381.verify(_office().blsKey, digest, bytes(Statements.DST_SIGNATURE), signature);
    }

    /// @inheritdoc IGroupKeys
    function office() external view returns (Office memory) {
        return _office();
    }

    /// @inheritdoc IGroupKeys
    function generation() external view returns (uint64) {
        return _office().generation;
    }

    /// @inheritdoc IGroupKeys
    function epoch() external view returns (uint64) {
        return _office().epoch;
    }

    /// @inheritdoc IGroupKeys
    function blsKey() external view returns (BLS12381.G1Point memory) {
        return _office().blsKey;
    }

    /// @inheritdoc IGroupKeys
    function edKey() external view returns (bytes32) {
        return _office().edKey;
    }

    /// @inheritdoc IGroupKeys
    function verificationRoot() external view returns (bytes32) {
        return _office().verificationRoot;
    }

    /// @inheritdoc IGroupKeys
    function committee() external view returns (address[] memory) {
        return _office().committee;
    }

    /// @inheritdoc IGroupKeys
    function memberAt(uint256 seat) external view returns (address) {
        address[] storage committee_ = _office().committee;
        return seat == 0 || seat > committee_.length ? address(0) : committee_[seat - 1];
    }

    /// @inheritdoc IGroupKeys
    function probation() external view returns (Probation memory) {
        return _probation;
    }

    /// @inheritdoc IGroupKeys
    function inProbation() public view returns (bool) {
        return _probation.until != 0 && IRevocationList(anchor.revocations()).headNumber() < _probation.head;
    }

    /// @inheritdoc IGroupKeys
    function seatOf(address account) external view returns (uint256) {
        return _seatIn(_office(), account);
    }

    /// @inheritdoc IGroupKeys
    function isBound(address account) external view returns (bool) {
        if (_seatIn(_office(), account) != 0) return true;
        if (inProbation() && _seatIn(_offices[_current ^ 1], account) != 0) return true;
        return IKeyCeremony(anchor.ceremony()).isSeated(account);
    }

    function _office() private view returns (Office storage) {
        return _offices[_current];
    }

    function _seatIn(Office storage office_, address account) private view returns (uint256) {
        if (account == address(0)) return 0;
        uint256 seats = office_.committee.length;
        for (uint256 i = 0; i < seats; i++) if (office_.committee[i] == account) return i + 1;
        return 0;
    }

    /// @dev Heads are signed under a key that the committee before could sign with too. Those of ticks in which it is out of office it
    /// does not sign, and f liars of it are too few.
    function _beginProbation(uint64 epoch_) private {
        ITrustAnchor.Parameters memory parameters = anchor.parameters();
        if (parameters.probationHeads == 0) {
            delete _probation;
            return;
        }
        // Counted in time, not from the newest head on the ledger: of earlier ticks there are heads that nobody has posted yet.
        uint64 scheduled =
            (uint64(block.timestamp) - anchor.start()) / parameters.headSeconds + parameters.probationHeads;
        uint64 head = scheduled * (parameters.headSeconds / parameters.tickSeconds);
        uint64 until = uint64(block.timestamp) + parameters.probationSeconds;
        _probation = Probation({head: head, until: until});
        emit ProbationBegan(epoch_, head, until);
    }

    function _emitTaken(Office memory taken) private {
        emit OfficeTaken(
            taken.generation,
            taken.epoch,
            taken.ceremony,
            taken.blsKey,
            taken.edKey,
            taken.verificationRoot,
            taken.committee
        );
    }

    function _requireSameKeys(Office calldata next) private view {
        BLS12381.G1Point memory key = _office().blsKey;
        bool isSame = keccak256(abi.encode(key)) == keccak256(abi.encode(next.blsKey)) && _office().edKey == next.edKey;
        if (!isSame) revert KeysOfGenerationChanged(next.generation);
    }
}

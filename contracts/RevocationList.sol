// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IFleetRegistry} from "./interfaces/IFleetRegistry.sol";
import {IRevocationList} from "./interfaces/IRevocationList.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {RevocationEntries} from "./libraries/RevocationEntries.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IRevocationList} says
contract RevocationList is IRevocationList, SwarmGoverned {
    uint256 private constant WORD_BITS = 256;
    /// @dev Bit c for each CRLReason c that a final revocation may have; certificateHold (6) is what {hold} is for.
    uint256 private constant FINAL_REASONS =
        (1 << 0) | (1 << 1) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 9) | (1 << 10);

    /// @inheritdoc IRevocationList
    IFleetRegistry public immutable fleets;
    /// @inheritdoc IRevocationList
    mapping(uint32 word => uint256 bits) public revoked;
    /// @inheritdoc IRevocationList
    mapping(uint32 word => uint256 bits) public held;

    Head private _head;
    Checkpoint private _checkpoint;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IFleetRegistry fleets_
    ) SwarmGoverned(anchor_, groupKeys_) {
        fleets = fleets_;
    }

    /// @inheritdoc IRevocationList
    function revoke(
        uint32[] calldata words,
        uint256[] calldata masks,
        uint8 reason,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external {
        if ((FINAL_REASONS >> reason) & 1 == 0) revert InvalidReason(reason);
        uint64 next = fleets.nextIndex();
        if (RevocationEntries.highestIndex(words, masks) >= next)
            revert IndexNotAllocated(words[words.length - 1], next);
        bytes32 entriesHash = RevocationEntries.hash(words, masks);
        bytes32 digest = _takeOnce(Statements.revocation(entriesHash, reason, expiry), expiry, signature);

        emit Revoked(digest, reason, RevocationEntries.applyTo(revoked, words, masks, true));
    }

    /// @inheritdoc IRevocationList
    function hold(IFleetRegistry.Batch calldata batch, uint32[] calldata words, uint256[] calldata masks) external {
        _requireOwnDevices(batch, words, masks);

        emit Held(batch.fleetId, msg.sender, RevocationEntries.applyTo(held, words, masks, true));
    }

    /// @inheritdoc IRevocationList
    function release(IFleetRegistry.Batch calldata batch, uint32[] calldata words, uint256[] calldata masks) external {
        _requireOwnDevices(batch, words, masks);

        emit Released(batch.fleetId, msg.sender, RevocationEntries.applyTo(held, words, masks, false));
    }

    /// @inheritdoc IRevocationList
    function postHead(Head calldata head, BLS12381.G2Point calldata signature) external {
        _requireNewer(head.number, _head.number);
        _takeOrdered(
            Statements.drlHead(head.number, head.root, head.words, head.issued, head.expires, head.blockNumber),
            signature
        );

        _head = head;
        emit HeadPosted(head.number, head, signature);
    }

    /// @inheritdoc IRevocationList
    function postCheckpoint(Checkpoint calldata checkpoint, BLS12381.G2Point calldata signature) external {
        _requireNewer(checkpoint.number, _checkpoint.number);
        _takeOrdered(Statements.checkpoint(checkpoint.number, checkpoint.blockNumber, checkpoint.blockHash), signature);

        _checkpoint = checkpoint;
        emit CheckpointPosted(checkpoint.number, checkpoint, signature);
    }

    /// @inheritdoc IRevocationList
    function effective(uint32 word) public view returns (uint256) {
        return revoked[word] | held[word];
    }

    /// @inheritdoc IRevocationList
    function effectiveRange(uint32 first, uint32 count) external view returns (uint256[] memory bits) {
        bits = new uint256[](count);
        for (uint32 i = 0; i < count; i++) bits[i] = effective(first + i);
    }

    /// @inheritdoc IRevocationList
    function isRevoked(uint64 index) external view returns (bool) {
        uint64 word = index / uint64(WORD_BITS);
        if (word > type(uint32).max) return false;
        return (effective(uint32(word)) >> (index % WORD_BITS)) & 1 == 1;
    }

    /// @inheritdoc IRevocationList
    function headNumber() external view returns (uint64) {
        return _head.number;
    }

    /// @inheritdoc IRevocationList
    function latestHead() external view returns (Head memory) {
        return _head;
    }

    /// @inheritdoc IRevocationList
    function latestCheckpoint() external view returns (Checkpoint memory) {
        return _checkpoint;
    }

    /// @dev The number is above the last one, and its tick is not ahead: keys that were stolen and replaced since would sign one that no
    /// honest head ever exceeds, and no committee would pass its probation again.
    function _requireNewer(uint64 number, uint64 last) private view {
        if (number <= last) revert NotNewer(number, last);
        uint256 comes = anchor.tickTime(number);
        if (comes > block.timestamp) revert TickAhead(number, comes);
    }

    /// @dev The caller is the registrar of the batch, and all entries are devices of it. Words increase, which {RevocationEntries} checks,
    /// so the first and the last bound all; a batch begins with a word.
    function _requireOwnDevices(
        IFleetRegistry.Batch calldata batch,
        uint32[] calldata words,
        uint256[] calldata masks
    ) private view {
        address registrar = fleets.registrarOf(batch);
        if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);
        if (RevocationEntries.highestIndex(words, masks) >= batch.base + batch.count) {
            revert OutsideBatch(words[words.length - 1], batch.base, batch.count);
        }
        if (words[0] < batch.base / WORD_BITS) revert OutsideBatch(words[0], batch.base, batch.count);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {IFleetRegistry} from "./IFleetRegistry.sol";

/// @title The distributed revocation list: one bit per device, and its signed heads
/// @notice Device i is bit i % 256 (0 the least significant) of word i / 256. Bits set by the swarm's statement are final; a
/// registrar holds and releases devices of its own fleets by its own transactions. A device is refused while either bit is set.
interface IRevocationList {
    /// @notice The list at a tick (docs/protocol.md, section 3.7).
    /// @param number Of the tick.
    /// @param root SHA-256 Merkle root over the effective words.
    /// @param words How many words the tree has before padding.
    /// @param issued Time of the tick, in seconds since 1970.
    /// @param expires Until when the head is fresh.
    /// @param blockNumber The block whose state this is.
    struct Head {
        uint64 number;
        bytes32 root;
        uint32 words;
        uint64 issued;
        uint64 expires;
        uint64 blockNumber;
    }

    /// @notice A finalised block that gateways check state proofs against.
    struct Checkpoint {
        uint64 number;
        uint64 blockNumber;
        bytes32 blockHash;
    }

    /// @notice The swarm revoked these devices for ever.
    /// @param reason CRLReason of RFC 5280, section 5.3.1.
    /// @param entries 36 bytes each: word in 4 bytes, mask in 32 (as in the other two events; half the gas of two arrays).
    event Revoked(bytes32 indexed digest, uint8 indexed reason, bytes entries);
    /// @notice The registrar holds these devices of one of its batches.
    event Held(uint64 indexed fleetId, address indexed registrar, bytes entries);
    /// @notice The registrar released these devices of one of its batches.
    event Released(uint64 indexed fleetId, address indexed registrar, bytes entries);
    /// @notice A newer head is known.
    event HeadPosted(uint64 indexed number, Head head, BLS12381.G2Point signature);
    /// @notice A newer checkpoint is known.
    event CheckpointPosted(uint64 indexed number, Checkpoint checkpoint, BLS12381.G2Point signature);

    /// @notice `words` words and `masks` masks: give as many of each, and at least one.
    error InvalidEntries(uint256 words, uint256 masks);
    /// @notice Words come in strictly increasing order; `word` does not.
    error WordsNotIncreasing(uint32 word);
    /// @notice The mask of `word` is zero.
    error EmptyMask(uint32 word);
    /// @notice Devices are numbered below `next`; `word` has a bit of a higher one.
    error IndexNotAllocated(uint32 word, uint64 next);
    /// @notice `word` has a bit of a device outside [base, base + count).
    error OutsideBatch(uint32 word, uint64 base, uint64 count);
    /// @notice `reason` is not one for a final revocation: 0, 1, 3, 4, 5, 9 or 10.
    error InvalidReason(uint8 reason);
    /// @notice Only `registrar`, whose batch it is, may hold and release, not `caller`.
    error NotRegistrar(address caller, address registrar);
    /// @notice A head or checkpoint with number `last` is known, and `number` is not newer.
    error NotNewer(uint64 number, uint64 last);
    /// @notice Tick `number` comes at `comes`, in seconds since 1970: no head or checkpoint of it counts before.
    error TickAhead(uint64 number, uint256 comes);

    /// @notice Revokes devices for ever by the swarm's Revocation statement (order-free). Anyone may submit it.
    /// Devices that were revoked before stay so.
    /// @param words Strictly increasing.
    /// @param masks Which devices of each word, never zero.
    function revoke(
        uint32[] calldata words,
        uint256[] calldata masks,
        uint8 reason,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external;

    /// @notice Holds devices of one batch. Only the registrar of its fleet, also after its grant ended.
    function hold(IFleetRegistry.Batch calldata batch, uint32[] calldata words, uint256[] calldata masks) external;

    /// @notice Releases devices of one batch from hold; final revocations stay. Only the registrar of its fleet.
    function release(IFleetRegistry.Batch calldata batch, uint32[] calldata words, uint256[] calldata masks) external;

    /// @notice Posts a head by the swarm's DrlHead statement, newer than the last and of a tick that has come. Anyone may submit it.
    function postHead(Head calldata head, BLS12381.G2Point calldata signature) external;

    /// @notice Posts a checkpoint by the swarm's Checkpoint statement, newer than the last and of a tick that has come. Anyone may submit it.
    function postCheckpoint(Checkpoint calldata checkpoint, BLS12381.G2Point calldata signature) external;

    /// @notice Where devices and their registrars come from: the fleets that the genesis names.
    function fleets() external view returns (IFleetRegistry);
    /// @notice Final revocations of a word.
    function revoked(uint32 word) external view returns (uint256);
    /// @notice Holds of a word.
    function held(uint32 word) external view returns (uint256);
    /// @notice The word that heads commit to: revoked | held.
    function effective(uint32 word) external view returns (uint256);
    /// @notice {effective} of words [first, first + count).
    function effectiveRange(uint32 first, uint32 count) external view returns (uint256[] memory);
    /// @notice Whether device `index` is revoked or held.
    function isRevoked(uint64 index) external view returns (bool);
    /// @notice Number of the newest head; 0 for none.
    function headNumber() external view returns (uint64);
    /// @notice The newest posted head; all zero before the first.
    function latestHead() external view returns (Head memory);
    /// @notice The newest posted checkpoint; all zero before the first.
    function latestCheckpoint() external view returns (Checkpoint memory);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {IFleetRegistry} from "./IFleetRegistry.sol";

/// @title Which shards of devices' keys are where, and valid when: one root for a fleet of any size
/// @notice A map belongs to a subject of a fleet: 0 is the whole fleet, device index + 1 is one device, whose own map goes before
/// its fleet's. Versions follow one another by one. A version serves from `validFrom` until `validUntil`, and for `graceSeconds`
/// after that or after the next version began, whichever is sooner. All shortening takes effect in its own block.
interface IShardMap {
    /// @notice One version of a map.
    /// @param version From 1; the number of the period of the generator's ratchet.
    /// @param scheme 1: segments, all are needed. 2: Shamir shares, `threshold` are needed.
    /// @param threshold How many shards rebuild a key, 1 to `shards`; equal to it for segments, above 1 for Shamir shares.
    /// @param shards How many shards a key has, 1 to 32.
    /// @param replicas How many distinct holders keep each shard, 1 to 16.
    /// @param validFrom In seconds since 1970, as all times here.
    /// @param validUntil At most 31,622,400 s after `validFrom`.
    /// @param graceSeconds How long devices may still use the version after it was replaced or has ended, at most 31,622,400.
    /// @param rotationSeconds The generator's schedule: the next version is due so long after `validFrom`.
    /// @param root SHA-256 Merkle root over the devices' entries (docs/protocol.md, section 20); never zero.
    struct Map {
        uint32 version;
        uint8 scheme;
        uint8 threshold;
        uint8 shards;
        uint8 replicas;
        uint48 validFrom;
        uint48 validUntil;
        uint32 graceSeconds;
        uint32 rotationSeconds;
        bytes32 root;
    }

    /// @notice Where a version stands: it does not exist, begins later, serves, serves for the rest of its grace, is over, was
    /// invalidated.
    enum Status {
        None,
        Pending,
        Active,
        Grace,
        Ended,
        Invalidated
    }

    /// @notice A version was put on the ledger.
    /// @param terms All of it.
    /// @param holders The list of holders, CBOR (docs/protocol.md, section 20). Placement follows from it and the shards' ids.
    event MapRotated(uint64 indexed fleetId, uint64 indexed subject, Map terms, bytes holders);
    /// @notice A version ends sooner, or its grace is shorter.
    event MapShortened(
        uint64 indexed fleetId,
        uint64 indexed subject,
        uint32 version,
        uint48 validUntil,
        uint32 graceSeconds
    );
    /// @notice A version counts no more, grace included.
    event MapInvalidated(uint64 indexed fleetId, uint64 indexed subject, uint32 version);
    /// @notice A version's shards are kept by these holders from now on.
    event HoldersReplaced(uint64 indexed fleetId, uint64 indexed subject, uint32 version, bytes holders);
    /// @notice Devices in `scope` get no shards after `until` of versions that began before it.
    event ScopeLimited(uint64 indexed fleetId, string scope, uint48 until);
    /// @notice Device `index` gets no shards after `until` of versions that began before it.
    event DeviceLimited(uint64 indexed fleetId, uint64 indexed index, uint48 until);
    /// @notice A gateway-class device of the fleet offers to keep shards.
    event HolderAdded(uint64 indexed fleetId, uint64 indexed index, bytes32 tlsPin, string endpoint);
    /// @notice It keeps no more.
    event HolderRemoved(uint64 indexed fleetId, uint64 indexed index);

    /// @notice There is no fleet with this number.
    error UnknownFleet(uint64 fleetId);
    /// @notice Only `registrar`, whose fleet it is, may do this, not `caller`.
    error NotRegistrar(address caller, address registrar);
    /// @notice The registrar's grant ended at `expiry`: it may shorten and invalidate, and not rotate.
    error GrantExpired(uint64 expiry, uint256 time);
    /// @notice The next version is `expected`, not `version`.
    error WrongVersion(uint32 version, uint32 expected);
    /// @notice The map has a field of this value that no map can have; {Map} says which ones it can.
    error InvalidMap(string field, uint256 value);
    /// @notice A list of holders has 1 to 8192 bytes, not `length`.
    error InvalidHolders(uint256 length);
    /// @notice There is no such version, or it was invalidated.
    error NoSuchVersion(uint64 fleetId, uint64 subject, uint32 version);
    /// @notice A version's end and grace only move to sooner: it ends at `validUntil`, with a grace of `graceSeconds`.
    error NotShorter(uint48 validUntil, uint32 graceSeconds);
    /// @notice A limit only moves to sooner; it is at `until`.
    error NotSooner(uint48 until);
    /// @notice Device `index` is not in the batch [base, base + count).
    error NotInBatch(uint64 index, uint64 base, uint64 count);

    /// @notice Puts the next version of a fleet's map on the ledger. Only the fleet's registrar, while its grant runs.
    function rotate(uint64 fleetId, Map calldata map, bytes calldata holders) external;

    /// @notice The same for one device of `batch`.
    function rotateDevice(
        IFleetRegistry.Batch calldata batch,
        uint64 index,
        Map calldata map,
        bytes calldata holders
    ) external;

    /// @notice The same for any subject by the swarm's ShardMapRoot statement (order-free). Anyone may submit it.
    function rotateBySwarm(
        uint64 fleetId,
        uint64 subject,
        Map calldata map,
        bytes calldata holders,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external;

    /// @notice Has a version end sooner, at once if `validUntil` has passed. Only the fleet's registrar, also after its grant ended.
    function shorten(uint64 fleetId, uint64 subject, uint32 version, uint48 validUntil, uint32 graceSeconds) external;

    /// @notice Invalidates a version for ever, grace included. Only the fleet's registrar, also after its grant ended.
    function invalidate(uint64 fleetId, uint64 subject, uint32 version) external;

    /// @notice Replaces the holders of a version: one failed, or one joined. Only the fleet's registrar, also after its grant ended.
    function replaceHolders(uint64 fleetId, uint64 subject, uint32 version, bytes calldata holders) external;

    /// @notice Cuts devices in a scope off after `until`; versions that begin later are not concerned. Only the fleet's registrar.
    function limitScope(uint64 fleetId, string calldata scope, uint48 until) external;

    /// @notice Cuts one device off, as {limitScope}.
    function limitDevice(IFleetRegistry.Batch calldata batch, uint64 index, uint48 until) external;

    /// @notice Offers a gateway-class device as a holder for its fleet. Only the fleet's registrar, while its grant runs.
    /// @param tlsPin SHA-256 of the SubjectPublicKeyInfo of its TLS key.
    /// @param endpoint host:port.
    function addHolder(
        IFleetRegistry.Batch calldata batch,
        uint64 index,
        bytes32 tlsPin,
        string calldata endpoint
    ) external;

    /// @notice Withdraws the offer. Only the fleet's registrar.
    function removeHolder(IFleetRegistry.Batch calldata batch, uint64 index) external;

    /// @notice Where fleets and their registrars come from: the contract that created this one.
    function fleets() external view returns (IFleetRegistry);
    /// @notice The newest version of a subject's map; 0 before the first.
    function latestVersion(uint64 fleetId, uint64 subject) external view returns (uint32);
    /// @notice A version as it stands, shortened where it was; all zero if there is none.
    /// @return terms The version.
    /// @return holdersHash keccak256 of the list of holders.
    /// @return invalidated Whether it counts no more.
    function mapOf(
        uint64 fleetId,
        uint64 subject,
        uint32 version
    ) external view returns (Map memory terms, bytes32 holdersHash, bool invalidated);
    /// @notice Where a version stands at `time`.
    function statusAt(uint64 fleetId, uint64 subject, uint32 version, uint256 time) external view returns (Status);
    /// @notice Until when devices in `scope` are served under versions that began before; 0 for no limit.
    function scopeLimit(uint64 fleetId, bytes32 scopeHash) external view returns (uint48);
    /// @notice Until when device `index` is served under versions that began before; 0 for no limit.
    function deviceLimit(uint64 fleetId, uint64 index) external view returns (uint48);
}

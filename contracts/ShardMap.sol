// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IFleetRegistry} from "./interfaces/IFleetRegistry.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IShardMap} from "./interfaces/IShardMap.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Scope} from "./libraries/Scope.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IShardMap} says
contract ShardMap is IShardMap, SwarmGoverned {
    /// @dev Three slots: all but the hashes share one.
    struct Record {
        Map map;
        bytes32 holdersHash;
    }

    uint8 private constant SEGMENTS = 1;
    uint8 private constant SHAMIR = 2;
    uint256 private constant MAXIMUM_SHARDS = 32;
    uint256 private constant MAXIMUM_REPLICAS = 16;
    uint256 private constant MAXIMUM_SECONDS = 366 days;
    uint256 private constant MAXIMUM_HOLDERS_LENGTH = 8192;

    /// @inheritdoc IShardMap
    IFleetRegistry public immutable fleets;
    /// @inheritdoc IShardMap
    mapping(uint64 fleetId => mapping(uint64 subject => uint32 version)) public latestVersion;
    /// @inheritdoc IShardMap
    mapping(uint64 fleetId => mapping(bytes32 scopeHash => uint48 until)) public scopeLimit;
    /// @inheritdoc IShardMap
    mapping(uint64 fleetId => mapping(uint64 index => uint48 until)) public deviceLimit;

    mapping(uint64 fleetId => mapping(uint64 subject => mapping(uint32 version => Record record))) private _records;
    /// @dev Apart from the record, so that a rotation does not write it.
    mapping(uint64 fleetId => mapping(uint64 subject => mapping(uint32 version => bool invalidated)))
        private _invalidated;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IFleetRegistry fleets_
    ) SwarmGoverned(anchor_, groupKeys_) {
        fleets = fleets_;
    }

    /// @inheritdoc IShardMap
    function rotate(uint64 fleetId, Map calldata map, bytes calldata holders) external {
        _requireRegistrar(fleetId, true);

        _put(fleetId, 0, map, holders);
    }

    /// @inheritdoc IShardMap
    function rotateDevice(
        IFleetRegistry.Batch calldata batch,
        uint64 index,
        Map calldata map,
        bytes calldata holders
    ) external {
        _requireRegistrar(batch.fleetId, true);
        _requireInBatch(batch, index);

        _put(batch.fleetId, index + 1, map, holders);
    }

    /// @inheritdoc IShardMap
    function rotateBySwarm(
        uint64 fleetId,
        uint64 subject,
        Map calldata map,
        bytes calldata holders,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external {
        _registrarOf(fleetId);
        bytes32 mapHash = keccak256(abi.encode(map, keccak256(holders)));
        _takeOnce(Statements.shardMapRoot(fleetId, subject, mapHash, expiry), expiry, signature);

        _put(fleetId, subject, map, holders);
    }

    /// @inheritdoc IShardMap
    function shorten(uint64 fleetId, uint64 subject, uint32 version, uint48 validUntil, uint32 graceSeconds) external {
        _requireRegistrar(fleetId, false);
        Map storage map = _standing(fleetId, subject, version).map;
        if (validUntil > map.validUntil || graceSeconds > map.graceSeconds) {
            revert NotShorter(map.validUntil, map.graceSeconds);
        }

        map.validUntil = validUntil;
        map.graceSeconds = graceSeconds;
        emit MapShortened(fleetId, subject, version, validUntil, graceSeconds);
    }

    /// @inheritdoc IShardMap
    function invalidate(uint64 fleetId, uint64 subject, uint32 version) external {
        _requireRegistrar(fleetId, false);
        _standing(fleetId, subject, version);

        _invalidated[fleetId][subject][version] = true;
        emit MapInvalidated(fleetId, subject, version);
    }

    /// @inheritdoc IShardMap
    function replaceHolders(uint64 fleetId, uint64 subject, uint32 version, bytes calldata holders) external {
        _requireRegistrar(fleetId, false);
        Record storage record = _standing(fleetId, subject, version);
        _checkHolders(holders);

        record.holdersHash = keccak256(holders);
        emit HoldersReplaced(fleetId, subject, version, holders);
    }

    /// @inheritdoc IShardMap
    function limitScope(uint64 fleetId, string calldata scope, uint48 until) external {
        _requireRegistrar(fleetId, false);
        Scope.requireValid(scope);
        bytes32 scopeHash = keccak256(bytes(scope));
        _requireSooner(until, scopeLimit[fleetId][scopeHash]);

        scopeLimit[fleetId][scopeHash] = until;
        emit ScopeLimited(fleetId, scope, until);
    }

    /// @inheritdoc IShardMap
    function limitDevice(IFleetRegistry.Batch calldata batch, uint64 index, uint48 until) external {
        _requireRegistrar(batch.fleetId, false);
        _requireInBatch(batch, index);
        _requireSooner(until, deviceLimit[batch.fleetId][index]);

        deviceLimit[batch.fleetId][index] = until;
        emit DeviceLimited(batch.fleetId, index, until);
    }

    /// @inheritdoc IShardMap
    function addHolder(
        IFleetRegistry.Batch calldata batch,
        uint64 index,
        bytes32 tlsPin,
        string calldata endpoint
    ) external {
        _requireRegistrar(batch.fleetId, true);
        _requireInBatch(batch, index);

        emit HolderAdded(batch.fleetId, index, tlsPin, endpoint);
    }

    /// @inheritdoc IShardMap
    function removeHolder(IFleetRegistry.Batch calldata batch, uint64 index) external {
        _requireRegistrar(batch.fleetId, false);
        _requireInBatch(batch, index);

        emit HolderRemoved(batch.fleetId, index);
    }

    /// @inheritdoc IShardMap
    function mapOf(
        uint64 fleetId,
        uint64 subject,
        uint32 version
    ) external view returns (Map memory terms, bytes32 holdersHash, bool invalidated) {
        Record storage record = _records[fleetId][subject][version];
        return (record.map, record.holdersHash, _invalidated[fleetId][subject][version]);
    }

    /// @inheritdoc IShardMap
    function statusAt(uint64 fleetId, uint64 subject, uint32 version, uint256 time) external view returns (Status) {
        Map storage map = _records[fleetId][subject][version].map;
        if (map.version == 0) return Status.None;
        if (_invalidated[fleetId][subject][version]) return Status.Invalidated;
        if (time < map.validFrom) return Status.Pending;
        uint256 end = map.validUntil;
        uint256 next = _records[fleetId][subject][version + 1].map.validFrom;
        if (next != 0 && next < end) end = next;
        if (time < end) return Status.Active;
        return time < end + map.graceSeconds ? Status.Grace : Status.Ended;
    }

    function _put(uint64 fleetId, uint64 subject, Map calldata map, bytes calldata holders) private {
        uint32 expected = latestVersion[fleetId][subject] + 1;
        if (map.version != expected) revert WrongVersion(map.version, expected);
        _checkMap(map);
        _checkHolders(holders);

        latestVersion[fleetId][subject] = expected;
        _records[fleetId][subject][expected] = Record({map: map, holdersHash: keccak256(holders)});
        emit MapRotated(fleetId, subject, map, holders);
    }

    function _checkMap(Map calldata map) private view {
        if (map.scheme != SEGMENTS && map.scheme != SHAMIR) revert InvalidMap("scheme", map.scheme);
        if (map.shards == 0 || map.shards > MAXIMUM_SHARDS) revert InvalidMap("shards", map.shards);
        bool isPossible =
            map.scheme == SEGMENTS ? map.threshold == map.shards : map.threshold > 1 && map.threshold <= map.shards;
        if (!isPossible) revert InvalidMap("threshold", map.threshold);
        if (map.replicas == 0 || map.replicas > MAXIMUM_REPLICAS) revert InvalidMap("replicas", map.replicas);
        if (map.validFrom == 0 || map.validFrom > block.timestamp + MAXIMUM_SECONDS) {
            revert InvalidMap("validFrom", map.validFrom);
        }
        bool isRunning = map.validUntil > map.validFrom && map.validUntil > block.timestamp;
        if (!isRunning || map.validUntil - map.validFrom > MAXIMUM_SECONDS) {
            revert InvalidMap("validUntil", map.validUntil);
        }
        if (map.graceSeconds > MAXIMUM_SECONDS) revert InvalidMap("graceSeconds", map.graceSeconds);
        if (map.rotationSeconds == 0) revert InvalidMap("rotationSeconds", map.rotationSeconds);
        if (map.root == 0) revert InvalidMap("root", 0);
    }

    function _checkHolders(bytes calldata holders) private pure {
        if (holders.length == 0 || holders.length > MAXIMUM_HOLDERS_LENGTH) revert InvalidHolders(holders.length);
    }

    /// @dev The version, if it exists and still counts.
    function _standing(uint64 fleetId, uint64 subject, uint32 version) private view returns (Record storage record) {
        record = _records[fleetId][subject][version];
        if (record.map.version == 0 || _invalidated[fleetId][subject][version]) {
            revert NoSuchVersion(fleetId, subject, version);
        }
    }

    function _registrarOf(uint64 fleetId) private view returns (address registrar, uint64 expiry) {
        (uint64 grantId, , ) = fleets.fleetOf(fleetId);
        if (grantId == 0) revert UnknownFleet(fleetId);
        (registrar, , , , expiry) = fleets.grantOf(grantId);
    }

    function _requireRegistrar(uint64 fleetId, bool isWithinGrant) private view {
        (address registrar, uint64 expiry) = _registrarOf(fleetId);
        if (msg.sender != registrar) revert NotRegistrar(msg.sender, registrar);
        if (isWithinGrant && block.timestamp > expiry) revert GrantExpired(expiry, block.timestamp);
    }

    /// @dev The batch is one of the ledger's, which {IFleetRegistry.registrarOf} checks, and has the device.
    function _requireInBatch(IFleetRegistry.Batch calldata batch, uint64 index) private view {
        fleets.registrarOf(batch);
        if (index < batch.base || index - batch.base >= batch.count) {
            revert NotInBatch(index, batch.base, batch.count);
        }
    }

    function _requireSooner(uint48 until, uint48 limit) private view {
        // A limit that has passed concerns no version that began after it, so another one may follow.
        if (until == 0 || (limit > block.timestamp && until >= limit)) revert NotSooner(limit);
    }
}

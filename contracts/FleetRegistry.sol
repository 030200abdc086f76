// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {ShardMap} from "./ShardMap.sol";
import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IFleetRegistry} from "./interfaces/IFleetRegistry.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Scope} from "./libraries/Scope.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IFleetRegistry} says
contract FleetRegistry is IFleetRegistry, SwarmGoverned {
    /// @dev One slot for what every registration reads and writes, and one for what it compares.
    struct GrantRecord {
        address registrar;
        uint48 remaining;
        uint8 candidates;
        uint40 expiry;
        bytes32 scopesHash;
    }

    /// @dev One slot. To make two policies that share 24 bytes of a hash takes 2^96 hashes, and buys a registrar nothing but the
    /// chance to show the other one to a validator whose node lies about events.
    struct FleetRecord {
        bytes24 policyHash;
        uint32 grantId;
        uint32 batches;
    }

    uint256 private constant MAXIMUM_SCOPES = 8;
    uint256 private constant MINIMUM_LIFETIME = 60;
    uint256 private constant MAXIMUM_LIFETIME = 366 days;
    uint256 private constant JOIN_METHODS = 15;
    /// @dev Devices of one word of the revocation list: no two batches share a word.
    uint256 private constant BATCH_ALIGNMENT = 256;
    /// @dev Of more words members make no head: the same as MAXIMUM_WORDS in `src/certificate/drl-tree.ts`.
    uint256 private constant INDEX_LIMIT = BATCH_ALIGNMENT << 22;

    /// @inheritdoc IFleetRegistry
    address public immutable shards;
    /// @inheritdoc IFleetRegistry
    uint64 public nextIndex;
    /// @inheritdoc IFleetRegistry
    uint32 public grantCount;
    /// @inheritdoc IFleetRegistry
    uint64 public fleetCount;
    /// @inheritdoc IFleetRegistry
    mapping(uint64 fleetId => mapping(uint32 batch => bytes32 hash)) public batchHash;

    mapping(uint64 grantId => GrantRecord grant) private _grants;
    mapping(uint64 fleetId => FleetRecord fleet) private _fleets;

    /// @dev The first contract that this one creates: its address follows from this one's, so that the genesis, which names this
    /// contract, need not name that one as well, nor pay for checking and keeping it.
    constructor(ITrustAnchor anchor_, IGroupKeys groupKeys_) SwarmGoverned(anchor_, groupKeys_) {
        shards = address(new ShardMap(anchor_, groupKeys_, this));
    }

    /// @inheritdoc IFleetRegistry
    function acceptGenesis(ITrustAnchor.Registrar[] calldata registrars) external onlyAnchor {
        for (uint256 i = 0; i < registrars.length; i++) {
            ITrustAnchor.Registrar calldata first = registrars[i];
            _give(first.account, first.scopes, first.indexes, first.candidates, first.expiry);
        }
    }

    /// @inheritdoc IFleetRegistry
    function giveGrant(Grant calldata grant, BLS12381.G2Point calldata signature) external returns (uint64 grantId) {
        bytes32 structHash = Statements.grant(
            grant.registrar,
            keccak256(abi.encode(grant.scopes)),
            grant.indexes,
            grant.candidates,
            grant.expiry,
            grant.salt
        );
        _takeOnce(structHash, grant.expiry, signature);

        return _give(grant.registrar, grant.scopes, grant.indexes, grant.candidates, grant.expiry);
    }

    /// @inheritdoc IFleetRegistry
    function registerFleet(
        uint64 grantId,
        string[] calldata grantScopes,
        Policy calldata policy,
        bytes32 manifestRoot,
        uint64 base,
        uint64 count
    ) external returns (uint64 fleetId) {
        if (_grants[grantId].registrar == address(0)) revert UnknownGrant(grantId);
        if (_grants[grantId].scopesHash != keccak256(abi.encode(grantScopes))) revert WrongGrantScopes(grantId);
        _checkPolicy(policy, grantScopes);
        _spend(grantId, count);

        fleetId = ++fleetCount;
        _fleets[fleetId] = FleetRecord({
            policyHash: bytes24(keccak256(abi.encode(policy))),
            grantId: uint32(grantId),
            batches: 1
        });
        emit FleetRegistered(fleetId, grantId, policy);

        _append(fleetId, 0, manifestRoot, base, count);
    }

    /// @inheritdoc IFleetRegistry
    function appendBatch(
        uint64 fleetId,
        bytes32 manifestRoot,
        uint64 base,
        uint64 count
    ) external returns (uint32 batch) {
        FleetRecord storage fleet = _fleets[fleetId];
        if (fleet.grantId == 0) revert UnknownFleet(fleetId);
        _spend(fleet.grantId, count);

        batch = fleet.batches++;
        _append(fleetId, batch, manifestRoot, base, count);
    }

    /// @inheritdoc IFleetRegistry
    function takeCandidate(Batch calldata batch, uint64 index) external {
        address registry = anchor.registry();
        if (msg.sender != registry) revert WrongCaller(msg.sender, registry);
        uint64 grantId = _grantIdOf(batch);
        if (index < batch.base || index - batch.base >= batch.count) revert NotInBatch(index, batch.base, batch.count);
        GrantRecord storage grant = _grants[grantId];
        if (block.timestamp > grant.expiry) revert GrantExpired(grant.expiry, block.timestamp);
        if (grant.candidates == 0) revert NoCandidateLeft(grantId);

        uint8 left = --grant.candidates;
        emit CandidateTaken(grantId, index, left);
    }

    /// @inheritdoc IFleetRegistry
    function grantOf(
        uint64 grantId
    ) external view returns (address registrar, bytes32 scopesHash, uint64 remaining, uint8 candidates, uint64 expiry) {
        GrantRecord storage grant = _grants[grantId];
        return (grant.registrar, grant.scopesHash, grant.remaining, grant.candidates, grant.expiry);
    }

    /// @inheritdoc IFleetRegistry
    function fleetOf(uint64 fleetId) external view returns (uint64 grantId, bytes24 policyHash, uint32 batches) {
        FleetRecord storage fleet = _fleets[fleetId];
        return (fleet.grantId, fleet.policyHash, fleet.batches);
    }

    /// @inheritdoc IFleetRegistry
    function registrarOf(Batch calldata batch) external view returns (address) {
        return _grants[_grantIdOf(batch)].registrar;
    }

    function _give(
        address registrar,
        string[] calldata scopes,
        uint64 indexes,
        uint8 candidates,
        uint64 expiry
    ) private returns (uint64 grantId) {
        if (registrar == address(0)) revert InvalidGrant("registrar", 0);
        if (indexes == 0 || indexes > INDEX_LIMIT) revert InvalidGrant("indexes", indexes);
        if (expiry <= block.timestamp || expiry > type(uint40).max) revert InvalidGrant("expiry", expiry);
        _checkScopeCount(scopes.length);
        for (uint256 i = 0; i < scopes.length; i++) Scope.requireValid(scopes[i]);

        // Checked: the 2^32nd grant reverts.
        grantId = ++grantCount;
        _grants[grantId] = GrantRecord({
            registrar: registrar,
            remaining: uint48(indexes),
            candidates: candidates,
            expiry: uint40(expiry),
            scopesHash: keccak256(abi.encode(scopes))
        });
        emit GrantGiven(grantId, registrar, scopes, indexes, candidates, expiry);
    }

    /// @dev The grant of a batch that is the ledger's.
    function _grantIdOf(Batch calldata batch) private view returns (uint64) {
        bytes32 hash = batchHash[batch.fleetId][batch.batch];
        if (hash == 0 || hash != keccak256(abi.encode(batch))) revert UnknownBatch(batch.fleetId, batch.batch);
        return _fleets[batch.fleetId].grantId;
    }

    /// @dev Takes `count` from the budget of the caller's own, running grant.
    function _spend(uint64 grantId, uint64 count) private {
        GrantRecord storage grant = _grants[grantId];
        if (msg.sender != grant.registrar) revert NotRegistrar(msg.sender, grant.registrar);
        if (block.timestamp > grant.expiry) revert GrantExpired(grant.expiry, block.timestamp);
        if (count == 0 || count > grant.remaining) revert BudgetExceeded(count, grant.remaining);

        grant.remaining -= uint48(count);
    }

    function _append(uint64 fleetId, uint32 batch, bytes32 manifestRoot, uint64 base, uint64 count) private {
        if (manifestRoot == 0) revert InvalidManifestRoot();
        uint256 aligned = (nextIndex + BATCH_ALIGNMENT - 1) & ~(BATCH_ALIGNMENT - 1);
        if (aligned + count > INDEX_LIMIT) revert IndexesExhausted(nextIndex, count);
        if (base != aligned) revert BaseMoved(base, uint64(aligned));

        nextIndex = base + count;
        batchHash[fleetId][batch] = keccak256(abi.encode(fleetId, batch, manifestRoot, base, count));
        emit BatchAppended(fleetId, batch, manifestRoot, base, count);
    }

    function _checkPolicy(Policy calldata policy, string[] calldata grantScopes) private pure {
        if (policy.maximumLifetime < MINIMUM_LIFETIME || policy.maximumLifetime > MAXIMUM_LIFETIME) {
            revert InvalidPolicy("maximumLifetime", policy.maximumLifetime);
        }
        if (policy.quota == 0) revert InvalidPolicy("quota", policy.quota);
        if (policy.joinMethods == 0 || policy.joinMethods > JOIN_METHODS) {
            revert InvalidPolicy("joinMethods", policy.joinMethods);
        }
        if (policy.graceSeconds > MAXIMUM_LIFETIME) revert InvalidPolicy("graceSeconds", policy.graceSeconds);
        _checkScopeCount(policy.scopes.length);
        for (uint256 i = 0; i < policy.scopes.length; i++) {
            Scope.requireValid(policy.scopes[i]);
            if (!_isGranted(policy.scopes[i], grantScopes)) revert ScopeNotGranted(policy.scopes[i]);
        }
    }

    function _isGranted(string calldata scope, string[] calldata grantScopes) private pure returns (bool) {
        for (uint256 i = 0; i < grantScopes.length; i++) if (Scope.contains(grantScopes[i], scope)) return true;
        return false;
    }

    function _checkScopeCount(uint256 count) private pure {
        if (count == 0 || count > MAXIMUM_SCOPES) revert InvalidScopeCount(count);
    }
}

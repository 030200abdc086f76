// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {ITrustAnchor} from "./ITrustAnchor.sol";

/// @title Fleets of devices: grants to registrars, policies, and manifest roots by the batch
/// @notice A grant (from genesis or the swarm) bounds what a registrar may register: scopes, number of devices, time. A fleet
/// has a policy; its devices come in batches, each one Merkle root over a manifest. The ledger stores hashes; the events have
/// the values.
interface IFleetRegistry {
    /// @notice What the swarm grants.
    /// @param registrar The only account that may use it.
    /// @param scopes 1 to 8 scopes; each of a fleet's lies inside one of them.
    /// @param indexes How many devices may be registered under it, at most 2^30.
    /// @param candidates How many of its devices may become candidates for the committee.
    /// @param expiry Until when it may be used (and the statement submitted), in seconds since 1970, below 2^40.
    /// @param salt Makes two grants with equal terms differ.
    struct Grant {
        address registrar;
        string[] scopes;
        uint64 indexes;
        uint8 candidates;
        uint64 expiry;
        bytes32 salt;
    }

    /// @notice What the members check when a device of the fleet asks for a certificate.
    /// @param scopes 1 to 8 scopes that bound a certificate's.
    /// @param maximumLifetime Longest validity of a certificate in seconds, 60 to 31,622,400 (366 days).
    /// @param quota Certificates per device and period, at least 1.
    /// @param joinMethods Bits: 0 identity key, 1 pre-shared key, 2 CSR, 3 attestation; at least one, no other.
    /// @param graceSeconds How long after its end a certificate may still be renewed, at most 31,622,400.
    struct Policy {
        string[] scopes;
        uint32 maximumLifetime;
        uint16 quota;
        uint8 joinMethods;
        uint32 graceSeconds;
    }

    /// @notice Devices [base, base + count) of a fleet, and the root of their manifest. The ledger keeps
    /// keccak256(abi.encode(fleetId, batch, manifestRoot, base, count)).
    /// @param fleetId From 1.
    /// @param batch Within the fleet, from 0.
    /// @param manifestRoot As docs/protocol.md, section 3.5; never zero.
    /// @param base A multiple of 256.
    /// @param count At least 1.
    struct Batch {
        uint64 fleetId;
        uint32 batch;
        bytes32 manifestRoot;
        uint64 base;
        uint64 count;
    }

    /// @notice `registrar` may register `indexes` devices inside `scopes` until `expiry`, and `candidates` of them may become
    /// candidates for the committee.
    /// @param grantId From 1; those of genesis first, in the order of the genesis document.
    event GrantGiven(
        uint64 indexed grantId,
        address indexed registrar,
        string[] scopes,
        uint64 indexes,
        uint8 candidates,
        uint64 expiry
    );
    /// @notice Device `index` became a candidate for the committee; `left` more of the grant may.
    event CandidateTaken(uint64 indexed grantId, uint64 indexed index, uint8 left);
    /// @notice A fleet begins. Its first batch follows as {BatchAppended}.
    /// @dev The ledger keeps the first 24 bytes of keccak256(abi.encode(policy)).
    event FleetRegistered(uint64 indexed fleetId, uint64 indexed grantId, Policy policy);
    /// @notice Devices [base, base + count) joined the fleet.
    event BatchAppended(uint64 indexed fleetId, uint32 batch, bytes32 manifestRoot, uint64 base, uint64 count);

    /// @notice There is no grant with this number.
    error UnknownGrant(uint64 grantId);
    /// @notice There is no fleet with this number.
    error UnknownFleet(uint64 fleetId);
    /// @notice The batch is not one of the ledger's: take all five values from its {BatchAppended} event.
    error UnknownBatch(uint64 fleetId, uint32 batch);
    /// @notice Only `registrar` may use this grant, not `caller`.
    error NotRegistrar(address caller, address registrar);
    /// @notice The grant ended at `expiry`.
    error GrantExpired(uint64 expiry, uint256 time);
    /// @notice `count` devices are more than the `remaining` ones of the grant, or none.
    error BudgetExceeded(uint64 count, uint64 remaining);
    /// @notice As many devices of the grant as may have been candidates for the committee, or it allows none.
    error NoCandidateLeft(uint64 grantId);
    /// @notice Device `index` is none of the `count` ones from `base` on.
    error NotInBatch(uint64 index, uint64 base, uint64 count);
    /// @notice These are not the scopes of the grant: give the list of its {GrantGiven} event, in its order.
    error WrongGrantScopes(uint64 grantId);
    /// @notice A grant or a policy has 1 to 8 scopes, not `count`.
    error InvalidScopeCount(uint256 count);
    /// @notice `scope` lies in none of the grant's scopes.
    error ScopeNotGranted(string scope);
    /// @notice No grant has a `field` of `value`: the registrar is some account, indexes are 1 to 2^30, and the expiry lies
    /// ahead and below 2^40.
    error InvalidGrant(string field, uint256 value);
    /// @notice No policy has a `field` of `value`: a lifetime is 60 s to 366 days, a quota at least 1, join methods are 1 to 15,
    /// and a grace is at most 366 days.
    error InvalidPolicy(string field, uint256 value);
    /// @notice A manifest root is a hash, never zero.
    error InvalidManifestRoot();
    /// @notice `next` indexes are allocated and `count` more would not fit below 2^30: members make no head of a longer list.
    error IndexesExhausted(uint64 next, uint64 count);
    /// @notice The manifest was made for indexes from `base` on, and the next batch begins at `next`: another batch came first.
    error BaseMoved(uint64 base, uint64 next);

    /// @notice Gives the first grants in order. Only the anchor, at genesis.
    function acceptGenesis(ITrustAnchor.Registrar[] calldata registrars) external;

    /// @notice Gives a grant by the swarm's Grant statement (order-free). Anyone may submit it.
    function giveGrant(Grant calldata grant, BLS12381.G2Point calldata signature) external returns (uint64 grantId);

    /// @notice Registers a fleet with its first batch. Only the registrar of the grant.
    /// @param grantScopes The grant's scopes as they were granted; the ledger kept their hash.
    /// @param base Index of its first device, which the manifest was made for: the next multiple of 256.
    /// @param count Devices in the manifest.
    /// @return fleetId Of the new fleet.
    function registerFleet(
        uint64 grantId,
        string[] calldata grantScopes,
        Policy calldata policy,
        bytes32 manifestRoot,
        uint64 base,
        uint64 count
    ) external returns (uint64 fleetId);

    /// @notice Adds devices to a fleet, under the grant and policy it has. Only the registrar of the grant.
    /// @param base As for {registerFleet}.
    /// @return batch Number of the batch in the fleet.
    function appendBatch(
        uint64 fleetId,
        bytes32 manifestRoot,
        uint64 base,
        uint64 count
    ) external returns (uint32 batch);

    /// @notice Counts a device that becomes a candidate against its grant, while that runs. Only the {IValidatorRegistry}. What was taken
    /// is not given back: who loses its place has used it.
    function takeCandidate(Batch calldata batch, uint64 index) external;

    /// @notice Terms of a grant and what is left of it; all zero if there is none.
    function grantOf(
        uint64 grantId
    ) external view returns (address registrar, bytes32 scopesHash, uint64 remaining, uint8 candidates, uint64 expiry);
    /// @notice A fleet: its grant, the first 24 bytes of keccak256(abi.encode(policy)) and how many batches it has; all zero if there is none.
    function fleetOf(uint64 fleetId) external view returns (uint64 grantId, bytes24 policyHash, uint32 batches);
    /// @notice The hash of a batch; zero if there is none.
    function batchHash(uint64 fleetId, uint32 batch) external view returns (bytes32);
    /// @notice The registrar of the fleet of `batch`, for a batch that is the ledger's; else reverts with {UnknownBatch}.
    function registrarOf(Batch calldata batch) external view returns (address);
    /// @notice One more than the highest index allocated; 0 before the first batch.
    function nextIndex() external view returns (uint64);
    /// @notice How many grants there are; the last has this number.
    function grantCount() external view returns (uint32);
    /// @notice How many fleets there are; the last has this number.
    function fleetCount() external view returns (uint64);
    /// @notice The {IShardMap} of these fleets, created with this contract: the address of its first creation (nonce 1).
    function shards() external view returns (address);
}

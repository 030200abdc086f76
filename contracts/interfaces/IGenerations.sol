// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {IKeyCeremony} from "./IKeyCeremony.sol";
import {IRecovery} from "./IRecovery.sol";
import {ISwarmGoverned} from "./ISwarmGoverned.sol";

/// @title Generations of the group keys: how a mesh comes to new keys, by plan or, through {IRecovery}, after a disaster
/// @notice A re-key is a key generation of the committee in office, in the key ceremony. That committee goes on serving under the
/// old keys until the new ones are activated, and the old keys sign the new ones: devices follow these signatures from
/// the bundle that they have, offline, and the root CA need not be there. An attempt that fails ends the re-key, and
/// the old keys stay.
/// A recovery's key generation is the same, of the members that the root CA named, and nothing under the old keys is asked for.
interface IGenerations is ISwarmGoverned {
    /// @notice The committee in office began to make the keys of `generation`, in ceremony `ceremony`.
    event RekeyStarted(uint64 indexed ceremony, uint64 generation);
    /// @notice The members that the root CA named began to make the keys of `generation`, in ceremony `ceremony`.
    event RecoveryStarted(uint64 indexed ceremony, uint64 generation);
    /// @notice The keys of the generation before signed those of `generation`, which take office with this: a link of the chain
    /// that devices follow (docs/protocol.md, section 5).
    event KeysSucceeded(
        uint64 indexed generation,
        uint64 indexed ceremony,
        BLS12381.G1Point blsKey,
        bytes32 edKey,
        uint64 since,
        BLS12381.G2Point signature
    );

    /// @notice The statement is about generation `given`, which does not follow the current one (0: there are no keys yet).
    error WrongGeneration(uint64 given, uint64 current);

    /// @notice The committee of `epoch` has to show itself first: it is in probation until the head `head` is posted.
    error InProbation(uint64 epoch, uint64 head);

    /// @notice Ceremony `ceremony` is activated by another function: {activateRekey}, {activateRecovery} or {IKeyCeremony-activate}.
    error NotARekey(uint64 ceremony);

    /// @notice A recovery has begun: the keys that would be replaced are given up already.
    error RecoveryUnderWay();

    /// @notice Starts a re-key, by the swarm's statement Rekey (order-free).
    /// @param generation The next one.
    /// @param expiry Last second in which the statement counts, Unix time.
    /// @return number Of the ceremony.
    function startRekey(
        uint64 generation,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external returns (uint64 number);

    /// @notice Starts the ceremony of the members that the root CA named, in place of any other one. Only {recovery}.
    /// @return number Of the ceremony.
    function startRecovery(address[] calldata members) external returns (uint64 number);

    /// @notice Activates a re-key as {IKeyCeremony-activate} does any other ceremony, with the signature of the keys in office over
    /// the new ones.
    /// @param succession Over the statement KeySuccession(generation, ceremony, keccak256(blsKey), edKey, since) in the domain of the
    /// trust anchor; `since` is the deadline of the ceremony's last phase, which the ledger has fixed.
    function activateRekey(
        uint64 number,
        uint32 attempt,
        IKeyCeremony.Outcome calldata outcome,
        BLS12381.G2Point calldata signature,
        BLS12381.G2Point calldata succession
    ) external;

    /// @notice Activates a recovery as {IKeyCeremony-activate} does any other ceremony.
    function activateRecovery(
        uint64 number,
        uint32 attempt,
        IKeyCeremony.Outcome calldata outcome,
        BLS12381.G2Point calldata signature
    ) external;

    /// @notice Whom the newest ceremony for new keys invites, in this order, as it was when it started.
    function members() external view returns (address[] memory);

    /// @notice How the root CA asks for new keys. The first contract that this one created: its address follows from this one's.
    function recovery() external view returns (IRecovery);

    /// @notice Where new keys are made. It created this contract.
    function ceremony() external view returns (IKeyCeremony);
}

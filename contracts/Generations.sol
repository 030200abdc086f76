// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {Recovery} from "./Recovery.sol";
import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IGenerations} from "./interfaces/IGenerations.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IMeshContract} from "./interfaces/IMeshContract.sol";
import {IRecovery} from "./interfaces/IRecovery.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IGenerations} says
/// @dev Calls no contract but those of the mesh.
contract Generations is IGenerations, SwarmGoverned {
    /// @inheritdoc IGenerations
    IKeyCeremony public immutable ceremony;
    /// @inheritdoc IGenerations
    IRecovery public immutable recovery;

    /// @dev Whether the newest ceremony for new keys is a recovery's, and which that was.
    bool private _isRecovery;
    uint64 private _recovery;
    /// @dev As they were when it started: a later request of the root CA puts nobody into a ceremony that runs.
    address[] private _members;

    /// @dev The recovery is the first contract that this one creates.
    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IKeyCeremony ceremony_,
        IValidatorRegistry registry_
    ) SwarmGoverned(anchor_, groupKeys_) {
        ceremony = ceremony_;
        recovery = new Recovery(anchor_, groupKeys_, registry_, this);
    }

    /// @inheritdoc IGenerations
    function startRekey(
        uint64 generation,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external returns (uint64 number) {
        if (recovery.isUnderWay()) revert RecoveryUnderWay();
        uint64 current = groupKeys.generation();
        if (current == 0 || generation != current + 1) revert WrongGeneration(generation, current);
        // Office that could go back would take the keys that sign the new ones along.
        if (groupKeys.inProbation()) revert InProbation(groupKeys.epoch(), groupKeys.probation().head);
        _takeOnce(Statements.rekey(generation, expiry), expiry, signature);

        (_isRecovery, _members) = (false, groupKeys.committee());
        number = ceremony.startRekey(false);
        emit RekeyStarted(number, generation);
    }

    /// @inheritdoc IGenerations
    function startRecovery(address[] calldata members_) external returns (uint64 number) {
        if (msg.sender != address(recovery)) revert WrongCaller(msg.sender, address(recovery));

        (_isRecovery, _members) = (true, members_);
        // Its own ceremony it does not abandon, or anybody could keep it from ending.
        number = ceremony.startRekey(ceremony.current() != _recovery);
        _recovery = number;
        emit RecoveryStarted(number, groupKeys.generation() + 1);
    }

    /// @inheritdoc IGenerations
    function activateRekey(
        uint64 number,
        uint32 attempt,
        IKeyCeremony.Outcome calldata outcome,
        BLS12381.G2Point calldata signature,
        BLS12381.G2Point calldata succession
    ) external {
        IKeyCeremony.Status memory status = _rekey(number, false);
        uint64 generation = groupKeys.generation() + 1;
        bytes32 structHash = Statements.keySuccession(
            generation,
            number,
            keccak256(abi.encode(outcome.blsKey)),
            outcome.edKey,
            status.deadline
        );
        // To the anchor, whose address every device knows; no function of it takes such a statement.
        bytes32 domain = IMeshContract(address(anchor)).domainSeparator();
        bytes32 digest = MessageHashUtils.toTypedDataHash(domain, structHash);
        if (!groupKeys.verify(digest, succession)) revert InvalidSwarmSignature(digest);

        emit KeysSucceeded(generation, number, outcome.blsKey, outcome.edKey, status.deadline, succession);
        ceremony.activate(number, attempt, outcome, signature);
    }

    /// @inheritdoc IGenerations
    function activateRecovery(
        uint64 number,
        uint32 attempt,
        IKeyCeremony.Outcome calldata outcome,
        BLS12381.G2Point calldata signature
    ) external {
        _rekey(number, true);

        ceremony.activate(number, attempt, outcome, signature);
    }

    /// @inheritdoc IGenerations
    function members() external view returns (address[] memory) {
        return _members;
    }

    function _rekey(uint64 number, bool isRecovery) private view returns (IKeyCeremony.Status memory status) {
        status = ceremony.statusOf(number);
        if (status.kind != IKeyCeremony.Kind.Rekey || _isRecovery != isRecovery) revert NotARekey(number);
        IKeyCeremony.Phase phase = IKeyCeremony.Phase.Acknowledge;
        if (status.phase != phase) revert IKeyCeremony.WrongPhase(status.phase, phase);
    }
}

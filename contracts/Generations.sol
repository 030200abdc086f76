// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IGenerations} from "./interfaces/IGenerations.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IMeshContract} from "./interfaces/IMeshContract.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IGenerations} says
/// @dev Calls no contract but those of the mesh.
contract Generations is IGenerations, SwarmGoverned {
    /// @inheritdoc IGenerations
    IKeyCeremony public immutable ceremony;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IKeyCeremony ceremony_
    ) SwarmGoverned(anchor_, groupKeys_) {
        ceremony = ceremony_;
    }

    /// @inheritdoc IGenerations
    function startRekey(
        uint64 generation,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external returns (uint64 number) {
        uint64 current = groupKeys.generation();
        if (current == 0 || generation != current + 1) revert WrongGeneration(generation, current);
        // Office that could go back would take the keys that sign the new ones along.
        if (groupKeys.inProbation()) revert InProbation(groupKeys.epoch(), groupKeys.probation().head);
        _takeOnce(Statements.rekey(generation, expiry), expiry, signature);

        number = ceremony.startRekey();
        emit RekeyStarted(number, generation);
    }

    /// @inheritdoc IGenerations
    function activateRekey(
        uint64 number,
        uint32 attempt,
        IKeyCeremony.Outcome calldata outcome,
        BLS12381.G2Point calldata signature,
        BLS12381.G2Point calldata succession
    ) external {
        IKeyCeremony.Status memory status = ceremony.statusOf(number);
        if (status.kind != IKeyCeremony.Kind.Rekey) revert NotARekey(number);
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
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {ISwarmStatements} from "./interfaces/ISwarmStatements.sol";
import {BLS12381} from "./libraries/BLS12381.sol";

/// @title Base of the contracts that act on statements of the swarm
abstract contract SwarmStatements is MeshContract, ISwarmStatements {
    /// @inheritdoc ISwarmStatements
    mapping(bytes32 digest => bool used) public statementUsed;

    /// @dev The keys that the swarm's signatures are checked with.
    function _groupKeys() internal view virtual returns (IGroupKeys);

    /// @dev Takes a statement that its own number keeps from being replayed: the caller checks the number.
    function _takeOrdered(
        bytes32 structHash,
        BLS12381.G2Point calldata signature
    ) internal view returns (bytes32 digest) {
        digest = _digest(structHash);
        if (!_groupKeys().verify(digest, signature)) revert InvalidSwarmSignature(digest);
    }

    /// @dev Takes an order-free statement: until its expiry, and once.
    function _takeOnce(
        bytes32 structHash,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) internal returns (bytes32 digest) {
        if (block.timestamp > expiry) revert StatementExpired(expiry, block.timestamp);
        digest = _takeOrdered(structHash, signature);
        if (statementUsed[digest]) revert StatementUsed(digest);

        statementUsed[digest] = true;
    }
}

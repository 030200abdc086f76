// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IMeshContract} from "./IMeshContract.sol";

/// @title What every contract has that acts on statements of the swarm
/// @notice An ordered statement has a number that only grows. An order-free one counts until its expiry, once.
interface ISwarmStatements is IMeshContract {
    /// @notice The swarm did not sign `digest`: a quorum of the committee in office signs it, over its EIP-712 digest.
    error InvalidSwarmSignature(bytes32 digest);
    /// @notice The statement was valid until `expiry`: ask the swarm for a new one.
    error StatementExpired(uint64 expiry, uint256 time);
    /// @notice The statement with this digest was used already; each counts once.
    error StatementUsed(bytes32 digest);

    /// @notice Whether the order-free statement with this EIP-712 digest was used.
    function statementUsed(bytes32 digest) external view returns (bool);
}

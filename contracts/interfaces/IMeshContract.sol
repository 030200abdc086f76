// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

import {ITrustAnchor} from "./ITrustAnchor.sol";

/// @title What every contract of a mesh has: its anchor and its EIP-712 domain
/// @notice Domain: name `Swarmkeep`, version `1`, chain id, this contract, and the mesh id as salt. So a statement never counts
/// on another mesh, chain or contract. {eip712Domain} (ERC-5267) tells it to wallets.
interface IMeshContract is IERC5267 {
    /// @notice Only `expected` may call this, not `caller`.
    error WrongCaller(address caller, address expected);

    /// @notice The mesh's anchor. The anchor names itself.
    function anchor() external view returns (ITrustAnchor);
    /// @notice The EIP-712 domain separator of this contract on this chain.
    function domainSeparator() external view returns (bytes32);
}

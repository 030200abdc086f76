// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IMeshContract} from "./interfaces/IMeshContract.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title Base of every contract of a mesh: its anchor and its EIP-712 domain
/// @dev Not OpenZeppelin's EIP712, which has no salt.
abstract contract MeshContract is IMeshContract {
    /// @dev ERC-5267: name, version, chainId, verifyingContract and salt are there.
    bytes1 private constant DOMAIN_FIELDS = 0x1f;

    /// @inheritdoc IMeshContract
    ITrustAnchor public immutable anchor;

    bytes32 internal immutable _meshId;
    uint256 private immutable _deploymentChainId;
    bytes32 private immutable _deploymentSeparator;

    constructor(ITrustAnchor anchor_, bytes32 meshId_) {
        anchor = anchor_;
        _meshId = meshId_;
        _deploymentChainId = block.chainid;
        _deploymentSeparator = _computeSeparator(meshId_);
    }

    modifier onlyAnchor() {
        _requireCaller(address(anchor));
        _;
    }

    modifier onlyCeremony() {
        _requireCaller(anchor.ceremony());
        _;
    }

    /// @inheritdoc IMeshContract
    function domainSeparator() public view returns (bytes32) {
        // After a fork of the chain the two branches have different ids, and must not share signatures.
        return block.chainid == _deploymentChainId ? _deploymentSeparator : _computeSeparator(_meshId);
    }

    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (
            DOMAIN_FIELDS,
            Statements.DOMAIN_NAME,
            Statements.DOMAIN_VERSION,
            block.chainid,
            address(this),
            _meshId,
            new uint256[](0)
        );
    }

    /// @dev The EIP-712 digest of a statement to this contract.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domainSeparator(), structHash);
    }

    function _requireCaller(address expected) private view {
        if (msg.sender != expected) revert WrongCaller(msg.sender, expected);
    }

    function _computeSeparator(bytes32 meshId_) private view returns (bytes32) {
        return
            MessageHashUtils.toDomainSeparator(
                DOMAIN_FIELDS,
                Statements.DOMAIN_NAME,
                Statements.DOMAIN_VERSION,
                block.chainid,
                address(this),
                meshId_
            );
    }
}

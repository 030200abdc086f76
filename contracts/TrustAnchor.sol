// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

import {MeshContract} from "./MeshContract.sol";
import {SwarmStatements} from "./SwarmStatements.sol";
import {IFleetRegistry} from "./interfaces/IFleetRegistry.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {GenesisRules} from "./libraries/GenesisRules.sol";
import {RootSignature} from "./libraries/RootSignature.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {ITrustAnchor} says
contract TrustAnchor is ITrustAnchor, SwarmStatements {
    bytes32 private immutable _rootX;
    bytes32 private immutable _rootY;

    /// @inheritdoc ITrustAnchor
    bytes32 public immutable nonce;
    /// @inheritdoc ITrustAnchor
    uint64 public start;
    /// @inheritdoc ITrustAnchor
    mapping(uint64 generation => bytes32 hash) public certificateHash;

    Contracts private _contracts;
    Parameters private _parameters;
    Successor private _successor;

    constructor(
        bytes32 rootX,
        bytes32 rootY,
        bytes32 nonce_
    ) MeshContract(ITrustAnchor(address(this)), keccak256(abi.encode(rootX, rootY, nonce_))) {
        if (!P256.isValidPublicKey(rootX, rootY)) revert InvalidRootKey(rootX, rootY);

        _rootX = rootX;
        _rootY = rootY;
        nonce = nonce_;
    }

    /// @inheritdoc ITrustAnchor
    function submitGenesis(Genesis calldata genesis, bytes32 r, bytes32 s) external {
        if (start != 0) revert GenesisAlreadyAccepted(start);
        if (genesis.meshId != _meshId) revert WrongMesh(genesis.meshId, _meshId);
        GenesisRules.check(genesis);
        Parameters memory parameters_ = genesis.parameters;
        _requireRoot(
            Statements.genesis(
                genesis.meshId,
                keccak256(abi.encode(genesis.contracts)),
                keccak256(abi.encode(parameters_)),
                keccak256(abi.encode(genesis.members)),
                keccak256(abi.encode(genesis.registrars))
            ),
            r,
            s
        );

        start = uint64(block.timestamp);
        _contracts = genesis.contracts;
        _parameters = parameters_;
        emit GenesisAccepted(_meshId, genesis.contracts, parameters_);

        IValidatorRegistry(genesis.contracts.registry).acceptGenesis(genesis.members);
        IFleetRegistry(genesis.contracts.fleets).acceptGenesis(genesis.registrars);
    }

    /// @inheritdoc ITrustAnchor
    function certifyKeys(uint64 generation, bytes calldata certificate, bytes32 r, bytes32 s) external {
        uint64 last = _groupKeys().generation();
        if (generation == 0 || generation > last) revert UnknownGeneration(generation, last);
        bytes32 hash = keccak256(certificate);
        bytes32 digest = _requireRoot(Statements.keyCertification(generation, hash), r, s);
        if (statementUsed[digest]) revert StatementUsed(digest);

        statementUsed[digest] = true;
        certificateHash[generation] = hash;
        emit KeysCertified(generation, hash, certificate);
    }

    /// @inheritdoc ITrustAnchor
    function nameSuccessor(Successor calldata next, BLS12381.G2Point calldata signature) external {
        if (_successor.anchor != address(0)) revert SuccessorAlreadyNamed(_successor.anchor);
        bool isHere = next.chainId == block.chainid && next.anchor == address(this);
        if (isHere || next.anchor == address(0)) revert InvalidSuccessor(next.chainId, next.anchor);
        _takeOnce(Statements.successor(next.chainId, next.anchor, next.meshId, next.expiry), next.expiry, signature);

        _successor = next;
        emit SuccessorNamed(next.chainId, next.anchor, next.meshId);
    }

    /// @inheritdoc ITrustAnchor
    function meshId() external view returns (bytes32) {
        return _meshId;
    }

    /// @inheritdoc ITrustAnchor
    function rootKey() external view returns (bytes32 x, bytes32 y) {
        return (_rootX, _rootY);
    }

    /// @inheritdoc ITrustAnchor
    function parameters() external view returns (Parameters memory) {
        return _parameters;
    }

    /// @inheritdoc ITrustAnchor
    function minimumStake() external view returns (uint96) {
        return _parameters.minimumStake;
    }

    /// @inheritdoc ITrustAnchor
    function tickTime(uint64 number) external view returns (uint256) {
        return start + uint256(number) * _parameters.tickSeconds;
    }

    /// @inheritdoc ITrustAnchor
    function contracts() external view returns (Contracts memory) {
        return _contracts;
    }

    /// @inheritdoc ITrustAnchor
    function registry() external view returns (address) {
        return _contracts.registry;
    }

    /// @inheritdoc ITrustAnchor
    function ceremony() external view returns (address) {
        return _contracts.ceremony;
    }

    /// @inheritdoc ITrustAnchor
    function groupKeys() external view returns (address) {
        return _contracts.groupKeys;
    }

    /// @inheritdoc ITrustAnchor
    function fleets() external view returns (address) {
        return _contracts.fleets;
    }

    /// @inheritdoc ITrustAnchor
    function revocations() external view returns (address) {
        return _contracts.revocations;
    }

    /// @inheritdoc ITrustAnchor
    function rotation() external view returns (address) {
        return _contracts.rotation;
    }

    /// @inheritdoc ITrustAnchor
    function successor() external view returns (Successor memory) {
        return _successor;
    }

    function _groupKeys() internal view override returns (IGroupKeys) {
        if (start == 0) revert GenesisMissing();
        return IGroupKeys(_contracts.groupKeys);
    }

    function _requireRoot(bytes32 structHash, bytes32 r, bytes32 s) private view returns (bytes32 digest) {
        digest = _digest(structHash);
        if (!RootSignature.verify(digest, r, s, _rootX, _rootY)) revert InvalidRootSignature(digest);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IGroupKeys} says
contract GroupKeys is IGroupKeys, MeshContract {
    Office private _office;

    constructor(ITrustAnchor anchor_) MeshContract(anchor_, anchor_.meshId()) {}

    /// @inheritdoc IGroupKeys
    function setOffice(Office calldata next) external onlyCeremony {
        uint256 seats = next.committee.length;
        if (seats < Quorum.MINIMUM_COMMITTEE || seats > Quorum.MAXIMUM_COMMITTEE) revert InvalidCommitteeSize(seats);
        if (next.epoch != _office.epoch + 1) revert WrongEpoch(next.epoch, _office.epoch);
        if (next.generation == _office.generation && next.generation != 0) {
            _requireSameKeys(next);
        } else {
            if (next.generation != _office.generation + 1) revert WrongGeneration(next.generation, _office.generation);
            if (!BLS12381.isValidPublicKey(next.blsKey) || next.edKey == 0) revert InvalidGroupKey();
        }

        _office = next;
        emit OfficeTaken(
            next.generation,
            next.epoch,
            next.ceremony,
            next.blsKey,
            next.edKey,
            next.verificationRoot,
            next.committee
        );
    }

    /// @inheritdoc IGroupKeys
    function verify(bytes32 digest, BLS12381.G2Point calldata signature) external view returns (bool) {
        // Before the first committee the key is infinity, under which nothing verifies.
        return BLS12381.verify(_office.blsKey, digest, bytes(Statements.DST_SIGNATURE), signature);
    }

    /// @inheritdoc IGroupKeys
    function office() external view returns (Office memory) {
        return _office;
    }

    /// @inheritdoc IGroupKeys
    function generation() external view returns (uint64) {
        return _office.generation;
    }

    /// @inheritdoc IGroupKeys
    function epoch() external view returns (uint64) {
        return _office.epoch;
    }

    /// @inheritdoc IGroupKeys
    function blsKey() external view returns (BLS12381.G1Point memory) {
        return _office.blsKey;
    }

    /// @inheritdoc IGroupKeys
    function edKey() external view returns (bytes32) {
        return _office.edKey;
    }

    /// @inheritdoc IGroupKeys
    function verificationRoot() external view returns (bytes32) {
        return _office.verificationRoot;
    }

    /// @inheritdoc IGroupKeys
    function committee() external view returns (address[] memory) {
        return _office.committee;
    }

    /// @inheritdoc IGroupKeys
    function seatOf(address account) external view returns (uint256) {
        if (account == address(0)) return 0;
        uint256 seats = _office.committee.length;
        for (uint256 i = 0; i < seats; i++) if (_office.committee[i] == account) return i + 1;
        return 0;
    }

    function _requireSameKeys(Office calldata next) private view {
        BLS12381.G1Point memory key = _office.blsKey;
        bool isSame = keccak256(abi.encode(key)) == keccak256(abi.encode(next.blsKey)) && _office.edKey == next.edKey;
        if (!isSame) revert KeysOfGenerationChanged(next.generation);
    }
}

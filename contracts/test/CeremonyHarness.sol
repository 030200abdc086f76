// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Dealing} from "../libraries/Dealing.sol";
import {KeccakMerkle} from "../libraries/KeccakMerkle.sol";
import {MalformedCommitment} from "../libraries/MalformedCommitment.sol";

/// @title Gives tests the parts of a key ceremony that are internal libraries
contract CeremonyHarness {
    function isProvenG1(bytes calldata encoding, bytes calldata witness) external view returns (bool) {
        return MalformedCommitment.isProvenG1(encoding, witness);
    }

    function isProvenEd25519(bytes calldata encoding, bytes calldata witness) external pure returns (bool) {
        return MalformedCommitment.isProvenEd25519(encoding, witness);
    }

    function rootOf(bytes calldata contents, uint256 size, uint256 seats) external pure returns (bytes32) {
        return KeccakMerkle.rootOf(contents, size, seats);
    }

    function rootFromPath(
        bytes calldata content,
        uint256 seat,
        uint256 seats,
        bytes32[] calldata path
    ) external pure returns (bytes32) {
        return KeccakMerkle.rootFromPath(KeccakMerkle.leafOf(seat, content), seat, seats, path);
    }

    function dealsVerifiedShare(
        bytes calldata dealing,
        uint256 threshold,
        uint256 dealer,
        uint256 dealers,
        bytes32[] calldata path,
        bytes32 verificationRoot
    ) external pure returns (bool) {
        return Dealing.dealsVerifiedShare(dealing, threshold, dealer, dealers, path, verificationRoot);
    }
}

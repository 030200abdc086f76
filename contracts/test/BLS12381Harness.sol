// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";

/// @title The functions of {BLS12381} as calls, for tests
contract BLS12381Harness {
    error PrecompileFailed(uint160 precompile);

    function verifyDigest(
        BLS12381.G1Point memory publicKey,
        bytes32 digest,
        bytes memory dst,
        BLS12381.G2Point memory signature
    ) external view returns (bool valid, uint256 gasUsed) {
        uint256 before = gasleft();
        valid = BLS12381.verify(publicKey, digest, dst, signature);
        gasUsed = before - gasleft();
    }

    function verify(
        BLS12381.G1Point memory publicKey,
        bytes memory message,
        bytes memory dst,
        BLS12381.G2Point memory signature
    ) external view returns (bool) {
        return BLS12381.verify(publicKey, message, dst, signature);
    }

    function verifyHashed(
        BLS12381.G1Point memory publicKey,
        BLS12381.G2Point memory hashed,
        BLS12381.G2Point memory signature
    ) external view returns (bool valid, uint256 gasUsed) {
        uint256 before = gasleft();
        valid = BLS12381.verifyHashed(publicKey, hashed, signature);
        gasUsed = before - gasleft();
    }

    function hashToG2(bytes memory message, bytes memory dst) external view returns (BLS12381.G2Point memory) {
        return BLS12381.hashToG2(message, dst);
    }

    function expandMessageXmd(
        bytes memory message,
        bytes memory dst,
        uint256 length
    ) external view returns (bytes memory) {
        return BLS12381.expandMessageXmd(message, dst, length);
    }

    function generator() external pure returns (BLS12381.G1Point memory) {
        return BLS12381.generator();
    }

    function add(BLS12381.G1Point memory a, BLS12381.G1Point memory b) external view returns (BLS12381.G1Point memory) {
        return BLS12381.add(a, b);
    }

    function msm(
        BLS12381.G1Point[] memory points,
        uint256[] memory scalars
    ) external view returns (BLS12381.G1Point memory) {
        return BLS12381.msm(points, scalars);
    }

    function msmPrice(uint256 count) external pure returns (uint256) {
        return BLS12381.msmPrice(count);
    }

    /// @notice What `precompile` answers to `input` when it is given `price` gas.
    function ask(uint160 precompile, bytes calldata input, uint256 price) external view returns (bytes memory) {
        (bool success, bytes memory answer) = address(precompile).staticcall{gas: price}(input);
        if (!success) revert PrecompileFailed(precompile);
        return answer;
    }

    /// @notice Whether `precompile` succeeds on `input` when it is given `price` gas.
    function answers(uint160 precompile, bytes calldata input, uint256 price) external view returns (bool success) {
        (success, ) = address(precompile).staticcall{gas: price}(input);
    }

    function isInSubgroup(BLS12381.G1Point memory point) external view returns (bool inside, uint256 gasUsed) {
        uint256 before = gasleft();
        inside = BLS12381.isInSubgroup(point);
        gasUsed = before - gasleft();
    }

    function isValidPublicKey(BLS12381.G1Point memory point) external view returns (bool) {
        return BLS12381.isValidPublicKey(point);
    }

    function negate(BLS12381.G1Point memory point) external pure returns (BLS12381.G1Point memory) {
        return BLS12381.negate(point);
    }

    function equal(BLS12381.G1Point memory a, BLS12381.G1Point memory b) external pure returns (bool) {
        return BLS12381.equal(a, b);
    }

    function compress(BLS12381.G1Point memory point) external pure returns (bytes memory) {
        return BLS12381.compress(point);
    }

    function matchesCompressed(BLS12381.G1Point memory point, bytes calldata compressed) external pure returns (bool) {
        return BLS12381.matchesCompressed(point, compressed);
    }

    function decodeUncompressed(bytes calldata encoded) external pure returns (BLS12381.G1Point memory) {
        return BLS12381.decodeUncompressed(encoded);
    }
}

/// @title The modular reduction of {BLS12381}, by itself: a second caller would keep the compiler from inlining it above
contract BLS12381ReduceHarness {
    function reduce(uint256 hi, uint256 lo) external pure returns (uint256, uint256) {
        return BLS12381.reduce(hi, lo);
    }
}

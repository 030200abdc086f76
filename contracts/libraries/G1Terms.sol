// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "./BLS12381.sol";

/// @title Terms of a multi-scalar multiplication in G1, written where the precompile takes them
/// @notice A term is a point and a scalar, 160 bytes. {BLS12381-msm} takes arrays, whose making and copying costs a complaint some
/// fifty thousand gas; here each coordinate goes from calldata to its place.
library G1Terms {
    /// @notice Memory for so many terms.
    type Terms is uint256;

    uint256 private constant TERM_SIZE = 160;

    /// @dev (p - 1) / 2: a y above it has the sign flag set in a compressed point.
    uint256 private constant HALF_P_HI = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_P_LO = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @notice Room for `count` terms, to be written before {sum}.
    function allocate(uint256 count) internal pure returns (Terms terms) {
        // Moves the free memory pointer past the terms.
        assembly ("memory-safe") {
            terms := mload(0x40)
            mstore(0x40, add(terms, mul(count, TERM_SIZE)))
        }
    }

    /// @notice Writes term `index`.
    function write(Terms terms, uint256 index, BLS12381.G1Point memory point, uint256 scalar) internal pure {
        // Writes the 160 bytes of a term that was allocated.
        assembly ("memory-safe") {
            let term := add(terms, mul(index, TERM_SIZE))
            mcopy(term, point, 128)
            mstore(add(term, 128), scalar)
        }
    }

    /// @notice Writes terms 1 to `count` - 1: compressed point k with its y, times -(base^k).
    /// @dev As {BLS12381-matchesCompressed} but for x < p and y < p, which the precompile checks with the curve and the subgroup.
    /// @param compressed Points from number 0 on, 48 bytes each; number 0 is left out.
    /// @param hints The y of those from number 1 on, 48 bytes each, zeros for infinity.
    /// @param base With base^(count - 1) below `order`.
    /// @return misfit The first point whose flags are not those of its y; 0 for none.
    function writeNegatedPowers(
        Terms terms,
        uint256 count,
        bytes calldata compressed,
        bytes calldata hints,
        uint256 base,
        uint256 order
    ) internal pure returns (uint256 misfit) {
        // Reads what the caller's lengths hold and writes terms that were allocated. The three flags are on top of a point's first
        // word: compressed, infinity, sign of y.
        assembly ("memory-safe") {
            let point := compressed.offset
            let hint := hints.offset
            let term := terms
            let power := 1
            for {
                let k := 1
            } lt(k, count) {
                k := add(k, 1)
            } {
                point := add(point, 48)
                term := add(term, TERM_SIZE)
                power := mul(power, base)

                let head := shr(128, calldataload(point))
                let xHi := and(head, 0x1fffffffffffffffffffffffffffffff)
                let xLo := calldataload(add(point, 16))
                let yHi := shr(128, calldataload(hint))
                let yLo := calldataload(add(hint, 16))
                hint := add(hint, 48)
                mstore(term, xHi)
                mstore(add(term, 32), xLo)
                mstore(add(term, 64), yHi)
                mstore(add(term, 96), yLo)
                mstore(add(term, 128), sub(order, power))

                // All zeros are infinity, which has a flag of its own.
                let isInfinity := iszero(or(or(xHi, xLo), or(yHi, yLo)))
                let sign := or(gt(yHi, HALF_P_HI), and(eq(yHi, HALF_P_HI), gt(yLo, HALF_P_LO)))
                if xor(shr(125, head), or(4, or(shl(1, isInfinity), sign))) {
                    misfit := k
                    break
                }
            }
        }
    }

    /// @notice The sum of the first `count` terms. Reverts with PrecompileRefused where a point is not one of the subgroup.
    function sum(Terms terms, uint256 count) internal view returns (BLS12381.G1Point memory) {
        return BLS12381.msmAt(Terms.unwrap(terms), count);
    }
}

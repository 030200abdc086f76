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
        // Reads what the caller's lengths hold and writes terms that were allocated. A coordinate of 48 bytes goes to the end of
        // 64. The three flags are on top of x: compressed, infinity, sign of y. Few variables, since each more on the stack
        // costs every turn of the loop.
        assembly ("memory-safe") {
            let point := add(compressed.offset, 48)
            let hint := hints.offset
            let power := base
            let end := add(terms, mul(count, TERM_SIZE))
            for {
                let term := add(terms, TERM_SIZE)
            } lt(term, end) {
                term := add(term, TERM_SIZE)
            } {
                mstore(term, 0)
                calldatacopy(add(term, 16), point, 48)
                mstore(add(term, 64), 0)
                calldatacopy(add(term, 80), hint, 48)
                mstore(add(term, 128), sub(order, power))

                let yHi := mload(add(term, 64))
                let yLo := mload(add(term, 96))
                let flags := shr(125, mload(term))
                mstore(term, and(mload(term), 0x1fffffffffffffffffffffffffffffff))
                switch flags
                case 6 {
                    misfit := or(or(mload(term), mload(add(term, 32))), or(yHi, yLo))
                }
                default {
                    // All zeros would be infinity to the precompile.
                    let sign := or(gt(yHi, HALF_P_HI), and(eq(yHi, HALF_P_HI), gt(yLo, HALF_P_LO)))
                    misfit := or(xor(flags, or(4, sign)), iszero(or(yHi, yLo)))
                }
                if misfit {
                    misfit := div(sub(term, terms), TERM_SIZE)
                    break
                }
                point := add(point, 48)
                hint := add(hint, 48)
                power := mul(power, base)
            }
        }
    }

    /// @notice The sum of the first `count` terms. Reverts with PrecompileRefused where a point is not one of the subgroup.
    function sum(Terms terms, uint256 count) internal view returns (BLS12381.G1Point memory) {
        return BLS12381.msmAt(Terms.unwrap(terms), count);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "./BLS12381.sol";
import {Ed25519} from "./Ed25519.sol";

/// @title Shows that bytes are no commitment
/// @notice Complaints need hints that fit the commitments. For bytes that decode to no point there is none, and without this a
/// dealer could publish such bytes and be safe from complaints.
library MalformedCommitment {
    /// @notice The precompile MODEXP failed, for want of gas: send the transaction with more.
    error ModexpFailed();

    /// @dev The field's prime, 381 bits.
    uint256 private constant P_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LO = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    uint256 private constant COMPRESSED_FLAG = 0x80;
    uint256 private constant INFINITY_FLAG = 0x40;

    address private constant MODEXP = address(0x05);
    /// @dev More than these small powers cost by EIP-2565 (200) or EIP-7883 (500).
    uint256 private constant MODEXP_GAS = 2_000;

    /// @notice Whether the 48 bytes are provably no encoding of a point of G1's subgroup, for one of these reasons:
    /// - flags are wrong, infinity has other bits, or x >= p (`witness` is not looked at);
    /// - `witness` is a y, 48 bytes, with y^2 = -(x^3 + 4): as p = 3 mod 4, -1 is no square, so x^3 + 4 is none;
    /// - `witness` is the y < p of the point, which is outside the subgroup.
    function isProvenG1(bytes calldata encoding, bytes calldata witness) internal view returns (bool) {
        uint256 flags = uint8(encoding[0]);
        uint256 xHi = uint128(bytes16(encoding[:16])) & (type(uint128).max >> 3);
        uint256 xLo = uint256(bytes32(encoding[16:48]));
        if (flags & COMPRESSED_FLAG == 0) return true;
        if (flags & INFINITY_FLAG != 0) return flags != COMPRESSED_FLAG | INFINITY_FLAG || (xHi | xLo) != 0;
        if (!_isBelowP(xHi, xLo)) return true;
        if (witness.length != 48) return false;

        uint256 yHi = uint128(bytes16(witness));
        uint256 yLo = uint256(bytes32(witness[16:]));
        (uint256 squareHi, uint256 squareLo) = _power(yHi, yLo, 2);
        (uint256 rightHi, uint256 rightLo) = _addFour(xHi, xLo);

        if (_isSumZero(squareHi, squareLo, rightHi, rightLo)) return true;
        if (squareHi != rightHi || squareLo != rightLo || !_isBelowP(yHi, yLo)) return false;
        return !BLS12381.isInSubgroup(BLS12381.G1Point(xHi, xLo, yHi, yLo));
    }

    /// @notice Whether the 32 bytes are provably no compressed Ed25519 point.
    /// @param witness Empty, or the root that {Ed25519-provesUndecodable} takes, big-endian.
    function isProvenEd25519(bytes calldata encoding, bytes calldata witness) internal pure returns (bool) {
        uint256 root = witness.length == 32 ? uint256(bytes32(witness)) : 0;
        return Ed25519.provesUndecodable(bytes32(encoding), root);
    }

    /// @dev x^3 + 4 modulo p.
    function _addFour(uint256 xHi, uint256 xLo) private view returns (uint256 hi, uint256 lo) {
        (hi, lo) = _power(xHi, xLo, 3);
        // The lower word of p is far from both ends, so there is one carry at most, and one subtraction.
        unchecked {
            lo += 4;
            if (lo < 4) hi++;
            if (!_isBelowP(hi, lo)) {
                hi -= P_HI + (lo < P_LO ? 1 : 0);
                lo -= P_LO;
            }
        }
    }

    /// @dev Whether a + b = 0 modulo p, for a and b below p.
    function _isSumZero(uint256 aHi, uint256 aLo, uint256 bHi, uint256 bLo) private pure returns (bool) {
        unchecked {
            uint256 lo = aLo + bLo;
            uint256 hi = aHi + bHi + (lo < aLo ? 1 : 0);
            return (hi == P_HI && lo == P_LO) || (hi | lo) == 0;
        }
    }

    function _isBelowP(uint256 hi, uint256 lo) private pure returns (bool) {
        return hi < P_HI || (hi == P_HI && lo < P_LO);
    }

    /// @dev base^exponent modulo p, by MODEXP (EIP-198): three lengths, then base, exponent and modulus.
    function _power(uint256 baseHi, uint256 baseLo, uint8 exponent) private view returns (uint256 hi, uint256 lo) {
        bytes memory input = abi.encodePacked([uint256(64), 1, 64], baseHi, baseLo, exponent, P_HI, P_LO);
        (bool success, bytes memory output) = MODEXP.staticcall{gas: MODEXP_GAS}(input);
        if (!success || output.length != 64) revert ModexpFailed();
        return abi.decode(output, (uint256, uint256));
    }
}

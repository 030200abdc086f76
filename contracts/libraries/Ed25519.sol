// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Ed25519Comb} from "./Ed25519Comb.sol";

/// @title Judges a share of an Ed25519 key on chain
/// @notice In a distributed key generation a dealer publishes t commitments C_0 .. C_(t-1), compressed Ed25519 points (RFC 8032,
/// section 5.1.2), and gives receiver j the share s = f(j). A share is good if 8 * s * B = 8 * sum over k of j^k * C_k.
///
/// The factor 8, the cofactor, is the rule of RFC 8032, section 5.1.7: components of small order in a commitment count for
/// nothing. Receivers must judge their shares by the same rule before they complain.
///
/// A compressed point holds y and the parity of x. Who calls brings each x along as a hint, which saves a square root apiece, and
/// gains nothing by a wrong one: a hint must be canonical, on the curve and of the right parity, so that only one value of x
/// passes, and any other reverts. Nobody can make a good dealing look bad by it, as long as the caller lets it revert. A commitment
/// that is no point at all has no hint that passes; {provesUndecodable} judges those, and those alone.
///
/// Method. The curve is -x^2 + y^2 = 1 + d * x^2 * y^2 over p = 2^255 - 19. A point is (x, y, z, t), which stands for
/// (x/z, y/z), with t = x * y / z: the extended coordinates of Hisil, Wong, Carter and Dawson (2008). The formulas are
/// complete: they hold for all points of the curve, small orders and equal summands included, and never give z = 0.
///
/// Lazy reduction. mulmod and addmod take any words, so sums below 2^256 = 2p + 38 are left as they are. A word is below p
/// unless its comment says otherwise, and no sum has more than two summands up to p. This is what makes `unchecked` safe here.
library Ed25519 {
    /// @notice `commitments` bytes and `hints` x coordinates: give 32 bytes and one hint for each, and at least one.
    error CommitmentsLengthMismatch(uint256 commitments, uint256 hints);

    /// @notice Seats are numbered from 1 to 255, and this one is `seat`.
    error SeatOutOfRange(uint256 seat);

    /// @notice Commitment number `index` (from 0) is `encoding`, and the hint `x` does not belong to it: give the x coordinate
    /// below p that decoding yields, or, where it decodes to no point, show that by {provesUndecodable}.
    error CommitmentHintInvalid(uint256 index, bytes32 encoding, uint256 x);

    /// @dev The summand of an addition, as (y - x, y + x, 2 * d * t); the fourth word, 2 * z, goes apart, as it is a constant for
    /// points with z = 1. The words are at most 2p.
    struct Summand {
        uint256 yMinusX;
        uint256 yPlusX;
        uint256 twoDT;
    }

    /// @dev The field's prime, 2^255 - 19.
    uint256 private constant P = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed;
    uint256 private constant TWO_P = 0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffda;

    /// @dev The curve's d = -121665 / 121666, no square.
    uint256 private constant D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3;

    /// @dev The base point's order L, a prime.
    uint256 private constant ORDER = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed;

    /// @dev Bit 255 of a compressed point: the parity of x.
    uint256 private constant SIGN_SHIFT = 255;
    uint256 private constant Y_MASK = 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff;

    /// @dev The comb reads bits i, i + 43, .. , i + 215 of the scalar at once. The mask leaves them at their places; the product brings
    /// bit i + 43 k to place 250 + k: 43 k + (250 - 42 k). All other partial products fall on distinct places below 250, or above 255.
    uint256 private constant COMB_SPACING = 43;
    uint256 private constant COMB_MASK = (1 << 0) | (1 << 43) | (1 << 86) | (1 << 129) | (1 << 172) | (1 << 215);
    uint256 private constant COMB_GATHER = (1 << 250) | (1 << 208) | (1 << 166) | (1 << 124) | (1 << 82) | (1 << 40);
    uint256 private constant COMB_SHIFT = 250;

    /// @notice Whether `share` is the value at `seat` of the polynomial that `commitments` commit to.
    /// @dev A share of L or more is never valid, whatever it is congruent to: one share has one form. The hints are not looked at then.
    /// @param commitments C_0 .. C_(t-1), 32 bytes each as in RFC 8032.
    /// @param xHints The x coordinate of each, below p.
    /// @param seat The receiver's index, 1 to 255.
    /// @param share The receiver's share, an integer.
    /// @return valid True if share < L and 8 * share * B = 8 * sum of seat^k * C_k.
    function isShareValid(
        bytes calldata commitments,
        uint256[] calldata xHints,
        uint256 seat,
        uint256 share
    ) external pure returns (bool valid) {
        if (xHints.length == 0 || commitments.length != 32 * xHints.length) {
            revert CommitmentsLengthMismatch(commitments.length, xHints.length);
        }
        if (seat == 0 || seat > 255) revert SeatOutOfRange(seat);
        if (share >= ORDER) return false;

        unchecked {
            Summand memory expected;
            uint256 twoZ;
            {
                (uint256 x, uint256 y, uint256 z, uint256 t) = _evaluate(commitments, xHints, seat);
                twoZ = z + z;
                _setSummand(expected, P - x, y, P - t);
            }

            (uint256 dx, uint256 dy, uint256 dz, uint256 dt) = _multiplyBase(share);
            (dx, dy, dz, dt) = _add(dx, dy, dz, dt, expected, twoZ);
            for (uint256 i = 0; i < 3; ++i) (dx, dy, dz, dt) = _double(dx, dy, dz);

            return dx == 0 && dy == dz;
        }
    }

    /// @notice Whether `encoding` is provably no compressed point (RFC 8032, section 5.1.3), for one of three reasons:
    /// - y >= p: the encoding is not canonical (`root` is not looked at);
    /// - x = 0 with the sign bit set (`root` is not looked at);
    /// - x^2 = (y^2 - 1) / (d * y^2 + 1) has no solution. Then 2 * (y^2 - 1) * (d * y^2 + 1) is a square, as 2 is none for
    ///   p = 5 mod 8, and `root` is a root of it.
    /// @dev A dealer that publishes such bytes is at fault by that alone: no share needs to be opened.
    /// @param encoding One commitment, 32 bytes.
    /// @param root A square root of 2 * (y^2 - 1) * (d * y^2 + 1) modulo p in the third case, else anything.
    /// @return proven True if the encoding is shown to be no point; false if it is one, or the root is wrong.
    function provesUndecodable(bytes32 encoding, uint256 root) external pure returns (bool proven) {
        unchecked {
            uint256 littleEndian = _reverseBytes(uint256(encoding));
            uint256 y = littleEndian & Y_MASK;
            if (y >= P) return true;

            uint256 yy = mulmod(y, y, P);
            // Numerator times denominator: a square exactly if their quotient is one, since the denominator is never 0.
            uint256 product = mulmod(yy + (P - 1), mulmod(D, yy, P) + 1, P);
            if (product == 0) return littleEndian >> SIGN_SHIFT == 1;

            return mulmod(root, root, P) == addmod(product, product, P);
        }
    }

    /// @dev sum over k of seat^k * C_k, by Horner's rule: from the last commitment down, multiply by the seat and add.
    function _evaluate(
        bytes calldata commitments,
        uint256[] calldata xHints,
        uint256 seat
    ) private pure returns (uint256 x, uint256 y, uint256 z, uint256 t) {
        unchecked {
            uint256 steps = _multiplicationSteps(seat);
            Summand memory summand;

            // The neutral element (0, 1), of which any multiple is itself.
            (x, y, z, t) = (0, 1, 1, 0);
            for (uint256 k = xHints.length; k != 0;) {
                if (k != xHints.length) (x, y, z, t) = _multiplyBySteps(x, y, z, t, steps, summand);

                --k;
                _decode(summand, commitments, k, xHints[k]);
                (x, y, z, t) = _add(x, y, z, t, summand, 2);
            }
        }
    }

    /// @dev How to multiply by `factor` (1 or more), beginning with the point itself: one step for each two bits of the result, the
    /// lowest first. 1: double. 2: double, then add the point. 3: double, then subtract the point. 0: done.
    /// These are the digits of the factor's non-adjacent form, except that it begins with 2 + 1, not with 4 - 1, a doubling
    /// longer.
    function _multiplicationSteps(uint256 factor) private pure returns (uint256 steps) {
        unchecked {
            while (factor > 1) {
                uint256 step = 1;
                if (factor & 1 != 0) {
                    step = factor == 3 || factor & 2 == 0 ? 2 : 3;
                    factor += step & 1;
                }
                steps = (steps << 2) | step;
                factor >>= 1;
            }
        }
    }

    /// @dev A point times the factor of which `steps` tell; `summand` is memory to work in.
    function _multiplyBySteps(
        uint256 x,
        uint256 y,
        uint256 z,
        uint256 t,
        uint256 steps,
        Summand memory summand
    ) private pure returns (uint256, uint256, uint256, uint256) {
        unchecked {
            uint256 twoZ = z + z;
            _setSummand(summand, x, y, t);
            uint256 negated = 0;
            for (; steps != 0; steps >>= 2) {
                (x, y, z, t) = _double(x, y, z);
                if (steps & 2 != 0) {
                    if (steps & 1 != negated) {
                        // The negative of a point has -x for x.
                        (summand.yMinusX, summand.yPlusX) = (summand.yPlusX, summand.yMinusX);
                        summand.twoDT = P - summand.twoDT;
                        negated ^= 1;
                    }
                    (x, y, z, t) = _add(x, y, z, t, summand, twoZ);
                }
            }
            return (x, y, z, t);
        }
    }

    /// @dev scalar * B for a scalar below 2^258, by a fixed-base comb: 43 doublings and at most as many additions.
    function _multiplyBase(uint256 scalar) private pure returns (uint256 x, uint256 y, uint256 z, uint256 t) {
        unchecked {
            bytes memory table = Ed25519Comb.TABLE;
            Summand memory entry;

            (x, y, z, t) = (0, 1, 1, 0);
            for (uint256 i = COMB_SPACING; i != 0;) {
                --i;
                (x, y, z, t) = _double(x, y, z);
                uint256 index = (((scalar >> i) & COMB_MASK) * COMB_GATHER) >> COMB_SHIFT;
                if (index != 0) {
                    // An entry has the layout of a Summand, three words, and the table holds entries 1 to 63 after its length
                    // word: entry `index` starts at table + 32 + 96 * (index - 1). Reads nothing, writes nothing.
                    assembly ("memory-safe") {
                        entry := add(sub(table, 64), mul(index, 96))
                    }
                    // The entries are halved, so that 2 * z is 1.
                    (x, y, z, t) = _add(x, y, z, t, entry, 1);
                }
            }
        }
    }

    /// @dev Commitment k as a summand with z = 1, from its bytes and its x.
    function _decode(Summand memory into, bytes calldata commitments, uint256 k, uint256 x) private pure {
        unchecked {
            uint256 encoding;
            // Reads 32 bytes of calldata; k is below the number of commitments, whose length was checked. Touches no memory.
            assembly ("memory-safe") {
                encoding := calldataload(add(commitments.offset, mul(k, 32)))
            }
            uint256 littleEndian = _reverseBytes(encoding);
            uint256 y = littleEndian & Y_MASK;

            uint256 t = mulmod(x, y, P);
            uint256 dt = mulmod(D, t, P);
            bool onCurve = addmod(mulmod(y, y, P), P - mulmod(x, x, P), P) == addmod(mulmod(dt, t, P), 1, P);
            if (!onCurve || x >= P || y >= P || x & 1 != littleEndian >> SIGN_SHIFT) {
                revert CommitmentHintInvalid(k, bytes32(encoding), x);
            }

            into.yMinusX = y + P - x;
            into.yPlusX = y + x;
            into.twoDT = dt + dt;
        }
    }

    /// @dev A point of extended coordinates as a summand whose third word is below p; its 2 * z is up to the caller. `x` and `t` may
    /// be p.
    function _setSummand(Summand memory into, uint256 x, uint256 y, uint256 t) private pure {
        unchecked {
            into.yMinusX = y + (P - x);
            into.yPlusX = y + x;
            into.twoDT = mulmod(2 * D - P, t, P);
        }
    }

    /// @dev The sum of a point and a summand of which `twoZ` is the fourth word, below 2p ("add-2008-hwcd-3").
    function _add(
        uint256 x,
        uint256 y,
        uint256 z,
        uint256 t,
        Summand memory summand,
        uint256 twoZ
    ) private pure returns (uint256 x3, uint256 y3, uint256 z3, uint256 t3) {
        unchecked {
            uint256 a = mulmod(y + (P - x), summand.yMinusX, P);
            uint256 b = mulmod(y + x, summand.yPlusX, P);
            uint256 c = mulmod(t, summand.twoDT, P);
            uint256 d = mulmod(z, twoZ, P);

            uint256 e = b + (P - a);
            uint256 f = d + (P - c);
            uint256 g = d + c;
            uint256 h = b + a;
            return (mulmod(e, f, P), mulmod(g, h, P), mulmod(f, g, P), mulmod(e, h, P));
        }
    }

    /// @dev Twice a point ("dbl-2008-hwcd", with the signs of its F and H turned, which scales all coordinates by -1).
    function _double(
        uint256 x,
        uint256 y,
        uint256 z
    ) private pure returns (uint256 x3, uint256 y3, uint256 z3, uint256 t3) {
        unchecked {
            uint256 a = mulmod(x, x, P);
            uint256 b = mulmod(y, y, P);

            uint256 e = mulmod(x, y + y, P);
            uint256 g = b + (P - a);
            uint256 f = addmod(mulmod(z, z + z, P), TWO_P - g, P);
            uint256 h = a + b;
            return (mulmod(e, f, P), mulmod(g, h, P), mulmod(f, g, P), mulmod(e, h, P));
        }
    }

    /// @dev The word with its 32 bytes in reverse order: swaps neighbours of 1, 2, 4, 8 and 16 bytes.
    function _reverseBytes(uint256 value) private pure returns (uint256) {
        unchecked {
            uint256 m = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
            value = ((value >> 8) & m) | ((value & m) << 8);
            m = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
            value = ((value >> 16) & m) | ((value & m) << 16);
            m = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
            value = ((value >> 32) & m) | ((value & m) << 32);
            m = 0x0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff;
            value = ((value >> 64) & m) | ((value & m) << 64);
            return (value >> 128) | (value << 128);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title BLS12-381 on the EIP-2537 precompiles: keys in G1, signatures in G2
/// @notice Verifies signatures of the ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (or of any other suite of the
/// same hash and curve: the domain separation tag is a parameter), hashes to G2 as RFC 9380 says, and does what a key
/// ceremony needs in G1.
///
/// Points are in the encoding of EIP-2537, so that memory can be handed to a precompile as it is: a coordinate is a field
/// element of 64 bytes, big-endian, whose first 16 bytes are zero; the point at infinity is all zeros. A coordinate takes two
/// words here, `Hi` with its upper 128 bits and `Lo` with its lower 256.
///
/// Who checks what. No function here takes a square root or does field arithmetic to test a point; the precompiles do:
/// - canonical coordinates (below p) and curve equation: all of them;
/// - membership of the subgroup of prime order r: G1MSM and PAIRING only. A point that is merely added is not checked.
///
/// Gas. A precompile of EIP-2537 burns all the gas it was given when it refuses its input, so each call is given its exact
/// price and no more. Where a caller leaves less than that price, the call would fail as it does on a bad point; this is told
/// apart, and reverts with {InsufficientGas}, so that nobody can make a good signature look bad by sending little gas.
library BLS12381 {
    /// @notice A point of G1 (a public key): four words, 128 bytes.
    struct G1Point {
        uint256 xHi;
        uint256 xLo;
        uint256 yHi;
        uint256 yLo;
    }

    /// @notice A point of G2 (a signature): eight words, 256 bytes. A coordinate is c0 + c1 * i, and c0 comes first: in the
    /// compressed bytes of BLS signatures c1 does.
    struct G2Point {
        uint256 x0Hi;
        uint256 x0Lo;
        uint256 x1Hi;
        uint256 x1Lo;
        uint256 y0Hi;
        uint256 y0Lo;
        uint256 y1Hi;
        uint256 y1Lo;
    }

    /// @notice The domain separation tag has `length` bytes: give one of 1 to 255 (RFC 9380, section 3.1).
    error InvalidDstLength(uint256 length);

    /// @notice `length` bytes were asked of expand_message_xmd: ask for 1 to 8160, which is 255 hashes.
    error InvalidExpandLength(uint256 length);

    /// @notice A multi-scalar multiplication of `points` by `scalars`: give as many of each, from 1 to 128.
    error InvalidMsmLength(uint256 points, uint256 scalars);

    /// @notice An encoded point has `actual` bytes and must have `expected`.
    error InvalidPointLength(uint256 actual, uint256 expected);

    /// @notice `precompile` refused its input: a point is off the curve, outside the subgroup, or not canonical.
    error PrecompileRefused(uint256 precompile);

    /// @notice There is nothing at the address of `precompile`: use a chain with EIP-2537 (Prague or later).
    error PrecompileMissing(uint256 precompile);

    /// @notice `precompile` needs `price` gas and the caller left less: send the transaction with more gas.
    error InsufficientGas(uint256 precompile, uint256 price);

    // Addresses of the precompiles: SHA-256, and those of EIP-2537.
    uint256 private constant SHA256 = 0x02;
    uint256 private constant G1ADD = 0x0b;
    uint256 private constant G1MSM = 0x0c;
    uint256 private constant G2ADD = 0x0d;
    uint256 private constant PAIRING = 0x0f;
    uint256 private constant MAP_FP2_TO_G2 = 0x11;

    // Prices, EIP-2537 section "Gas schedule".
    uint256 private constant G1ADD_GAS = 375;
    uint256 private constant G1MUL_GAS = 12_000;
    uint256 private constant G2ADD_GAS = 600;
    uint256 private constant PAIRING_OF_TWO_GAS = 37_700 + 2 * 32_600;
    uint256 private constant MAP_FP2_TO_G2_GAS = 23_800;

    /// @dev More than the CALL opcode and the instructions around it cost by themselves.
    uint256 private constant CALL_OVERHEAD_GAS = 200;

    /// @dev The selector of {InsufficientGas}, where assembly reverts with it.
    uint256 private constant INSUFFICIENT_GAS_SELECTOR = 0x23e228cb;

    /// @dev The longest multi-scalar multiplication: the end of the table of discounts.
    uint256 private constant MSM_MAX_LENGTH = 128;

    /// @dev What a scalar multiplication among k costs, in thousandths of {G1MUL_GAS}: for k = 1..128, two bytes each
    /// (EIP-2537, "Discounts table for G1 MSM").
    bytes private constant G1MSM_DISCOUNTS =
        hex"03e803b50350031d02fc02ee02e202d802cf02c802c102ba02b402af02aa02a5"
        hex"02a1029d029902950292028e028b0288028502820280027d027b027802760273"
        hex"0271026f026d026b026902670265026302610260025e025c025b025902570256"
        hex"0254025302510250024f024d024c024a02490248024602450244024302410240"
        hex"023f023e023d023c023a0239023802370236023502340233023202310230022f"
        hex"022e022d022c022b022a02290228022702260225022402230223022202210220"
        hex"021f021e021d021c021c021b021a021902180218021702160215021402140213"
        hex"0212021102100210020f020e020d020d020c020b020a020a0209020802080207";

    /// @dev The field modulus p, 381 bits.
    uint256 private constant P_HI = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant P_LO = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;

    /// @dev The lower word of -p modulo 2^512; the upper one is not(P_HI). A constant of its own, for {reduce} alone: the
    /// compiler puts a long constant that occurs often in the code's data, where it is dear to read.
    uint256 private constant MINUS_P_LO = 0x9b88b47b0c7aed4098cf2d5f094f09dbe15400014eac00004601000000005555;

    /// @dev (p - 1) / 2: a y above it has the sign flag set in a compressed point.
    uint256 private constant HALF_P_HI = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_P_LO = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @dev floor(2^636 / p), the multiplier of {reduce}: a full word, since p is just above 2^380.
    uint256 private constant RECIPROCAL = 0x9d835d2f3cc9e45ce28101b0cc7a6ba291b82741ff6a0a94bdf4771e0286779d;

    /// @dev The generator of G1, and the y of its negation.
    uint256 private constant GENERATOR_X_HI = 0x17f1d3a73197d7942695638c4fa9ac0f;
    uint256 private constant GENERATOR_X_LO = 0xc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb;
    uint256 private constant GENERATOR_Y_HI = 0x08b3f481e3aaa0f1a09e30ed741d8ae4;
    uint256 private constant GENERATOR_Y_LO = 0xfcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1;
    uint256 private constant NEGATED_GENERATOR_Y_HI = 0x114d1d6855d545a8aa7d76c8cf2e21f2;
    uint256 private constant NEGATED_GENERATOR_Y_LO =
        0x67816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca;

    /// @dev Flags in the first byte of a compressed point: compressed, infinity, and y in the upper half.
    uint256 private constant COMPRESSED_FLAG = 0x80 << 248;
    uint256 private constant INFINITY_FLAG = 0x40 << 248;
    uint256 private constant SIGN_FLAG = 0x20 << 248;

    // ---------------------------------------------------------------- signatures

    /// @notice Whether `signature` is `publicKey`'s over the 32 bytes of `digest` under the tag `dst`.
    /// @dev As the other {verify}.
    function verify(
        G1Point memory publicKey,
        bytes32 digest,
        bytes memory dst,
        G2Point memory signature
    ) internal view returns (bool) {
        return verify(publicKey, _toBytes(digest), dst, signature);
    }

    /// @notice Whether `signature` is `publicKey`'s over `message` under the tag `dst`: CoreVerify of the BLS signature draft.
    /// @dev False for a key or signature that is infinity, not canonical, off the curve or outside its subgroup. Reverts only
    /// for a tag of bad length, for too little gas, and where the precompiles are missing.
    function verify(
        G1Point memory publicKey,
        bytes memory message,
        bytes memory dst,
        G2Point memory signature
    ) internal view returns (bool) {
        if (isInfinity(publicKey) || isInfinity(signature)) return false;
        uint256 pairs = _allocate(768);
        _hashToG2(message, dst, pairs);
        return _isPairingOne(pairs, publicKey, signature);
    }

    /// @notice Whether `signature` is `publicKey`'s over the message that hashes to `hashed`, of {hashToG2}: for several
    /// signatures over one message.
    /// @dev As {verify}.
    function verifyHashed(
        G1Point memory publicKey,
        G2Point memory hashed,
        G2Point memory signature
    ) internal view returns (bool) {
        if (isInfinity(publicKey) || isInfinity(signature)) return false;
        uint256 pairs = _allocate(768);
        // Copies the point to its place in the first pair.
        assembly ("memory-safe") {
            mcopy(add(pairs, 128), hashed, 256)
        }
        return _isPairingOne(pairs, publicKey, signature);
    }

    /// @notice Whether `publicKey` may be used as one: in the subgroup and not infinity (KeyValidate of the BLS signature
    /// draft). Proof that somebody knows its secret is another matter.
    /// @dev Reverts only as {isInSubgroup} does.
    function isValidPublicKey(G1Point memory publicKey) internal view returns (bool) {
        return !isInfinity(publicKey) && isInSubgroup(publicKey);
    }

    // ---------------------------------------------------------------- hash to curve

    /// @notice hash_to_curve of the suite BLS12381G2_XMD:SHA-256_SSWU_RO_ (RFC 9380, sections 3 and 8.8.2).
    /// @dev The map of EIP-2537 includes the isogeny and the clearing of the cofactor; adding after it gives the same point as
    /// clearing once after the addition.
    /// @param message Any bytes.
    /// @param dst The domain separation tag, 1 to 255 bytes; else reverts with {InvalidDstLength}.
    function hashToG2(bytes memory message, bytes memory dst) internal view returns (G2Point memory point) {
        uint256 buffer = _allocate(512);
        _hashToG2(message, dst, buffer);
        // Copies the point from where it was left.
        assembly ("memory-safe") {
            mcopy(point, add(buffer, 128), 256)
        }
    }

    /// @notice expand_message_xmd with SHA-256 (RFC 9380, section 5.3.1).
    /// @param message Any bytes.
    /// @param dst The domain separation tag, 1 to 255 bytes; else reverts with {InvalidDstLength}. A longer tag must be hashed
    /// first, as RFC 9380, section 5.3.3 says.
    /// @param length The number of bytes wanted, 1 to 8160; else reverts with {InvalidExpandLength}.
    function expandMessageXmd(
        bytes memory message,
        bytes memory dst,
        uint256 length
    ) internal view returns (bytes memory uniform) {
        unchecked {
            // In each, zero wraps around to more than the limit.
            if (dst.length - 1 > 254) revert InvalidDstLength(dst.length);
            if (length - 1 > 8159) revert InvalidExpandLength(length);
        }

        // Allocates `uniform` with its bytes rounded up to whole hashes, then works in the free memory after it, which stays
        // free: everything there is written before it is read.
        assembly ("memory-safe") {
            // SHA-256 takes any input: it fails only for want of gas. Reverts with InsufficientGas(SHA256, price).
            function fail(price) {
                let data := mload(0x40)
                mstore(data, INSUFFICIENT_GAS_SELECTOR)
                mstore(add(data, 32), SHA256)
                mstore(add(data, 64), price)
                revert(add(data, 28), 68)
            }

            uniform := mload(0x40)
            let output := add(uniform, 32)
            let end := add(output, and(add(length, 31), not(31)))
            mstore(uniform, length)
            mstore(0x40, end)

            // msg_prime = 64 zero bytes | message | length in two bytes | 0 | dst | length of dst in one byte
            let size := mload(message)
            let suffix := add(add(end, 64), size)
            mstore(end, 0)
            mstore(add(end, 32), 0)
            mcopy(add(end, 64), add(message, 32), size)
            mstore(suffix, shl(240, length))
            let dstSize := mload(dst)
            mcopy(add(suffix, 3), add(dst, 32), dstSize)
            mstore8(add(add(suffix, 3), dstSize), dstSize)

            // b_0 = H(msg_prime), to the scratch space. The price of SHA-256 is 60 gas and 12 for each word begun. A precompile
            // that fails or is missing returns nothing: the size returned tells of success as well.
            size := add(add(size, dstSize), 68)
            let price := add(60, mul(12, shr(5, add(size, 31))))
            pop(staticcall(price, SHA256, end, size, 0, 32))
            if iszero(eq(returndatasize(), 32)) {
                fail(price)
            }

            // b_i = H(b_0 xor b_(i-1) | i | dst | length of dst), where b_1 takes b_0 alone. The 0 before dst, in msg_prime, is
            // where i goes; the word before that takes the xor. There is always one hash to make, so the loop tests at its end,
            // which is cheaper.
            let chained := sub(suffix, 30)
            size := add(dstSize, 34)
            price := add(60, mul(12, shr(5, add(size, 31))))
            mstore(chained, mload(0))
            for {} 1 {} {
                mstore8(add(chained, 32), shr(5, sub(output, uniform)))
                pop(staticcall(price, SHA256, chained, size, output, 32))
                if iszero(eq(returndatasize(), 32)) {
                    fail(price)
                }
                mstore(chained, xor(mload(0), mload(output)))
                output := add(output, 32)
                if iszero(lt(output, end)) {
                    break
                }
            }
        }
    }

    /// @notice The integer hi * 2^256 + lo, of 512 bits, modulo p.
    /// @dev Barrett's reduction, for some 200 gas; MODEXP would take more than 600 (EIP-7883). The quotient is estimated from
    /// the upper word alone, q = floor(hi * RECIPROCAL / 2^380). The parts left out, lo and the fraction of RECIPROCAL, are
    /// worth less than 2^-123 of the quotient, which makes q right or one too small, and the remainder is below 2p.
    function reduce(uint256 hi, uint256 lo) internal pure returns (uint256 resultHi, uint256 resultLo) {
        // Arithmetic on the stack; no access to memory. The upper word of a product of two words is the product modulo
        // 2^256 - 1, less the lower word, less one where that borrows.
        assembly ("memory-safe") {
            let productLo := mul(hi, RECIPROCAL)
            let folded := mulmod(hi, RECIPROCAL, not(0))
            let quotient := shr(124, sub(sub(folded, productLo), lt(folded, productLo)))

            // The remainder, integer + quotient * (-p), in two words.
            productLo := mul(quotient, MINUS_P_LO)
            folded := mulmod(quotient, MINUS_P_LO, not(0))
            let productHi := add(mul(quotient, not(P_HI)), sub(sub(folded, productLo), lt(folded, productLo)))
            resultLo := add(lo, productLo)
            resultHi := add(add(hi, productHi), lt(resultLo, lo))

            // The quotient was one too small. The first test alone is true once in 2^125 hashes.
            if iszero(lt(resultHi, P_HI)) {
                if or(gt(resultHi, P_HI), iszero(lt(resultLo, P_LO))) {
                    resultHi := sub(sub(resultHi, P_HI), lt(resultLo, P_LO))
                    resultLo := sub(resultLo, P_LO)
                }
            }
        }
    }

    /// @dev {hashToG2} in memory that the caller allocated: takes 512 bytes at `buffer` and leaves the point in the 256 that
    /// begin 128 bytes into them, where the input of a pairing has it.
    function _hashToG2(bytes memory message, bytes memory dst, uint256 buffer) private view {
        bytes memory uniform = expandMessageXmd(message, dst, 256);
        uint256 elements;
        // Takes the address of the first of the 256 bytes; no access to memory.
        assembly ("memory-safe") {
            elements := add(uniform, 32)
        }
        unchecked {
            // hash_to_field: each of four integers of 64 bytes becomes an element of the base field, in its place. Two of them
            // are an element of the quadratic extension, c0 first: just what the map takes.
            for (uint256 element = elements; element < elements + 256; element += 64) {
                (uint256 hi, uint256 lo) = reduce(_load(element), _load(element + 32));
                // Writes within the 256 bytes of `uniform`.
                assembly ("memory-safe") {
                    mstore(element, hi)
                    mstore(add(element, 32), lo)
                }
            }
            _call(MAP_FP2_TO_G2, MAP_FP2_TO_G2_GAS, elements, 128, buffer, 256);
            _call(MAP_FP2_TO_G2, MAP_FP2_TO_G2_GAS, elements + 128, 128, buffer + 256, 256);
            _call(G2ADD, G2ADD_GAS, buffer, 512, buffer + 128, 256);
        }
    }

    // ---------------------------------------------------------------- arithmetic in G1

    /// @notice The generator of G1.
    function generator() internal pure returns (G1Point memory) {
        return G1Point(GENERATOR_X_HI, GENERATOR_X_LO, GENERATOR_Y_HI, GENERATOR_Y_LO);
    }

    /// @notice `a` + `b`. The subgroup is not checked.
    /// @dev Reverts with {PrecompileRefused} where one is not a canonical point of the curve.
    function add(G1Point memory a, G1Point memory b) internal view returns (G1Point memory sum) {
        uint256 input = _allocate(256);
        // Writes within the allocated 256 bytes.
        assembly ("memory-safe") {
            mcopy(input, a, 128)
            mcopy(add(input, 128), b, 128)
        }
        _call(G1ADD, G1ADD_GAS, input, 256, _address(sum), 128);
    }

    /// @notice The sum of `points[i]` times `scalars[i]`. A scalar is any integer of 256 bits, taken modulo r.
    /// @dev Reverts with {InvalidMsmLength}, or with {PrecompileRefused} where a point is not one of the subgroup.
    function msm(G1Point[] memory points, uint256[] memory scalars) internal view returns (G1Point memory sum) {
        uint256 count = points.length;
        if (count == 0 || count > MSM_MAX_LENGTH || count != scalars.length) {
            revert InvalidMsmLength(count, scalars.length);
        }
        uint256 input = _allocate(160 * count);
        for (uint256 i = 0; i < count; i++) _writeTerm(input + 160 * i, points[i], scalars[i]);

        _call(G1MSM, msmPrice(count), input, 160 * count, _address(sum), 128);
    }

    /// @notice The gas that G1MSM takes for `count` terms, 1 to 128.
    function msmPrice(uint256 count) internal pure returns (uint256) {
        bytes memory discounts = G1MSM_DISCOUNTS;
        uint256 discount;
        // Entry k ends at byte 2k of the table, which is byte 2k + 32 of the array with its length: the word that ends there
        // lies within the array, and its last two bytes are the entry.
        assembly ("memory-safe") {
            discount := and(mload(add(discounts, mul(2, count))), 0xffff)
        }
        return (count * G1MUL_GAS * discount) / 1000;
    }

    /// @notice {msm} of `count` terms, 1 to 128, that the caller wrote one after another to memory at `terms`: a point and its scalar,
    /// 160 bytes each.
    function msmAt(uint256 terms, uint256 count) internal view returns (G1Point memory sum) {
        if (count == 0 || count > MSM_MAX_LENGTH) revert InvalidMsmLength(count, count);
        _call(G1MSM, msmPrice(count), terms, 160 * count, _address(sum), 128);
    }

    /// @notice Whether `point` is in the subgroup of prime order, infinity included.
    /// @dev Multiplies by one with G1MSM, which refuses any other point. Reverts only for too little gas and where the
    /// precompile is missing.
    function isInSubgroup(G1Point memory point) internal view returns (bool) {
        uint256 input = _allocate(160);
        _writeTerm(input, point, 1);
        return _tryCall(G1MSM, G1MUL_GAS, input, 160, input, 128);
    }

    /// @notice -`point`. A `point` whose coordinates are not canonical gives one whose coordinates are not either.
    function negate(G1Point memory point) internal pure returns (G1Point memory) {
        if (isInfinity(point)) return G1Point(0, 0, 0, 0);
        unchecked {
            uint256 borrow = point.yLo > P_LO ? 1 : 0;
            return G1Point(point.xHi, point.xLo, P_HI - point.yHi - borrow, P_LO - point.yLo);
        }
    }

    /// @notice Whether `point` is infinity, the neutral element of G1.
    function isInfinity(G1Point memory point) internal pure returns (bool) {
        return point.xLo == 0 && (point.xHi | point.yLo | point.yHi) == 0;
    }

    /// @notice Whether `point` is infinity, the neutral element of G2.
    function isInfinity(G2Point memory point) internal pure returns (bool) {
        return
            point.x0Lo == 0 &&
            (point.x0Hi | point.x1Lo | point.x1Hi | point.y0Lo | point.y0Hi | point.y1Lo | point.y1Hi) == 0;
    }

    /// @notice Whether `a` and `b` are the same point.
    function equal(G1Point memory a, G1Point memory b) internal pure returns (bool) {
        return a.xHi == b.xHi && a.xLo == b.xLo && a.yHi == b.yHi && a.yLo == b.yLo;
    }

    // ---------------------------------------------------------------- encodings of G1

    /// @notice The 48 bytes of `point` in the compressed encoding of BLS signatures (ZCash's): x, big-endian, with three flags
    /// in its free upper bits.
    /// @dev Defined for a point with canonical coordinates.
    function compress(G1Point memory point) internal pure returns (bytes memory) {
        (bytes32 head, bytes16 tail) = _compress(point);
        return abi.encodePacked(head, tail);
    }

    /// @notice Whether `compressed` is the encoding of `point`: 48 bytes, right flags, the same x below p, and a y of the
    /// same sign. It takes no square root, since `point` is the hint that says it.
    /// @dev Says nothing of curve and subgroup: a hint that comes from outside must pass {isInSubgroup} too, or go to G1MSM
    /// or PAIRING, which check it. Never reverts.
    function matchesCompressed(G1Point memory point, bytes calldata compressed) internal pure returns (bool) {
        if (compressed.length != 48) return false;
        if (!_isBelow(point.xHi, point.xLo, P_HI, P_LO) || !_isBelow(point.yHi, point.yLo, P_HI, P_LO)) return false;

        // A canonical point has one encoding, so it is enough to make it and compare.
        (bytes32 head, bytes16 tail) = _compress(point);
        return head == bytes32(compressed[:32]) && tail == bytes16(compressed[32:]);
    }

    /// @notice The point whose coordinates are x | y in 48 bytes each, big-endian, without flags. Infinity is all zeros.
    /// @dev Reverts with {InvalidPointLength} unless 96 bytes are given. Coordinates of p or more are taken as they are and
    /// refused by whichever precompile meets them.
    function decodeUncompressed(bytes calldata encoded) internal pure returns (G1Point memory) {
        if (encoded.length != 96) revert InvalidPointLength(encoded.length, 96);
        return
            G1Point(
                uint128(bytes16(encoded[:16])),
                uint256(bytes32(encoded[16:48])),
                uint128(bytes16(encoded[48:64])),
                uint256(bytes32(encoded[64:]))
            );
    }

    /// @dev {compress} in words.
    function _compress(G1Point memory point) private pure returns (bytes32 head, bytes16 tail) {
        uint256 flags = COMPRESSED_FLAG;
        if (isInfinity(point)) flags |= INFINITY_FLAG;
        if (_isBelow(HALF_P_HI, HALF_P_LO, point.yHi, point.yLo)) flags |= SIGN_FLAG;

        head = bytes32((point.xHi << 128) | (point.xLo >> 128) | flags);
        tail = bytes16(uint128(point.xLo));
    }

    /// @dev Whether the integer (aHi, aLo) is less than (bHi, bLo).
    function _isBelow(uint256 aHi, uint256 aLo, uint256 bHi, uint256 bLo) private pure returns (bool) {
        return aHi < bHi || (aHi == bHi && aLo < bLo);
    }

    // ---------------------------------------------------------------- memory and calls

    /// @dev Whether e(generator, signature) == e(publicKey, hashed), where the caller allocated 768 bytes at `pairs` and put
    /// `hashed` 128 bytes into them. It is tested as e(publicKey, hashed) * e(-generator, signature) == 1, in one call; false
    /// where PAIRING refuses a point.
    function _isPairingOne(
        uint256 pairs,
        G1Point memory publicKey,
        G2Point memory signature
    ) private view returns (bool) {
        // Two pairs of a point of G1 and one of G2, 128 + 256 bytes each. Writes within the 768 bytes.
        assembly ("memory-safe") {
            mcopy(pairs, publicKey, 128)
            mstore(add(pairs, 384), GENERATOR_X_HI)
            mstore(add(pairs, 416), GENERATOR_X_LO)
            mstore(add(pairs, 448), NEGATED_GENERATOR_Y_HI)
            mstore(add(pairs, 480), NEGATED_GENERATOR_Y_LO)
            mcopy(add(pairs, 512), signature, 256)
        }
        // The answer, one word, replaces the first word of the input.
        return _tryCall(PAIRING, PAIRING_OF_TWO_GAS, pairs, 768, pairs, 32) && _load(pairs) == 1;
    }

    /// @dev Writes `point` and `scalar` as a term of G1MSM, to 160 bytes that the caller allocated at `term`.
    function _writeTerm(uint256 term, G1Point memory point, uint256 scalar) private pure {
        // Writes within those 160 bytes.
        assembly ("memory-safe") {
            mcopy(term, point, 128)
            mstore(add(term, 128), scalar)
        }
    }

    /// @dev The address of `size` bytes of memory, not cleared. `size` is a multiple of 32.
    function _allocate(uint256 size) private pure returns (uint256 pointer) {
        // Moves the free memory pointer past the bytes handed out.
        assembly ("memory-safe") {
            pointer := mload(0x40)
            mstore(0x40, add(pointer, size))
        }
    }

    /// @dev The 32 bytes of `word`, as abi.encodePacked makes them with more ado.
    function _toBytes(bytes32 word) private pure returns (bytes memory encoded) {
        // Allocates a length and one word.
        assembly ("memory-safe") {
            encoded := mload(0x40)
            mstore(encoded, 32)
            mstore(add(encoded, 32), word)
            mstore(0x40, add(encoded, 64))
        }
    }

    /// @dev The word at `pointer`, within memory that the caller allocated.
    function _load(uint256 pointer) private pure returns (uint256 word) {
        // Reads one word of allocated memory.
        assembly ("memory-safe") {
            word := mload(pointer)
        }
    }

    /// @dev The address of a point of G1 in memory.
    function _address(G1Point memory point) private pure returns (uint256 pointer) {
        // A struct in memory is its address; no access to memory.
        assembly ("memory-safe") {
            pointer := point
        }
    }

    /// @dev As {_tryCall}, and reverts with {PrecompileRefused} where the input is refused.
    function _call(
        uint256 precompile,
        uint256 price,
        uint256 input,
        uint256 inputSize,
        uint256 output,
        uint256 outputSize
    ) private view {
        if (!_tryCall(precompile, price, input, inputSize, output, outputSize)) revert PrecompileRefused(precompile);
    }

    /// @dev Calls `precompile` with exactly `price` gas. False where it refuses its input, having burnt that price. `input` and
    /// `output` are allocated memory, and may overlap.
    function _tryCall(
        uint256 precompile,
        uint256 price,
        uint256 input,
        uint256 inputSize,
        uint256 output,
        uint256 outputSize
    ) private view returns (bool success) {
        uint256 available = gasleft();
        // Writes to `output`, at most its size. Yul evaluates arguments from the last to the first: the size returned is read
        // after the call.
        assembly ("memory-safe") {
            success := and(
                eq(returndatasize(), outputSize),
                staticcall(price, precompile, input, inputSize, output, outputSize)
            )
        }
        if (!success) {
            // A call gets at most 63/64 of what is left (EIP-150), so this one may have got less than its price.
            if (available - available / 64 < price + CALL_OVERHEAD_GAS) revert InsufficientGas(precompile, price);
            // What refuses its input burns its price; an address without a precompile takes nothing and answers nothing.
            if (available - gasleft() < price) revert PrecompileMissing(precompile);
        }
    }
}

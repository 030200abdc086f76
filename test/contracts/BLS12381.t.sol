// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../../contracts/libraries/BLS12381.sol";

/// @notice What holds for any input whatever, tried on random ones.
contract BLS12381Test {
    bytes private constant DST = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    function testFuzz_verifyRefusesGarbageWithoutReverting(
        BLS12381.G1Point memory publicKey,
        bytes memory message,
        BLS12381.G2Point memory signature
    ) public view {
        assert(!BLS12381.verify(publicKey, message, DST, signature));
    }

    function testFuzz_hashToG2GivesTheSamePointWhateverMemoryHolds(bytes memory message, bytes32 dirt) public view {
        BLS12381.G2Point memory first = BLS12381.hashToG2(message, DST);
        // Fills the free memory that the next call works in.
        assembly ("memory-safe") {
            let free := mload(0x40)
            for {
                let end := add(free, 4096)
            } lt(free, end) {
                free := add(free, 32)
            } {
                mstore(free, dirt)
            }
        }
        BLS12381.G2Point memory second = BLS12381.hashToG2(message, DST);
        assert(keccak256(abi.encode(first)) == keccak256(abi.encode(second)));
        assert(!BLS12381.isInfinity(first));
    }

    function testFuzz_negatingTwiceGivesThePointBack(uint256 scalar) public view {
        BLS12381.G1Point[] memory points = new BLS12381.G1Point[](1);
        points[0] = BLS12381.generator();
        uint256[] memory scalars = new uint256[](1);
        scalars[0] = scalar;
        BLS12381.G1Point memory point = BLS12381.msm(points, scalars);

        assert(BLS12381.equal(BLS12381.negate(BLS12381.negate(point)), point));
        assert(BLS12381.isInfinity(BLS12381.add(point, BLS12381.negate(point))));
    }

    function testFuzz_subgroupTestRefusesGarbageWithoutReverting(BLS12381.G1Point memory point) public view {
        assert(!BLS12381.isValidPublicKey(point));
    }
}

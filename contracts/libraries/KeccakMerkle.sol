// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Merkle trees of a key ceremony: sealed shares, and verification keys
/// @notice leaf = keccak256(0x00 | u8 seat | content), node = keccak256(0x01 | left | right). A level with an odd count promotes its
/// last node unchanged, so the path of that node has no sibling there. The first byte keeps a node from passing as a leaf
/// (RFC 6962, section 2.1).
library KeccakMerkle {
    /// @notice The path has `actual` siblings, and this position has `expected`.
    error InvalidPathLength(uint256 actual, uint256 expected);

    /// @notice The leaf of `seat`.
    function leafOf(uint256 seat, bytes calldata content) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), uint8(seat), content));
    }

    /// @notice Root over `seats` leaves that stand one after another in `contents`, `size` bytes each, seats from 1.
    /// @dev `size` is at most 96, `contents` has `seats * size` bytes, and `seats` is 1 or more.
    function rootOf(bytes calldata contents, uint256 size, uint256 seats) internal pure returns (bytes32 root) {
        // Works in the free memory and leaves it free: 128 bytes to hash in, then the nodes of one level, which the next level
        // overwrites from the left. Every byte is written before it is read.
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            let nodes := add(scratch, 128)

            // A leaf: 0x00 | seat | content, from byte 30 of the scratch on.
            for {
                let i := 0
            } lt(i, seats) {
                i := add(i, 1)
            } {
                mstore(scratch, add(i, 1))
                calldatacopy(add(scratch, 32), add(contents.offset, mul(i, size)), size)
                mstore(add(nodes, shl(5, i)), keccak256(add(scratch, 30), add(size, 2)))
            }

            // A node: 0x01 | left | right, from byte 31 of the scratch on.
            mstore(scratch, 1)
            for {
                let width := seats
            } gt(width, 1) {
                width := shr(1, add(width, 1))
            } {
                let pairs := shr(1, width)
                for {
                    let i := 0
                } lt(i, pairs) {
                    i := add(i, 1)
                } {
                    mcopy(add(scratch, 32), add(nodes, shl(6, i)), 64)
                    mstore(add(nodes, shl(5, i)), keccak256(add(scratch, 31), 65))
                }
                if and(width, 1) {
                    mstore(add(nodes, shl(5, pairs)), mload(add(nodes, shl(6, pairs))))
                }
            }
            root := mload(nodes)
        }
    }

    /// @notice The root that `leaf` of `seat` (from 1) among `seats` leads to along `path`, siblings bottom-up.
    function rootFromPath(
        bytes32 leaf,
        uint256 seat,
        uint256 seats,
        bytes32[] calldata path
    ) internal pure returns (bytes32 node) {
        node = leaf;
        uint256 used = 0;
        uint256 position = seat - 1;
        for (uint256 width = seats; width > 1; width = (width + 1) / 2) {
            // The last of an odd level is promoted.
            if (position % 2 == 1 || position + 1 < width) {
                if (used == path.length) revert InvalidPathLength(path.length, used + 1);
                bytes32 sibling = path[used++];
                (bytes32 left, bytes32 right) = position % 2 == 1 ? (sibling, node) : (node, sibling);
                node = keccak256(abi.encodePacked(uint8(1), left, right));
            }
            position /= 2;
        }
        if (used != path.length) revert InvalidPathLength(path.length, used);
    }
}

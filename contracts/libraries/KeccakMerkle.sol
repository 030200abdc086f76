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
    /// @dev `size` is 32 or more, `contents` has `seats * size` bytes, and `seats` is 1 or more.
    function rootOf(bytes calldata contents, uint256 size, uint256 seats) internal pure returns (bytes32 root) {
        // Works in the free memory and leaves it free: a word, then the contents, then the nodes of one level. What goes in front
        // of a leaf or a pair to be hashed overwrites the end of the one before, which is hashed already; a level's nodes
        // overwrite those of the level below from the left, behind the pairs still to be read.
        assembly ("memory-safe") {
            let leaf := add(mload(0x40), 32)
            let nodes := add(add(leaf, mul(seats, size)), 32)
            calldatacopy(leaf, contents.offset, mul(seats, size))

            // A leaf: 0x00 | seat | content.
            let end := add(nodes, shl(5, seats))
            let leafSize := add(size, 2)
            let seat := 1
            for {
                let node := nodes
            } lt(node, end) {
                node := add(node, 32)
            } {
                mstore(sub(leaf, 32), seat)
                mstore(node, keccak256(sub(leaf, 2), leafSize))
                seat := add(seat, 1)
                leaf := add(leaf, size)
            }

            // A node: 0x01 | left | right.
            for {
                let width := seats
            } gt(width, 1) {
                width := shr(1, add(width, 1))
            } {
                let pair := nodes
                end := add(nodes, shl(5, shr(1, width)))
                for {
                    let node := nodes
                } lt(node, end) {
                    node := add(node, 32)
                } {
                    mstore8(sub(pair, 1), 1)
                    mstore(node, keccak256(sub(pair, 1), 65))
                    pair := add(pair, 64)
                }
                if and(width, 1) {
                    mstore(end, mload(pair))
                }
            }
            root := mload(nodes)
        }
    }

    /// @notice The root that `leaf` of `seat` (1 to `seats`) leads to along `path`, siblings bottom-up.
    function rootFromPath(
        bytes32 leaf,
        uint256 seat,
        uint256 seats,
        bytes32[] calldata path
    ) internal pure returns (bytes32 node) {
        node = leaf;
        uint256 used = 0;
        unchecked {
            uint256 position = seat - 1;
            for (uint256 width = seats; width > 1; width = (width + 1) >> 1) {
                // The last of an odd level is promoted.
                if (position & 1 == 1 || position + 1 < width) {
                    if (used == path.length) revert InvalidPathLength(path.length, used + 1);
                    node = position & 1 == 1 ? _hash(path[used], node) : _hash(node, path[used]);
                    used++;
                }
                position >>= 1;
            }
        }
        if (used != path.length) revert InvalidPathLength(path.length, used);
    }

    /// @dev 0x01 | left | right.
    function _hash(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        // Works in the free memory and leaves it free.
        assembly ("memory-safe") {
            let scratch := mload(0x40)
            mstore(scratch, 1)
            mstore(add(scratch, 32), left)
            mstore(add(scratch, 64), right)
            node := keccak256(add(scratch, 31), 65)
        }
    }
}

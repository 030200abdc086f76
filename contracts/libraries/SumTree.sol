// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Weights of candidates with the sums that a weighted draw walks down
/// @notice A tree of radix 8 and five levels. A word holds eight sums of 32 bits, lane 0 the least significant; those of the last
/// level are the weights themselves. The words stand level by level, as in a heap: word w has the words 8w + 1 to 8w + 8 below its
/// lanes. So one weight touches five words, and a draw reads five, whatever the number of candidates. The largest total,
/// CAPACITY * MAXIMUM_WEIGHT, fits a lane: no sum can overflow, and nobody can keep others out by a large weight.
/// `src/protocol/sortition.ts` has the same tree off the ledger.
library SumTree {
    /// @dev Leaves: 8^5.
    uint256 internal constant CAPACITY = 32_768;
    /// @dev The largest weight of one leaf, 2^17 - 1.
    uint256 internal constant MAXIMUM_WEIGHT = 131_071;
    /// @dev Words of the five levels: 1 + 8 + 64 + 512 + 4096. Leaf i has the heap number WORDS + i.
    uint256 internal constant WORDS = 4681;
    /// @dev One lane, all bits set.
    uint256 internal constant LANE = 0xffffffff;

    struct Tree {
        uint256[WORDS] words;
    }

    /// @notice There is no leaf with this number; `capacity` leaves count from 0.
    error NoSuchLeaf(uint256 leaf, uint256 capacity);
    /// @notice The weight is above the largest one, `maximum`.
    error WeightTooLarge(uint256 weight, uint256 maximum);

    /// @notice Gives `leaf` a weight, and all sums above it.
    /// @return previous Its weight before.
    function set(Tree storage tree, uint256 leaf, uint256 weight) internal returns (uint256 previous) {
        if (weight > MAXIMUM_WEIGHT) revert WeightTooLarge(weight, MAXIMUM_WEIGHT);
        previous = weightOf(tree, leaf);
        if (weight == previous) return previous;

        unchecked {
            // Modulo 2^256, so that a smaller weight is a subtraction. Each lane stays within its 32 bits, so none borrows.
            uint256 difference = weight - previous;
            for (uint256 node = WORDS + leaf; node != 0;) {
                uint256 lane = --node & 7;
                node >>= 3;
                tree.words[node] += difference << (32 * lane);
            }
        }
    }

    /// @notice The weight of `leaf`; 0 where none was set.
    function weightOf(Tree storage tree, uint256 leaf) internal view returns (uint256) {
        if (leaf >= CAPACITY) revert NoSuchLeaf(leaf, CAPACITY);
        uint256 node = WORDS + leaf - 1;
        return (tree.words[node >> 3] >> (32 * (node & 7))) & LANE;
    }

    /// @notice The sum of all weights.
    function total(Tree storage tree) internal view returns (uint256) {
        return sumOf(tree.words[0]);
    }

    /// @notice The sum of the eight lanes of a word.
    function sumOf(uint256 word) internal pure returns (uint256 sum) {
        for (; word != 0; word >>= 32) sum += word & LANE;
    }
}

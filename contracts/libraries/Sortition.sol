// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SumTree} from "./SumTree.sol";

/// @title The weighted draw: a permutation of the candidates that a beacon and a frozen {SumTree} fix
/// @notice Sampling without replacement: member k is drawn among those that members 0 to k - 1 leave, each with the probability of
/// its weight over the sum of the weights left. The number is keccak256("swarmkeep/draw/v1" | beacon | u32 k) modulo that sum, and
/// falls on the leaf whose stretch it is in, when the weights left are laid out in order of leaves. The sum is below 2^32, so no
/// member's probability is off by more than 2^-224. A leaf without weight is never drawn.
/// The same as `src/protocol/sortition.ts`, which replays draws off the ledger.
library Sortition {
    /// @notice Members `from` to `from + count - 1` of the permutation, as numbers of leaves; fewer where the weights end before.
    /// Later members, replacements say, continue the same permutation: they cost the reads of those before them once more.
    /// @param tree Weights, which must not change between two calls for one permutation.
    /// @param leaves Every leaf with a weight is below this number. It bounds the memory that the draw takes.
    function draw(
        SumTree.Tree storage tree,
        uint256 leaves,
        bytes32 beacon,
        uint256 from,
        uint256 count
    ) internal view returns (uint16[] memory members) {
        if (leaves > SumTree.CAPACITY) revert SumTree.NoSuchLeaf(leaves - 1, SumTree.CAPACITY);
        members = new uint16[](count);
        // Words of the tree less the weights that were drawn, at the same places; 0 is one not read yet. A word that is emptied
        // is never looked at again, since then its lane in the word above is 0.
        uint256[] memory left = new uint256[]((SumTree.WORDS + leaves + 7) >> 3);
        left[0] = tree.words[0];
        uint256 sum = SumTree.sumOf(left[0]);

        uint256 drawn = 0;
        for (; drawn < from + count && sum != 0; drawn++) {
            uint256 point = uint256(keccak256(abi.encodePacked("swarmkeep/draw/v1", beacon, uint32(drawn)))) % sum;
            (uint256 leaf, uint256 weight) = _find(tree, left, point);
            sum -= weight;
            if (drawn >= from) members[drawn - from] = uint16(leaf);
        }

        uint256 found = drawn > from ? drawn - from : 0;
        assembly ("memory-safe") {
            // A shorter array in the same place.
            mstore(members, found)
        }
    }

    /// @dev Walks down to the leaf whose stretch has `point`, and takes its weight away from all words on the way.
    function _find(
        SumTree.Tree storage tree,
        uint256[] memory left,
        uint256 point
    ) private view returns (uint256 leaf, uint256 weight) {
        // No step can overflow: `point` is below the sum of the word's lanes, so a lane above it is found within eight.
        unchecked {
            uint256 node = 0;
            while (node < SumTree.WORDS) {
                uint256 word = left[node];
                if (word == 0) left[node] = word = tree.words[node];
                node = 8 * node + 1;
                for (weight = word & SumTree.LANE; point >= weight; weight = word & SumTree.LANE) {
                    point -= weight;
                    word >>= 32;
                    node++;
                }
            }
            leaf = node - SumTree.WORDS;
            while (node != 0) {
                uint256 lane = --node & 7;
                node >>= 3;
                left[node] -= weight << (32 * lane);
            }
        }
    }
}

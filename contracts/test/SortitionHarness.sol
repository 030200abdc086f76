// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Sortition} from "../libraries/Sortition.sol";
import {SumTree} from "../libraries/SumTree.sol";

/// @title Gives tests and benches the sum tree and the draw, which are internal libraries
contract SortitionHarness {
    using SumTree for SumTree.Tree;

    uint256 public leaves;
    uint16[] private _committee;
    SumTree.Tree private _tree;

    /// @notice Weights of the next leaves, in order.
    function append(uint32[] calldata weights) external {
        uint256 first = leaves;
        for (uint256 i = 0; i < weights.length; i++) _tree.set(first + i, weights[i]);
        leaves = first + weights.length;
    }

    function set(uint256 leaf, uint256 weight) external {
        _tree.set(leaf, weight);
        if (leaf >= leaves) leaves = leaf + 1;
    }

    function update(uint256 leaf, uint256 weight) external {
        _tree.set(leaf, weight);
    }

    function drawCommittee(bytes32 beacon, uint256 count) external {
        _committee = Sortition.draw(_tree, leaves, beacon, 0, count);
    }

    function draw(bytes32 beacon, uint256 from, uint256 count) external view returns (uint16[] memory) {
        return Sortition.draw(_tree, leaves, beacon, from, count);
    }

    function committee() external view returns (uint16[] memory) {
        return _committee;
    }

    function weightOf(uint256 leaf) external view returns (uint256) {
        return _tree.weightOf(leaf);
    }

    function total() external view returns (uint256) {
        return _tree.total();
    }

    function word(uint256 index) external view returns (uint256) {
        return _tree.words[index];
    }
}

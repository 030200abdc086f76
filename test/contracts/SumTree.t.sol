// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SortitionHarness} from "../../contracts/test/SortitionHarness.sol";
import {SumTree} from "../../contracts/libraries/SumTree.sol";

/// @notice Sets weights at random, at leaves all over the tree, and keeps its own account of them.
contract SumTreeHandler {
    SortitionHarness public immutable harness = new SortitionHarness();
    uint256[] public touched;
    mapping(uint256 leaf => uint256 weight) public weights;
    mapping(uint256 leaf => bool known) private _known;

    function set(uint16 leaf, uint24 weight) external {
        uint256 place = leaf % SumTree.CAPACITY;
        uint256 value = weight % (SumTree.MAXIMUM_WEIGHT + 1);
        harness.set(place, value);
        weights[place] = value;
        if (!_known[place]) touched.push(place);
        _known[place] = true;
    }

    function setToTheLargest(uint16 leaf) external {
        this.set(leaf, uint24(SumTree.MAXIMUM_WEIGHT));
    }

    function clear(uint256 which) external {
        if (touched.length != 0) this.set(uint16(touched[which % touched.length]), 0);
    }

    function count() external view returns (uint256) {
        return touched.length;
    }
}

/// @notice The tree's total is the sum of its leaves, each word's sum is its lane above, and the draw is a permutation.
contract SumTreeInvariantTest {
    SumTreeHandler private _handler;

    function setUp() public {
        _handler = new SumTreeHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_totalIsTheSumOfLeaves() public view {
        SortitionHarness harness = _handler.harness();
        uint256 sum = 0;
        for (uint256 i = 0; i < _handler.count(); i++) {
            uint256 leaf = _handler.touched(i);
            assert(harness.weightOf(leaf) == _handler.weights(leaf));
            sum += _handler.weights(leaf);
        }
        assert(harness.total() == sum);
    }

    function invariant_eachLaneIsTheSumOfTheWordBelow() public view {
        SortitionHarness harness = _handler.harness();
        for (uint256 i = 0; i < _handler.count(); i++) {
            for (uint256 node = (SumTree.WORDS + _handler.touched(i) - 1) >> 3; node != 0;) {
                uint256 sum = SumTree.sumOf(harness.word(node));
                uint256 lane = --node & 7;
                node >>= 3;
                assert((harness.word(node) >> (32 * lane)) & SumTree.LANE == sum);
            }
        }
    }
}

contract SortitionFuzzTest {
    /// forge-config: default.fuzz.runs = 64
    function test_drawsEachWeightedLeafOnceAndNoOther(uint32[12] calldata weights, bytes32 beacon) public {
        SortitionHarness harness = new SortitionHarness();
        uint256 weighted = 0;
        for (uint256 i = 0; i < weights.length; i++) {
            // A third has no weight.
            uint256 weight = weights[i] % 3 == 0 ? 0 : (weights[i] % SumTree.MAXIMUM_WEIGHT) + 1;
            // Far apart, so that every level takes part.
            harness.set(i * 2731, weight);
            if (weight != 0) weighted++;
        }

        uint16[] memory members = harness.draw(beacon, 0, weights.length);
        assert(members.length == weighted);
        for (uint256 k = 0; k < members.length; k++) {
            assert(harness.weightOf(members[k]) != 0);
            for (uint256 other = 0; other < k; other++) assert(members[other] != members[k]);
        }
        for (uint256 from = 0; from <= members.length; from += 5) {
            uint16[] memory rest = harness.draw(beacon, from, 3);
            for (uint256 k = 0; k < rest.length; k++) assert(rest[k] == members[from + k]);
        }
    }

    function test_takesAWeightBackExactly(uint16 leaf, uint24 first, uint24 second) public {
        SortitionHarness harness = new SortitionHarness();
        uint256 place = leaf % SumTree.CAPACITY;
        harness.set(place, first % (SumTree.MAXIMUM_WEIGHT + 1));
        harness.set(place, second % (SumTree.MAXIMUM_WEIGHT + 1));
        assert(harness.total() == second % (SumTree.MAXIMUM_WEIGHT + 1));
        harness.set(place, 0);
        assert(harness.word(0) == 0);
        assert(harness.word((SumTree.WORDS + place - 1) >> 3) == 0);
    }
}

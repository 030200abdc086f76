// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Measurement} from "./Measurement.sol";
import {Reputation} from "./Reputation.sol";
import {RewardPool} from "./RewardPool.sol";
import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IMeasurement} from "./interfaces/IMeasurement.sol";
import {IReputation} from "./interfaces/IReputation.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {IRotation} from "./interfaces/IRotation.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {CandidateWeight} from "./libraries/CandidateWeight.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Sortition} from "./libraries/Sortition.sol";
import {Statements} from "./libraries/Statements.sol";
import {SumTree} from "./libraries/SumTree.sol";

/// @title What {IRotation} says
contract Rotation is IRotation, SwarmGoverned {
    using SumTree for SumTree.Tree;

    /// @dev Blocks until a freeze is taken for final where the chain's own tag decides, which contracts cannot see: two epochs.
    uint256 private constant TAGGED_FINALITY = 64;

    /// @inheritdoc IRotation
    IValidatorRegistry public immutable registry;
    /// @inheritdoc IRotation
    IMeasurement public immutable measurement;
    /// @inheritdoc IRotation
    IReputation public immutable reputation;
    /// @inheritdoc IRotation
    IRewardPool public immutable rewards;
    /// @dev Zero for what the genesis says.
    uint8 private _seats;
    /// @dev Leaves of the tree, and how many of them have a weight.
    uint16 private _leaves;
    uint16 private _weighted;
    bytes32 private _lastBeacon;
    Turn private _turn;
    SumTree.Tree private _tree;

    /// @dev The measurement is the first contract that this one creates, the reputation the second, the pool the third.
    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IValidatorRegistry registry_
    ) SwarmGoverned(anchor_, groupKeys_) {
        registry = registry_;
        measurement = new Measurement(anchor_, groupKeys_, registry_);
        reputation = new Reputation(anchor_, measurement);
        rewards = new RewardPool(anchor_, measurement);
    }

    /// @inheritdoc IRotation
    function refresh(uint256[] calldata ranks) external {
        if (isFrozen()) revert WeightsFrozen(_turn.epoch, _turn.blockNumber);
        uint256 minimum = anchor.minimumStake();

        bool isChanged = false;
        for (uint256 i = 0; i < ranks.length; i++) {
            (address account, uint256 weight) = _currentWeight(ranks[i], minimum);
            uint256 previous = _tree.set(ranks[i], weight);
            if (weight == previous) continue;

            isChanged = true;
            if (ranks[i] >= _leaves) _leaves = uint16(ranks[i] + 1);
            if (previous == 0) _weighted++;
            if (weight == 0) _weighted--;
            emit WeightChanged(ranks[i], account, weight);
        }
        // Whoever sends what another one has sent already learns it before paying.
        if (!isChanged) revert NothingStale();
    }

    /// @inheritdoc IRotation
    function freeze() external {
        ITrustAnchor.Parameters memory parameters = anchor.parameters();
        if (parameters.epochSeconds == 0) revert RotationOff();
        uint64 epoch = groupKeys.epoch();
        if (epoch == 0) revert NoCommittee();
        if (isFrozen()) revert WeightsFrozen(_turn.epoch, _turn.blockNumber);
        uint64 until = groupKeys.since() + parameters.epochSeconds;
        if (block.timestamp < until) revert EpochLasts(epoch, until);
        if (groupKeys.inProbation()) revert InProbation(epoch, groupKeys.probation().head);
        uint8 size = seats();
        if (_weighted < size) revert TooFewWeights(_weighted, size);

        _turn = Turn({
            epoch: epoch + 1,
            seats: size,
            candidates: _leaves,
            blockNumber: uint64(block.number),
            isDrawn: false,
            prevrandao: bytes32(block.prevrandao)
        });
        emit Frozen(epoch + 1, uint64(block.number), bytes32(block.prevrandao), size, _leaves);
    }

    /// @inheritdoc IRotation
    function postBeacon(uint64 epoch, BLS12381.G2Point calldata signature) external {
        Turn storage turn_ = _requireTurn(epoch);
        if (turn_.isDrawn) revert BeaconKnown(epoch);
        uint64 blockNumber = turn_.blockNumber;
        uint256 finality = anchor.parameters().finalityBlocks;
        uint64 from = blockNumber + uint64(finality == 0 ? TAGGED_FINALITY : finality);
        if (block.number < from) revert FreezeNotFinal(from, block.number);
        bytes32 previous = lastBeacon();
        _takeOrdered(Statements.beacon(epoch, previous, blockNumber, turn_.prevrandao), signature);

        bytes32 beacon = keccak256(abi.encode(signature));
        turn_.isDrawn = true;
        _lastBeacon = beacon;
        emit BeaconPosted(epoch, beacon, previous, signature);
    }

    /// @inheritdoc IRotation
    function resize(uint8 seats_, uint64 expiry, BLS12381.G2Point calldata signature) external {
        if (!Quorum.isSizeFor(anchor.parameters().admission, seats_)) revert InvalidSeats(seats_);
        _takeOnce(Statements.resize(seats_, expiry), expiry, signature);

        _seats = seats_;
        emit CommitteeResized(seats_);
    }

    /// @inheritdoc IRotation
    function drawn(uint256 from, uint256 count) external view returns (address[] memory) {
        Turn storage turn_ = _turn;
        if (!turn_.isDrawn) revert BeaconMissing(turn_.epoch);
        return registry.candidatesAt(Sortition.draw(_tree, turn_.candidates, _lastBeacon, from, count));
    }

    /// @inheritdoc IRotation
    function undrawn(uint256 count) external view returns (address[] memory) {
        uint16[] memory ranks = new uint16[](count);
        uint256 found = 0;
        // Where nobody admits candidates, who came after the freeze may have come for what was drawn: not before the next one.
        bool isOpen = anchor.parameters().admission == Quorum.OPEN_ADMISSION;
        uint256 candidates = isOpen ? _turn.candidates : registry.candidateCount();
        if (candidates > type(uint16).max) candidates = type(uint16).max;
        for (uint256 rank = 0; rank < candidates && found < count; rank++) {
            bool isDrawn = rank < _leaves && _tree.weightOf(rank) != 0;
            if (!isDrawn) ranks[found++] = uint16(rank);
        }
        assembly ("memory-safe") {
            // A shorter array in the same place.
            mstore(ranks, found)
        }
        return registry.candidatesAt(ranks);
    }

    /// @inheritdoc IRotation
    function due() external view returns (uint64 epoch, uint8 seats_) {
        epoch = groupKeys.epoch() + 1;
        Turn storage turn_ = _requireTurn(epoch);
        if (!turn_.isDrawn) revert BeaconMissing(epoch);
        return (epoch, turn_.seats);
    }

    /// @inheritdoc IRotation
    function turn() external view returns (Turn memory) {
        return _turn;
    }

    /// @inheritdoc IRotation
    function isFrozen() public view returns (bool) {
        return _turn.epoch > groupKeys.epoch();
    }

    /// @inheritdoc IRotation
    function lastBeacon() public view returns (bytes32) {
        return _lastBeacon == 0 ? _meshId : _lastBeacon;
    }

    /// @inheritdoc IRotation
    function seats() public view returns (uint8) {
        return _seats == 0 ? anchor.parameters().committeeSize : _seats;
    }

    /// @inheritdoc IRotation
    function weightOf(uint256 rank) external view returns (uint256) {
        return _tree.weightOf(rank);
    }

    /// @inheritdoc IRotation
    function currentWeightOf(uint256 rank) external view returns (address account, uint256 weight) {
        return _currentWeight(rank, anchor.parameters().minimumStake);
    }

    /// @inheritdoc IRotation
    function totalWeight() external view returns (uint256) {
        return _tree.total();
    }

    /// @dev None for whom the registry would not have seated.
    function _currentWeight(uint256 rank, uint256 minimum) private view returns (address account, uint256 weight) {
        uint256 stake;
        (account, stake) = registry.stakeAt(rank);
        if (stake == 0) return (account, 0);
        weight = CandidateWeight.weightOf(stake, minimum, measurement.qualityOf(rank), reputation.scoreOf(account));
    }

    /// @dev The turn that leads to `epoch`, while it lasts.
    function _requireTurn(uint64 epoch) private view returns (Turn storage turn_) {
        turn_ = _turn;
        if (turn_.epoch != epoch || !isFrozen()) revert WrongTurn(epoch, isFrozen() ? turn_.epoch : 0);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {IMeasurement} from "./IMeasurement.sol";
import {IReputation} from "./IReputation.sol";
import {IRewardPool} from "./IRewardPool.sol";
import {IValidatorRegistry} from "./IValidatorRegistry.sol";

/// @title The epoch clock: when the committee changes, and who is drawn
/// @notice A turn leads from the committee in office to the next one: {freeze} locks the weights and records a block, {postBeacon}
/// takes the committee's signature over it, and the beacon fixes one permutation of the candidates, which the key ceremony
/// invites from ({drawn}). Anyone may call all of them; docs/protocol.md, section 13 has the states and what stops whom.
interface IRotation {
    /// @notice A turn, from its freeze on.
    /// @param epoch Of the committee that it leads to; 0 for none yet.
    /// @param seats Of that committee.
    /// @param candidates Leaves of the tree when it was frozen.
    /// @param blockNumber The block of the freeze.
    /// @param isDrawn Whether its beacon is posted, which is {lastBeacon} from then on.
    /// @param prevrandao Of that block (EIP-4399).
    struct Turn {
        uint64 epoch;
        uint8 seats;
        uint16 candidates;
        uint64 blockNumber;
        bool isDrawn;
        bytes32 prevrandao;
    }

    /// @notice Candidate number `rank` of the registry weighs `weight` in the next draw.
    event WeightChanged(uint256 indexed rank, address indexed account, uint256 weight);
    /// @notice The weights are locked until a committee takes office as `epoch`.
    event Frozen(uint64 indexed epoch, uint64 blockNumber, bytes32 prevrandao, uint8 seats, uint16 candidates);
    /// @notice The beacon of `epoch`, and the signature that it is the hash of.
    event BeaconPosted(uint64 indexed epoch, bytes32 beacon, bytes32 previous, BLS12381.G2Point signature);
    /// @notice Committees have `seats` seats from the next freeze on.
    event CommitteeResized(uint8 seats);

    /// @notice The mesh was founded without rotation: its parameter epochSeconds is 0.
    error RotationOff();
    /// @notice No committee is in office yet: the first one comes from the key generation.
    error NoCommittee();
    /// @notice The committee of `epoch` is in office until `until`, in seconds since 1970: freeze after that.
    error EpochLasts(uint64 epoch, uint64 until);
    /// @notice The committee of `epoch` has to show itself first: it is in probation until the head `head` is posted.
    error InProbation(uint64 epoch, uint64 head);
    /// @notice The weights are locked, since `blockNumber`, until the committee of `epoch` is in office.
    error WeightsFrozen(uint64 epoch, uint64 blockNumber);
    /// @notice Only `candidates` candidates have a weight, for `seats` seats: refresh those of more.
    error TooFewWeights(uint256 candidates, uint256 seats);
    /// @notice The turn under way leads to `actual`, 0 if there is none; this was for `given`.
    error WrongTurn(uint64 given, uint64 actual);
    /// @notice The freeze is final from block `from` on.
    error FreezeNotFinal(uint64 from, uint256 blockNumber);
    /// @notice The beacon of `epoch` is posted already.
    error BeaconKnown(uint64 epoch);
    /// @notice The beacon of `epoch` is not posted yet.
    error BeaconMissing(uint64 epoch);
    /// @notice A committee has 4 to 32 seats, not `seats`.
    error InvalidSeats(uint256 seats);
    /// @notice None of the candidates named has another weight than before.
    error NothingStale();

    /// @notice Recomputes the weights of candidates, by their number in the registry, from their stake, quality and reputation. Anyone,
    /// but not during a turn: what changes meanwhile counts from the next one on. Reverts where none of them has changed.
    function refresh(uint256[] calldata ranks) external;

    /// @notice Starts a turn, once `epochSeconds` of the committee in office are over and its own probation is.
    function freeze() external;

    /// @notice Takes the beacon of the turn: the hash of the swarm's signature over
    /// Beacon(epoch, previous, blockNumber, prevrandao), an ordered statement, when the freeze is final: `finalityBlocks` later, 64
    /// where that parameter is 0. Without the fresh block, t shares of one epoch would give all beacons to come.
    function postBeacon(uint64 epoch, BLS12381.G2Point calldata signature) external;

    /// @notice Changes the size of committees from the next freeze on. Order-free statement of the swarm.
    function resize(uint8 seats, uint64 expiry, BLS12381.G2Point calldata signature) external;

    /// @notice Members `from` to `from + count - 1` of the turn's permutation; fewer where the candidates with a weight end.
    function drawn(uint256 from, uint256 count) external view returns (address[] memory accounts);

    /// @notice The first candidates, at most `count`, that no permutation of the turn has: they had no weight at its freeze, or
    /// came later, where admission is not open. In the order of the registry, eligible or not, so that a place is one candidate's as long as the turn lasts.
    function undrawn(uint256 count) external view returns (address[] memory accounts);

    /// @notice The committee to be: what the key ceremony asks when it starts a resharing. Reverts unless its beacon is posted.
    function due() external view returns (uint64 epoch, uint8 seats);

    /// @notice The last turn that was begun.
    function turn() external view returns (Turn memory);
    /// @notice Whether the weights are locked.
    function isFrozen() external view returns (bool);
    /// @notice The newest beacon, the mesh id before the first: `previous` of the next one. Those before it are in the events, and
    /// each is the hash of a signature over the one before.
    function lastBeacon() external view returns (bytes32);
    /// @notice Seats of committees from the next freeze on.
    function seats() external view returns (uint8);
    /// @notice The weight of a candidate, by its number in the registry.
    function weightOf(uint256 rank) external view returns (uint256);
    /// @notice What it would be if it was refreshed now.
    function currentWeightOf(uint256 rank) external view returns (address account, uint256 weight);
    /// @notice The sum of all weights.
    function totalWeight() external view returns (uint256);
    /// @notice Where the candidates and their stakes are.
    function registry() external view returns (IValidatorRegistry);
    /// @notice Where the quality of the candidates is.
    function measurement() external view returns (IMeasurement);
    /// @notice Where their reputation is.
    function reputation() external view returns (IReputation);
    /// @notice Where those who served are paid from.
    function rewards() external view returns (IRewardPool);
}

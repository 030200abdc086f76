// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";

/// @title The group keys in office, and who holds them
/// @notice A generation of the two keys lasts until a planned re-key or a recovery; its holders, the committee of an epoch,
/// change by resharing. Only the key ceremony writes here.
interface IGroupKeys {
    /// @notice A committee and the keys it holds.
    /// @param generation Of the keys; counts from 1.
    /// @param epoch Of the committee; counts from 1 and goes on over generations.
    /// @param ceremony The ceremony that made it, as the ceremony contract counts.
    /// @param blsKey The BLS12-381 group key (EIP-2537 encoding).
    /// @param edKey The Ed25519 group key (RFC 8032 encoding).
    /// @param verificationRoot Merkle root of the verification keys of all seats (docs/protocol.md, section 4).
    /// @param committee Accounts in seat order, seat 1 first; zero for an empty seat.
    struct Office {
        uint64 generation;
        uint64 epoch;
        uint64 ceremony;
        BLS12381.G1Point blsKey;
        bytes32 edKey;
        bytes32 verificationRoot;
        address[] committee;
    }

    /// @notice What a committee that took over by resharing has to show.
    /// @param head It is through once this head, or a later one, is posted: the `probationHeads`-th scheduled one after it
    /// took office. Its tick comes after that, so the committee before, which holds shares of the same keys, did not make it.
    /// @param until From then on, in seconds since 1970, office may go back; 0 for a committee without probation.
    struct Probation {
        uint64 head;
        uint64 until;
    }

    /// @notice A committee took office. The same generation as before means the same keys.
    event OfficeTaken(
        uint64 indexed generation,
        uint64 indexed epoch,
        uint64 indexed ceremony,
        BLS12381.G1Point blsKey,
        bytes32 edKey,
        bytes32 verificationRoot,
        address[] committee
    );

    /// @notice The committee of `epoch` has to make the head numbered `head`, or a later one, by `until`.
    event ProbationBegan(uint64 indexed epoch, uint64 head, uint64 until);

    /// @notice The committee of epoch `failed` did not make the head that it owed: the one before is in office again, as the {OfficeTaken}
    /// with the next epoch says.
    event OfficeReverted(uint64 indexed failed);

    /// @notice After generation `current` comes the same or the next, not `generation`.
    error WrongGeneration(uint64 generation, uint64 current);
    /// @notice After epoch `current` comes the next, not `epoch`.
    error WrongEpoch(uint64 epoch, uint64 current);
    /// @notice The keys of `generation` cannot change while it lasts: only a new generation has new keys.
    error KeysOfGenerationChanged(uint64 generation);
    /// @notice The BLS key is outside the subgroup or infinity.
    error InvalidGroupKey();
    /// @notice Office goes back from `until` on, while the head `head` is missing; `until` is 0 for a committee without probation.
    error OfficeStays(uint64 head, uint64 until);
    /// @notice A committee has 4 to 32 seats, not `seats`.
    error InvalidCommitteeSize(uint256 seats);

    /// @notice Puts a committee into office. Only the key ceremony may call it, after the new committee proved with a signature
    /// that it holds the keys.
    function setOffice(Office calldata next) external;

    /// @notice Gives office back to the committee before, when the new one's probation ended without the heads that it owed.
    /// Anyone. The keys stay; the epoch goes on.
    function revertOffice() external;

    /// @notice Whether the swarm signed `digest`, the EIP-712 digest of a statement; always false before the first committee.
    /// @dev DST `BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_`; a bad point is false, not a revert.
    function verify(bytes32 digest, BLS12381.G2Point calldata signature) external view returns (bool);

    /// @notice All of the office; all zero before the first committee.
    function office() external view returns (Office memory);
    /// @notice Since when the committee is in office, in seconds since 1970; 0 before the first.
    function since() external view returns (uint64);
    /// @notice What the committee in office had to show when it took over by resharing; all zero otherwise.
    function probation() external view returns (Probation memory);
    /// @notice Whether the committee in office has yet to show itself. While it does, the one before keeps its shares.
    function inProbation() external view returns (bool);
    /// @notice Whether `account` has a seat in the committee, in the one before while that may have to come back, or in the one that
    /// a running ceremony is for, or is invited there: what it does there must cost it its stake.
    function isBound(address account) external view returns (bool);
    /// @notice Generation of the keys; 0 before the first committee.
    function generation() external view returns (uint64);
    /// @notice Epoch of the committee; 0 before the first.
    function epoch() external view returns (uint64);
    /// @notice The BLS group key; all zero before the first committee.
    function blsKey() external view returns (BLS12381.G1Point memory);
    /// @notice The Ed25519 group key; zero before the first committee.
    function edKey() external view returns (bytes32);
    /// @notice Merkle root of all seats' verification keys.
    function verificationRoot() external view returns (bytes32);
    /// @notice Accounts in seat order; zero for an empty seat.
    function committee() external view returns (address[] memory);
    /// @notice Seats of the committee, the empty ones too.
    function seats() external view returns (uint256);
    /// @notice The account at `seat`; zero where there is none.
    function memberAt(uint256 seat) external view returns (address);
    /// @notice The seat of `account`, from 1; 0 if it has none.
    function seatOf(address account) external view returns (uint256);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {IGenerations} from "./IGenerations.sol";
import {ISwarmGoverned} from "./ISwarmGoverned.sol";
import {ITrustAnchor} from "./ITrustAnchor.sol";
import {IValidatorRegistry} from "./IValidatorRegistry.sol";

/// @title Recovery: new group keys by the word of the root CA, where those in office are lost or in wrong hands
/// @notice The root CA names the members that are to make new keys. Where the keys are lost, the request waits `recoverySeconds`, in
/// which the swarm may cancel it: a stolen root key alone cannot take the mesh. Where they are in wrong hands, more than
/// a third of the committee in office declare so, which is at least one honest member, and no signature of the swarm cancels.
/// After that anybody may begin it, which admits the members that the registry does not know, and start its ceremony, as often as an
/// attempt fails. The committee in office serves on until the new keys are activated; the root CA certifies them then, as it did the
/// first ones. A request is about the keys that were current when it was made: once they are others, it is void.
interface IRecovery is ISwarmGoverned {
    enum Stage {
        /// There was no request.
        None,
        /// Waits for its window to end, or for declarations.
        Requested,
        /// The swarm cancelled it.
        Cancelled,
        /// Its members are admitted; new keys may be made, and the keys in office start no re-key.
        Begun
    }

    /// @notice What the root CA signs, as the statement Recovery(number, generation, keccak256(abi.encode(members)), isCompromised
    /// as 0 or 1).
    /// @param number One more than the request before: each counts once.
    /// @param generation Whose keys are given up: the current one.
    /// @param isCompromised Whether the keys are in wrong hands, rather than lost.
    /// @param members 4 to 32, in strictly ascending order of account: the next committee.
    struct Request {
        uint64 number;
        uint64 generation;
        bool isCompromised;
        ITrustAnchor.Member[] members;
    }

    /// @notice Where the newest request stands.
    /// @param until Last second in which the swarm may cancel it; 0 where it may not.
    struct Standing {
        uint64 number;
        uint64 generation;
        uint64 until;
        bool isCompromised;
        Stage stage;
    }

    /// @notice The root CA asks for new keys. It takes the place of a request before.
    event RecoveryRequested(
        uint64 indexed number,
        uint64 generation,
        bool isCompromised,
        uint64 until,
        ITrustAnchor.Member[] members
    );
    /// @notice The swarm is there, and refused request `number`.
    event RecoveryCancelled(uint64 indexed number);
    /// @notice `account`, at `seat` of the committee of `epoch`, says that the keys are in wrong hands.
    event CompromiseDeclared(uint64 indexed number, uint64 epoch, address indexed account, uint256 seat);
    /// @notice The members of request `number` are admitted.
    event RecoveryBegun(uint64 indexed number);

    /// @notice The request is about generation `given`; the current one is `current` (0: there are no keys yet).
    error WrongGeneration(uint64 given, uint64 current);
    /// @notice Request `given` is not the one that counts here, which is `expected`.
    error WrongRequest(uint64 given, uint64 expected);
    /// @notice The request is at `stage`, and this takes one at `expected`.
    error WrongStage(Stage stage, Stage expected);
    /// @notice A committee has 4 to 32 members, not `count`.
    error InvalidMembers(uint256 count);
    /// @notice Members are in strictly ascending order of account, from 1; number `position`, `account`, is not.
    error UnorderedMember(uint256 position, address account);
    /// @notice The root CA did not sign this request with this digest, or with a high s.
    error InvalidRootSignature(bytes32 digest);
    /// @notice The swarm cannot cancel request `number`: it is about keys in wrong hands.
    error NotCancellable(uint64 number);
    /// @notice Request `number` is about lost keys: it takes no declarations, its window does.
    error NotCompromised(uint64 number);
    /// @notice The window ended at `until`; it is `time`.
    error WindowOver(uint64 until, uint256 time);
    /// @notice The window lasts until `until`; it is `time`.
    error WindowLasts(uint64 until, uint256 time);
    /// @notice `account` has no seat in the committee in office.
    error NotInOffice(address account);
    /// @notice The member at `seat` has declared already.
    error AlreadyDeclared(uint256 seat);
    /// @notice `declared` of the committee in office declared; it takes `needed`.
    error TooFewDeclarations(uint256 declared, uint256 needed);
    /// @notice `eligible` of the members are registered with enough stake; it takes `needed`.
    error TooFewEligible(uint256 eligible, uint256 needed);

    /// @notice Asks for new keys. Anyone, with the root CA's signature over the statement Recovery.
    /// @param r Of the signature, which is as {ITrustAnchor-submitGenesis} takes it.
    /// @param s In the lower half.
    function requestRecovery(Request calldata asked, bytes32 r, bytes32 s) external;

    /// @notice Cancels a request about lost keys in its window, by the swarm's statement RecoveryCancellation (ordered by `number`).
    function cancelRecovery(uint64 number, BLS12381.G2Point calldata signature) external;

    /// @notice The caller, a member in office, says that the keys are in wrong hands as request `number` does. Declarations of one
    /// committee count together.
    function declareCompromise(uint64 number) external;

    /// @notice Admits the members, once the window is over or enough have declared. Anyone.
    function beginRecovery(uint64 number) external;

    /// @notice Starts the ceremony for new keys, and abandons another one that runs. Anyone, when n - f members are eligible; again,
    /// where an attempt failed.
    /// @return ceremony Its number.
    function startRecovery(uint64 number) external returns (uint64 ceremony);

    /// @notice Through which new keys come about. It created this contract.
    function generations() external view returns (IGenerations);
    /// @notice Where members are admitted.
    function registry() external view returns (IValidatorRegistry);
    /// @notice The newest request; all zero before the first.
    function standing() external view returns (Standing memory);
    /// @notice Accounts of the members that the newest request names, ascending.
    function members() external view returns (address[] memory);
    /// @notice Whether a request for the current keys has begun.
    function isUnderWay() external view returns (bool);
    /// @notice Seats of the committee of `epoch` that declared for request `number`, bit `1 << seat`.
    function declarations(uint64 number, uint64 epoch) external view returns (uint40 seats);
}

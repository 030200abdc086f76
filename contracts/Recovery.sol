// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IGenerations} from "./interfaces/IGenerations.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IRecovery} from "./interfaces/IRecovery.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {RootSignature} from "./libraries/RootSignature.sol";
import {Seats} from "./libraries/Seats.sol";
import {Statements} from "./libraries/Statements.sol";

/// @title What {IRecovery} says
/// @dev Calls no contract but those of the mesh.
contract Recovery is IRecovery, SwarmGoverned {
    using Seats for uint40;

    /// @inheritdoc IRecovery
    IGenerations public immutable generations;
    /// @inheritdoc IRecovery
    IValidatorRegistry public immutable registry;
    /// @inheritdoc IRecovery
    mapping(uint64 number => mapping(uint64 epoch => uint40 seats)) public declarations;

    Standing private _standing;
    ITrustAnchor.Member[] private _members;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IValidatorRegistry registry_,
        IGenerations generations_
    ) SwarmGoverned(anchor_, groupKeys_) {
        registry = registry_;
        generations = generations_;
    }

    /// @inheritdoc IRecovery
    function requestRecovery(Request calldata asked, bytes32 r, bytes32 s) external {
        uint64 current = groupKeys.generation();
        if (current == 0 || asked.generation != current) revert WrongGeneration(asked.generation, current);
        if (asked.number != _standing.number + 1) revert WrongRequest(asked.number, _standing.number + 1);
        _checkMembers(asked.members);
        bytes32 membersHash = keccak256(abi.encode(asked.members));
        bytes32 digest = _digest(Statements.recovery(asked.number, asked.generation, membersHash, asked.isCompromised));
        (bytes32 x, bytes32 y) = anchor.rootKey();
        if (!RootSignature.verify(digest, r, s, x, y)) revert InvalidRootSignature(digest);

        uint64 until = asked.isCompromised ? 0 : uint64(block.timestamp) + anchor.parameters().recoverySeconds;
        _standing = Standing({
            number: asked.number,
            generation: asked.generation,
            until: until,
            isCompromised: asked.isCompromised,
            stage: Stage.Requested
        });
        delete _members;
        for (uint256 i = 0; i < asked.members.length; i++) _members.push(asked.members[i]);
        emit RecoveryRequested(asked.number, asked.generation, asked.isCompromised, until, asked.members);
    }

    /// @inheritdoc IRecovery
    function cancelRecovery(uint64 number, BLS12381.G2Point calldata signature) external {
        _requireStage(number, Stage.Requested);
        if (_standing.isCompromised) revert NotCancellable(number);
        uint64 until = _standing.until;
        if (block.timestamp > until) revert WindowOver(until, block.timestamp);
        _takeOrdered(Statements.recoveryCancellation(number), signature);

        _standing.stage = Stage.Cancelled;
        emit RecoveryCancelled(number);
    }

    /// @inheritdoc IRecovery
    function declareCompromise(uint64 number) external {
        _requireStage(number, Stage.Requested);
        if (!_standing.isCompromised) revert NotCompromised(number);
        uint256 seat = groupKeys.seatOf(msg.sender);
        if (seat == 0) revert NotInOffice(msg.sender);
        uint64 epoch = groupKeys.epoch();
        uint40 declared = declarations[number][epoch];
        if (declared.has(seat)) revert AlreadyDeclared(seat);

        declarations[number][epoch] = declared.with(seat);
        emit CompromiseDeclared(number, epoch, msg.sender, seat);
    }

    /// @inheritdoc IRecovery
    function beginRecovery(uint64 number) external {
        _requireStage(number, Stage.Requested);
        if (_standing.isCompromised) {
            uint256 declared = declarations[number][groupKeys.epoch()].count();
            uint256 needed = groupKeys.seats() / 3 + 1;
            if (declared < needed) revert TooFewDeclarations(declared, needed);
        } else if (block.timestamp <= _standing.until) {
            revert WindowLasts(_standing.until, block.timestamp);
        }

        _standing.stage = Stage.Begun;
        emit RecoveryBegun(number);
        registry.acceptRecovery(_members);
    }

    /// @inheritdoc IRecovery
    function startRecovery(uint64 number) external returns (uint64 ceremony) {
        _requireStage(number, Stage.Begun);
        address[] memory accounts = members();
        uint256 eligible = 0;
        for (uint256 rest = registry.eligibleAmong(accounts); rest != 0; rest &= rest - 1) eligible++;
        uint256 needed = Quorum.acknowledgements(accounts.length);
        if (eligible < needed) revert TooFewEligible(eligible, needed);

        return generations.startRecovery(accounts);
    }

    /// @inheritdoc IRecovery
    function standing() external view returns (Standing memory) {
        return _standing;
    }

    /// @inheritdoc IRecovery
    function members() public view returns (address[] memory accounts) {
        accounts = new address[](_members.length);
        for (uint256 i = 0; i < accounts.length; i++) accounts[i] = _members[i].account;
    }

    /// @inheritdoc IRecovery
    function isUnderWay() external view returns (bool) {
        return _standing.stage == Stage.Begun && _standing.generation == groupKeys.generation();
    }

    function _requireStage(uint64 number, Stage expected) private view {
        if (number == 0 || number != _standing.number) revert WrongRequest(number, _standing.number);
        if (_standing.stage != expected) revert WrongStage(_standing.stage, expected);
        uint64 current = groupKeys.generation();
        if (_standing.generation != current) revert WrongGeneration(_standing.generation, current);
    }

    function _checkMembers(ITrustAnchor.Member[] calldata members_) private pure {
        if (!Quorum.isSize(members_.length)) revert InvalidMembers(members_.length);
        address last = address(0);
        for (uint256 i = 0; i < members_.length; i++) {
            if (members_[i].account <= last) revert UnorderedMember(i, members_[i].account);
            last = members_[i].account;
        }
    }
}

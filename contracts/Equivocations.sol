// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IEquivocations} from "./interfaces/IEquivocations.sol";
import {IMeshContract} from "./interfaces/IMeshContract.sol";
import {OrderedStatements} from "./libraries/OrderedStatements.sol";
import {RootSignature} from "./libraries/RootSignature.sol";
import {Statements} from "./libraries/Statements.sol";
import {TlsKeys} from "./libraries/TlsKeys.sol";

/// @title What {IEquivocations} says: evidence is read and judged here; whose it is and what it costs is the registry's
abstract contract Equivocations is SwarmGoverned, IEquivocations {
    /// @inheritdoc IEquivocations
    mapping(bytes32 equivocation => bool) public equivocationPunished;

    /// @dev Reverts unless both votes are of the key's, and contradict each other about one place, lately.
    /// @return pin Of the TLS key that signed.
    function _judge(Equivocation calldata shown) internal returns (bytes32 pin) {
        (bytes32 first, bytes32 place, uint256 number) = _read(shown.kind, shown.first.fields);
        (bytes32 second, bytes32 otherPlace, ) = _read(shown.kind, shown.second.fields);
        if (first == second || place != otherPlace) revert NoEquivocation(shown.kind, place, otherPlace);
        _requireRecent(shown.kind, number);
        pin = TlsKeys.pinOf(shown.keyX, shown.keyY);
        bytes32 equivocation = keccak256(abi.encode(pin, shown.kind, place));
        if (equivocationPunished[equivocation]) revert AlreadyPunished(equivocation);
        bytes32 separator = IMeshContract(_takerOf(shown.kind)).domainSeparator();
        _requireSigned(shown, shown.first, separator, first);
        _requireSigned(shown, shown.second, separator, second);

        equivocationPunished[equivocation] = true;
    }

    /// @dev The contract that takes such statements: they are of its domain.
    function _takerOf(uint8 kind) private view returns (address) {
        if (kind == OrderedStatements.ACTIVATION) return anchor.ceremony();
        return kind == OrderedStatements.BEACON ? anchor.rotation() : anchor.revocations();
    }

    function _read(
        uint8 kind,
        bytes calldata fields
    ) private pure returns (bytes32 structHash, bytes32 place, uint256 number) {
        (structHash, place, number) = OrderedStatements.read(kind, fields);
        if (structHash == 0) revert NotOrdered(kind, fields.length);
    }

    /// @dev Evidence counts for as long as stake is bonded: of a tick until the stake of who left then is free, of an epoch until
    /// the next one's successor.
    function _requireRecent(uint8 kind, uint256 number) private view {
        if (kind == OrderedStatements.ACTIVATION || kind == OrderedStatements.BEACON) {
            uint256 epoch = groupKeys.epoch();
            if (number + 1 < epoch) revert EvidenceExpired(number, epoch);
            return;
        }
        // A number that no clock reaches overflows nothing: it is capped first.
        uint256 tick = number > type(uint64).max ? type(uint64).max : number;
        uint256 until = anchor.start() + tick * anchor.parameters().tickSeconds + anchor.parameters().unbondingSeconds;
        if (block.timestamp > until) revert EvidenceExpired(until, block.timestamp);
    }

    function _requireSigned(
        Equivocation calldata shown,
        Vote calldata vote,
        bytes32 separator,
        bytes32 structHash
    ) private view {
        bytes32 statement = keccak256(abi.encodePacked(hex"1901", separator, structHash));
        bytes32 digest = _digest(Statements.partialEvidence(statement, vote.partialHash));
        if (!RootSignature.verify(digest, vote.r, vote.s, shown.keyX, shown.keyY)) revert InvalidEvidence(digest);
    }
}

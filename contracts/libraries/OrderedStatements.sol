// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Statements} from "./Statements.sol";

/// @title Ordered statements as evidence of equivocation shows them: their fields, and what two of them must share to contradict
/// @notice A member signs at most one statement of one kind and place. Kinds are those of votes (docs/protocol.md, section 9);
/// order-free statements have none here, so nobody is slashed for them.
library OrderedStatements {
    uint8 internal constant DRL_HEAD = 1;
    uint8 internal constant CHECKPOINT = 2;
    uint8 internal constant ACTIVATION = 4;
    uint8 internal constant BEACON = 5;

    uint256 private constant WORD = 32;

    /// @notice The struct hash of a statement whose fields are `fields`, abi.encoded in order.
    /// @return structHash zero if there is no such kind, or the fields have another length than the kind's.
    /// @return place What the statement is about: two different statements with one place contradict each other.
    /// @return number The place as a number: of the tick of heads and checkpoints, the epoch of activations and beacons.
    function read(
        uint8 kind,
        bytes calldata fields
    ) internal pure returns (bytes32 structHash, bytes32 place, uint256 number) {
        (bytes32 typeHash, uint256 words, uint256 placeWords) = _shapeOf(kind);
        if (typeHash == 0 || fields.length != words * WORD) return (0, 0, 0);
        structHash = keccak256(bytes.concat(typeHash, fields));
        place = keccak256(fields[:placeWords * WORD]);
        number = uint256(bytes32(fields[(kind == ACTIVATION ? WORD : 0):]));
    }

    /// @dev Type hash, number of fields, and how many of these, from the first, say what the statement is about. An activation is
    /// of a generation, an epoch and a set of counted dealings: another attempt at the same epoch has another set.
    function _shapeOf(uint8 kind) private pure returns (bytes32 typeHash, uint256 words, uint256 placeWords) {
        if (kind == DRL_HEAD) return (Statements.DRL_HEAD, 6, 1);
        if (kind == CHECKPOINT) return (Statements.CHECKPOINT, 3, 1);
        if (kind == ACTIVATION) return (Statements.ACTIVATION, 6, 3);
        if (kind == BEACON) return (Statements.BEACON, 4, 1);
    }
}

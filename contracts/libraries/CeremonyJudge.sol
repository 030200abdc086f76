// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {Dealing} from "./Dealing.sol";
import {KeccakMerkle} from "./KeccakMerkle.sol";
import {MalformedCommitment} from "./MalformedCommitment.sol";
import {ShareOpening} from "./ShareOpening.sol";

/// @title The judge of a key ceremony: complaints against dealings
/// @notice A library of its own at its own address, linked to {KeyCeremony}, since the two do not fit into one contract's 24,576
/// bytes (EIP-170). It reads no storage: what the ledger recorded comes in as an argument.
library CeremonyJudge {
    /// @notice What the ledger knows of the dealing in question.
    struct Case {
        bytes32 meshId;
        uint64 ceremony;
        uint32 attempt;
        uint8 dealer;
        uint8 receiver;
        /// Leaves under the root of sealed shares.
        uint8 seats;
        uint8 threshold;
        /// {IKeyCeremony-Defect}. A plain type, since the ABI of a library names its enums in a way that tools do not know.
        bool isEd25519;
        /// {Dealing-record} stored under the one-time key that was given.
        bytes32 recorded;
        /// Hash of the key with which the receiver accepted.
        bytes32 receivingKeyHash;
    }

    /// @notice Whether the opened share is good. Reverts unless the opening is one of the recorded dealing, by that receiver.
    function isShareGood(Case calldata subject, IKeyCeremony.Opening calldata opening) external view returns (bool) {
        if (keccak256(abi.encode(opening.receivingKey)) != subject.receivingKeyHash) {
            revert IKeyCeremony.ReceivingKeyMismatch(subject.receiver);
        }
        bytes32 sealedRoot = KeccakMerkle.rootFromPath(
            KeccakMerkle.leafOf(subject.receiver, opening.sealedShare),
            subject.receiver,
            subject.seats,
            opening.path
        );
        _expectRecorded(subject, keccak256(opening.commitments), opening.otherCommitments, sealedRoot);

        return
            ShareOpening.isShareGood(
                ShareOpening.Subject({
                    meshId: subject.meshId,
                    place: abi.encodePacked(
                        address(this),
                        subject.ceremony,
                        subject.attempt,
                        subject.dealer,
                        subject.receiver
                    ),
                    receiver: subject.receiver,
                    threshold: subject.threshold,
                    isEd25519: subject.isEd25519
                }),
                opening
            );
    }

    /// @notice Reverts unless the witness shows that this commitment of the recorded dealing does not decode.
    function expectMalformed(Case calldata subject, IKeyCeremony.Malformation calldata malformation) external view {
        bytes calldata commitments = malformation.commitments;
        uint256 index = malformation.index;
        _expectRecorded(subject, keccak256(commitments), malformation.otherCommitments, malformation.sealedRoot);

        if (index >= subject.threshold) revert IKeyCeremony.NotMalformed(index);
        uint256 size = subject.isEd25519 ? Dealing.ED_SIZE : Dealing.G1_SIZE;
        bytes calldata encoding = commitments[index * size:(index + 1) * size];
        bool proven =
            subject.isEd25519
                ? MalformedCommitment.isProvenEd25519(encoding, malformation.witness)
                : MalformedCommitment.isProvenG1(encoding, malformation.witness);
        if (!proven) revert IKeyCeremony.NotMalformed(index);
    }

    /// @dev That the parts are those of the dealing that the dealer posted in this attempt under this one-time key.
    function _expectRecorded(
        Case calldata subject,
        bytes32 commitments,
        bytes32 otherCommitments,
        bytes32 sealedRoot
    ) private pure {
        (bytes32 g1Hash, bytes32 edHash) = subject.isEd25519
            ? (otherCommitments, commitments)
            : (commitments, otherCommitments);
        bytes32 given = Dealing.record(subject.ceremony, subject.attempt, subject.dealer, g1Hash, edHash, sealedRoot);
        if (given != subject.recorded) revert IKeyCeremony.DealingMismatch(subject.dealer);
    }
}

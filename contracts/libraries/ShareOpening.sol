// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {BLS12381} from "./BLS12381.sol";
import {Dealing} from "./Dealing.sol";
import {Ed25519} from "./Ed25519.sol";
import {G1Terms} from "./G1Terms.sol";
import {SealedShare} from "./SealedShare.sol";

/// @title Opens one sealed share before the ledger and says whether it is good
/// @notice The receiver reveals the shared point S of this one dealing and proves that it is k * E for the k of its receiving key
/// (Chaum and Pedersen 1992), so nobody can claim that another share was sealed. It keeps k to itself.
library ShareOpening {
    using BLS12381 for BLS12381.G1Point;
    using G1Terms for G1Terms.Terms;

    /// @notice The tag of docs/protocol.md, section 4.3; the same as `TAG.shareOpening` in `src/statements/tags.ts`.
    string internal constant TAG = "swarmkeep/share-opening/v1";

    /// @notice Whose share it is.
    /// @param place Contract, ceremony, attempt, dealer and receiver, packed.
    struct Subject {
        bytes32 meshId;
        bytes place;
        uint8 receiver;
        uint8 threshold;
        bool isEd25519;
    }

    /// @notice Whether the opened share is good. Reverts where the proof, a length or a hint is wrong, so that no wrong hint
    /// can make a good share look bad.
    /// @dev E and K are points of the subgroup that the ledger took before; it is the caller who compares hashes.
    function isShareGood(Subject memory subject, IKeyCeremony.Opening calldata opening) internal view returns (bool) {
        if (opening.sealedShare.length != Dealing.SEALED_SIZE) {
            revert IKeyCeremony.InvalidLength(opening.sealedShare.length, Dealing.SEALED_SIZE);
        }
        _checkProof(subject, opening);
        (uint256 g1Share, uint256 edShare) = SealedShare.open(
            subject.meshId,
            _pack(opening.sharedPoint),
            subject.place,
            opening.sealedShare
        );
        return
            subject.isEd25519
                ? _isEdShareGood(edShare, subject, opening.commitments, opening.hints)
                : _isG1ShareGood(g1Share, subject, opening.commitments, opening.hints);
    }

    /// @dev log_G K = log_E S. G1MSM checks that S is in the subgroup.
    function _checkProof(Subject memory subject, IKeyCeremony.Opening calldata opening) private view {
        bytes memory points = abi.encode(
            opening.receivingKey,
            opening.ephemeralKey,
            opening.sharedPoint,
            Dealing.proofCommitment(BLS12381.generator(), opening.response, opening.receivingKey, opening.challenge),
            Dealing.proofCommitment(opening.ephemeralKey, opening.response, opening.sharedPoint, opening.challenge)
        );
        if (
            uint256(keccak256(abi.encodePacked(TAG, subject.meshId, subject.place, points))) % Dealing.R !=
            opening.challenge
        ) revert IKeyCeremony.InvalidOpeningProof();
    }

    /// @dev share * G = sum of receiver^k * C_k, as share * G - (the terms from k = 1) = C_0, compared in compressed form: C_0 needs
    /// neither hint nor term. It is in the subgroup: for new keys that was looked at when the dealing was taken, in a resharing it is a
    /// verification key that the committee before acknowledged.
    function _isG1ShareGood(
        uint256 share,
        Subject memory subject,
        bytes calldata commitments,
        bytes calldata hints
    ) private view returns (bool) {
        uint256 threshold = subject.threshold;
        _expectLength(commitments, threshold * Dealing.G1_SIZE);
        _expectLength(hints, (threshold - 1) * Dealing.G1_SIZE);
        if (share >= Dealing.R) return false;

        G1Terms.Terms terms = G1Terms.allocate(threshold);
        terms.write(0, BLS12381.generator(), share);
        // The powers are at most 32^21, far below r.
        uint256 misfit = terms.writeNegatedPowers(threshold, commitments, hints, subject.receiver, Dealing.R);
        if (misfit != 0) revert IKeyCeremony.InvalidHint(misfit);
        return terms.sum(threshold).matchesCompressed(commitments[:Dealing.G1_SIZE]);
    }

    /// @dev The bytes of `hints` are those of an array of words.
    function _isEdShareGood(
        uint256 share,
        Subject memory subject,
        bytes calldata commitments,
        bytes calldata hints
    ) private pure returns (bool) {
        uint256 threshold = subject.threshold;
        _expectLength(commitments, threshold * Dealing.ED_SIZE);
        _expectLength(hints, threshold * Dealing.ED_SIZE);

        uint256[] calldata xHints;
        // Takes the same calldata as words, whose length was checked; no access to memory.
        assembly ("memory-safe") {
            xHints.offset := hints.offset
            xHints.length := threshold
        }
        return Ed25519.isShareValid(commitments, xHints, subject.receiver, share);
    }

    /// @dev x | y, 96 bytes.
    function _pack(BLS12381.G1Point calldata point) private pure returns (bytes memory) {
        return abi.encodePacked(uint128(point.xHi), point.xLo, uint128(point.yHi), point.yLo);
    }

    function _expectLength(bytes calldata value, uint256 expected) private pure {
        if (value.length != expected) revert IKeyCeremony.InvalidLength(value.length, expected);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {BLS12381} from "./BLS12381.sol";
import {G1Terms} from "./G1Terms.sol";
import {KeccakMerkle} from "./KeccakMerkle.sol";

/// @title A dealing: its bytes, its proof, and what the ledger keeps of it
/// @notice E.x 48 | E.y 48 | c 32 | s_E 32 | t * 48 G1 commitments | t * 32 Ed25519 commitments | n * 64 sealed shares; for new keys with
/// C_0.y 48 | s_0 32 after s_E. The proof (Schnorr 1991) is one of knowledge of e, for new keys of f(0) too, under one challenge bound to
/// mesh, contract, ceremony, attempt and dealer. So nobody can copy another dealer's E and have honest receivers open that dealer's
/// shares, or choose a C_0 after the others'. In a resharing there is no such choice: C_0 is a verification key of the committee in
/// office, which {dealsVerifiedShare} looks at.
library Dealing {
    using BLS12381 for BLS12381.G1Point;
    using G1Terms for G1Terms.Terms;

    /// @notice The tag of docs/protocol.md, section 4.2; the same as `TAG.dealingProof` in `src/statements/tags.ts`.
    string internal constant TAG = "swarmkeep/dealing-proof/v1";

    /// @notice The order of G1's subgroup.
    uint256 internal constant R = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;

    uint256 internal constant G1_SIZE = 48;
    uint256 internal constant ED_SIZE = 32;
    uint256 internal constant SEALED_SIZE = 64;

    // Where the parts begin.
    uint256 private constant CHALLENGE = 96;
    uint256 private constant EPHEMERAL_RESPONSE = 128;
    /// @dev The commitments; for new keys C_0.y is here.
    uint256 private constant PROOF_END = 160;
    uint256 private constant CONSTANT_RESPONSE = 208;
    uint256 private constant CONSTANT_PROOF_END = 240;

    /// @notice What a dealing's opening refers to.
    struct Digest {
        bytes32 ephemeralHash;
        bytes32 g1Hash;
        bytes32 edHash;
        bytes32 sealedRoot;
    }

    /// @notice Checks all of a dealing that must hold before it is taken; the shares and the other commitments are judged when
    /// somebody complains. Reverts where a check fails.
    /// @param meshId The proof's mesh.
    /// @param place Contract, ceremony, attempt and dealer, packed.
    /// @param isResharing Whether it is of a share, and not of a part of new keys.
    function check(
        bytes calldata dealing,
        bytes32 meshId,
        bytes memory place,
        uint256 threshold,
        uint256 seats,
        bool isResharing
    ) internal view returns (Digest memory digest) {
        uint256 commitments = isResharing ? PROOF_END : CONSTANT_PROOF_END;
        uint256 edCommitments = commitments + threshold * G1_SIZE;
        uint256 sealedShares = edCommitments + threshold * ED_SIZE;
        uint256 end = sealedShares + seats * SEALED_SIZE;
        if (dealing.length != end) revert IKeyCeremony.InvalidLength(dealing.length, end);

        digest.ephemeralHash = _checkProof(dealing, meshId, place, isResharing);
        digest.g1Hash = keccak256(dealing[commitments:edCommitments]);
        digest.edHash = keccak256(dealing[edCommitments:sealedShares]);
        digest.sealedRoot = KeccakMerkle.rootOf(dealing[sealedShares:], SEALED_SIZE, seats);
    }

    /// @notice Whether both C_0 are the verification keys of seat `dealer` under `verificationRoot`, so that the dealer deals the
    /// shares that it holds (resharing).
    /// @param dealing Of a resharing, with the length that {check} tests.
    /// @param dealers Seats of the old committee.
    function dealsVerifiedShare(
        bytes calldata dealing,
        uint256 threshold,
        uint256 dealer,
        uint256 dealers,
        bytes32[] calldata path,
        bytes32 verificationRoot
    ) internal pure returns (bool) {
        uint256 edCommitments = PROOF_END + threshold * G1_SIZE;
        bytes32 leaf = keccak256(
            abi.encodePacked(
                uint8(0),
                uint8(dealer),
                dealing[PROOF_END:PROOF_END + G1_SIZE],
                dealing[edCommitments:edCommitments + ED_SIZE]
            )
        );
        return KeccakMerkle.rootFromPath(leaf, dealer, dealers, path) == verificationRoot;
    }

    /// @notice What the ledger keeps of a dealing, under its one-time key: the place that the key was used at, and the parts.
    function record(
        uint64 ceremony,
        uint32 attempt,
        uint8 dealer,
        bytes32 g1Hash,
        bytes32 edHash,
        bytes32 sealedRoot
    ) internal pure returns (bytes32) {
        bytes32 parts = keccak256(abi.encode(g1Hash, edHash, sealedRoot));
        return keccak256(abi.encode(ceremony, attempt, dealer, parts));
    }

    /// @notice response * base - challenge * point: the commitment that a Schnorr proof began with. Reverts with
    /// PrecompileRefused where a point is not one of the subgroup.
    function proofCommitment(
        BLS12381.G1Point memory base,
        uint256 response,
        BLS12381.G1Point memory point,
        uint256 challenge
    ) internal view returns (BLS12381.G1Point memory) {
        G1Terms.Terms terms = G1Terms.allocate(2);
        terms.write(0, base, response);
        terms.write(1, point, R - (challenge % R));
        return terms.sum(2);
    }

    /// @dev The hash of E, after the proof held.
    function _checkProof(
        bytes calldata dealing,
        bytes32 meshId,
        bytes memory place,
        bool isResharing
    ) private view returns (bytes32 ephemeralHash) {
        BLS12381.G1Point memory ephemeral = BLS12381.decodeUncompressed(dealing[:CHALLENGE]);
        uint256 challenge = _wordAt(dealing, CHALLENGE);
        BLS12381.G1Point memory announced = _announced(ephemeral, _wordAt(dealing, EPHEMERAL_RESPONSE), challenge);
        bytes memory points;
        if (isResharing) {
            points = abi.encode(ephemeral, announced);
        } else {
            BLS12381.G1Point memory constant_ = _constantOf(dealing);
            points = abi.encode(
                ephemeral,
                constant_,
                announced,
                _announced(constant_, _wordAt(dealing, CONSTANT_RESPONSE), challenge)
            );
        }
        if (uint256(keccak256(abi.encodePacked(TAG, meshId, place, points))) % R != challenge) {
            revert IKeyCeremony.InvalidDealingProof();
        }
        return keccak256(abi.encode(ephemeral));
    }

    /// @dev What the proof for `point` began with, if `point` is not infinity.
    function _announced(
        BLS12381.G1Point memory point,
        uint256 response,
        uint256 challenge
    ) private view returns (BLS12381.G1Point memory) {
        // One form for each number: what the ledger takes, every reader must be able to parse.
        if (point.isInfinity() || response >= R) revert IKeyCeremony.InvalidDealingProof();
        return proofCommitment(BLS12381.generator(), response, point, challenge);
    }

    /// @dev C_0 of new keys: x of the first commitment, y of its own.
    function _constantOf(bytes calldata dealing) private pure returns (BLS12381.G1Point memory constant_) {
        constant_ = BLS12381.G1Point({
            // Without the three flags, which the comparison after this checks.
            xHi: uint128(_wordAt(dealing, CONSTANT_PROOF_END) >> 128) & (type(uint128).max >> 3),
            xLo: _wordAt(dealing, CONSTANT_PROOF_END + 16),
            yHi: uint128(_wordAt(dealing, PROOF_END) >> 128),
            yLo: _wordAt(dealing, PROOF_END + 16)
        });
        if (!constant_.matchesCompressed(dealing[CONSTANT_PROOF_END:CONSTANT_PROOF_END + G1_SIZE])) {
            revert IKeyCeremony.ConstantMismatch();
        }
    }

    function _wordAt(bytes calldata dealing, uint256 offset) private pure returns (uint256) {
        return uint256(bytes32(dealing[offset:]));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Quorum} from "../libraries/Quorum.sol";
import {RootSignature} from "../libraries/RootSignature.sol";
import {Scope} from "../libraries/Scope.sol";
import {Statements} from "../libraries/Statements.sol";

/// @title What the ledger and the programs must agree on, as calls, for tests: statements, quorums, scopes, root signatures
contract StatementsHarness {
    struct TypeHash {
        string name;
        bytes32 hash;
    }

    function typeHashes() external pure returns (TypeHash[24] memory) {
        return
            [
                TypeHash("Genesis", Statements.GENESIS),
                TypeHash("KeyCertification", Statements.KEY_CERTIFICATION),
                TypeHash("Successor", Statements.SUCCESSOR),
                TypeHash("ProofOfPossession", Statements.PROOF_OF_POSSESSION),
                TypeHash("TlsPossession", Statements.TLS_POSSESSION),
                TypeHash("Admission", Statements.ADMISSION),
                TypeHash("DeviceAdmission", Statements.DEVICE_ADMISSION),
                TypeHash("Activation", Statements.ACTIVATION),
                TypeHash("Beacon", Statements.BEACON),
                TypeHash("Rekey", Statements.REKEY),
                TypeHash("KeySuccession", Statements.KEY_SUCCESSION),
                TypeHash("Recovery", Statements.RECOVERY),
                TypeHash("RecoveryCancellation", Statements.RECOVERY_CANCELLATION),
                TypeHash("Resize", Statements.RESIZE),
                TypeHash("Grant", Statements.GRANT),
                TypeHash("Revocation", Statements.REVOCATION),
                TypeHash("RevocationRequest", Statements.REVOCATION_REQUEST),
                TypeHash("PreSharedKeys", Statements.PRE_SHARED_KEYS),
                TypeHash("EnrolmentCodes", Statements.ENROLMENT_CODES),
                TypeHash("DrlHead", Statements.DRL_HEAD),
                TypeHash("Checkpoint", Statements.CHECKPOINT),
                TypeHash("PartialEvidence", Statements.PARTIAL_EVIDENCE),
                TypeHash("ShardMapRoot", Statements.SHARD_MAP_ROOT),
                TypeHash("ShardDelivery", Statements.SHARD_DELIVERY)
            ];
    }

    function strings() external pure returns (string memory, string memory, string memory, string memory) {
        return (Statements.DOMAIN_NAME, Statements.DOMAIN_VERSION, Statements.DST_SIGNATURE, Statements.DST_POSSESSION);
    }

    function activation(
        uint64 generation,
        uint64 epoch,
        bytes32 qualified,
        bytes32 verificationRoot,
        bytes32 blsKeyHash,
        bytes32 edKey
    ) external pure returns (bytes32) {
        return Statements.activation(generation, epoch, qualified, verificationRoot, blsKeyHash, edKey);
    }

    function quorum(uint256 n) external pure returns (uint256 faults, uint256 threshold, uint256 acknowledgements) {
        return (Quorum.faults(n), Quorum.threshold(n), Quorum.acknowledgements(n));
    }

    function isScope(string calldata text) external pure returns (bool) {
        return Scope.isValid(text);
    }

    function scopeContains(string calldata outer, string calldata inner) external pure returns (bool) {
        return Scope.contains(outer, inner);
    }

    function verifyRootHash(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) external view returns (bool) {
        return RootSignature.verifyHash(hash, r, s, x, y);
    }
}

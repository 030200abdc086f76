// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Every statement that the ledger takes: its EIP-712 type and its struct hash
/// @notice The same as `src/statements/eip712.ts` and `src/statements/tags.ts`. A statement counts under the domain of the one
/// contract that takes it, see {MeshContract}. The domain's name, version and salt keep meshes apart; the type hashes keep
/// kinds apart.
library Statements {
    string internal constant DOMAIN_NAME = "Swarmkeep";
    string internal constant DOMAIN_VERSION = "1";

    /// @dev Domain separation tag of swarm signatures and identity signatures (draft-irtf-cfrg-bls-signature, section 4.2.3).
    string internal constant DST_SIGNATURE = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    /// @dev Domain separation tag of proofs of possession.
    string internal constant DST_POSSESSION = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    bytes32 internal constant GENESIS = keccak256(
        "Genesis(bytes32 meshId,bytes32 contractsHash,bytes32 parametersHash,bytes32 membersHash,bytes32 registrarsHash)"
    );
    bytes32 internal constant KEY_CERTIFICATION = keccak256(
        "KeyCertification(uint64 generation,bytes32 certificateHash)"
    );
    bytes32 internal constant SUCCESSOR = keccak256(
        "Successor(uint256 chainId,address anchor,bytes32 meshId,uint64 expiry)"
    );
    bytes32 internal constant PROOF_OF_POSSESSION = keccak256("ProofOfPossession(address account,bytes32 keyHash)");
    bytes32 internal constant TLS_POSSESSION = keccak256("TlsPossession(address account,bytes32 tlsPin)");
    bytes32 internal constant ADMISSION = keccak256("Admission(address account,bytes32 operator,uint64 expiry)");
    bytes32 internal constant DEVICE_ADMISSION = keccak256(
        "DeviceAdmission(address account,uint64 index,uint64 expiry)"
    );
    bytes32 internal constant ACTIVATION = keccak256(
        "Activation(uint64 generation,uint64 epoch,bytes32 qualified,bytes32 verificationRoot,bytes32 blsKeyHash,bytes32 edKey)"
    );
    bytes32 internal constant BEACON = keccak256(
        "Beacon(uint64 epoch,bytes32 previous,uint64 blockNumber,bytes32 prevrandao)"
    );
    bytes32 internal constant REKEY = keccak256("Rekey(uint64 generation,uint64 expiry)");
    bytes32 internal constant KEY_SUCCESSION = keccak256(
        "KeySuccession(uint64 generation,uint64 ceremony,bytes32 blsKeyHash,bytes32 edKey,uint64 since)"
    );
    bytes32 internal constant RECOVERY = keccak256(
        "Recovery(uint64 number,uint64 generation,bytes32 membersHash,uint8 isCompromised)"
    );
    bytes32 internal constant RECOVERY_CANCELLATION = keccak256("RecoveryCancellation(uint64 number)");
    bytes32 internal constant RESIZE = keccak256("Resize(uint8 seats,uint64 expiry)");
    bytes32 internal constant GRANT = keccak256(
        "Grant(address registrar,bytes32 scopesHash,uint64 indexes,uint8 candidates,uint64 expiry,bytes32 salt)"
    );
    bytes32 internal constant REVOCATION = keccak256("Revocation(bytes32 entriesHash,uint8 reason,uint64 expiry)");
    bytes32 internal constant REVOCATION_REQUEST = keccak256(
        "RevocationRequest(bytes32 indexesHash,uint8 reason,uint64 expiry)"
    );
    bytes32 internal constant PRE_SHARED_KEYS = keccak256(
        "PreSharedKeys(uint64 fleetId,bytes32 keysHash,uint64 expiry)"
    );
    bytes32 internal constant ENROLMENT_CODES = keccak256(
        "EnrolmentCodes(uint64 fleetId,bytes32 codesHash,uint64 expiry)"
    );
    bytes32 internal constant DRL_HEAD = keccak256(
        "DrlHead(uint64 number,bytes32 root,uint32 words,uint64 issued,uint64 expires,uint64 blockNumber)"
    );
    bytes32 internal constant CHECKPOINT = keccak256("Checkpoint(uint64 number,uint64 blockNumber,bytes32 blockHash)");
    bytes32 internal constant PARTIAL_EVIDENCE = keccak256("PartialEvidence(bytes32 digest,bytes32 partialHash)");
    bytes32 internal constant SHARD_MAP_ROOT = keccak256(
        "ShardMapRoot(uint64 fleetId,uint64 subject,bytes32 mapHash,uint64 expiry)"
    );
    bytes32 internal constant SHARD_DELIVERY = keccak256(
        "ShardDelivery(uint64 fleetId,bytes32 contentHash,uint64 expiry)"
    );

    function genesis(
        bytes32 meshId,
        bytes32 contractsHash,
        bytes32 parametersHash,
        bytes32 membersHash,
        bytes32 registrarsHash
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(GENESIS, meshId, contractsHash, parametersHash, membersHash, registrarsHash));
    }

    function keyCertification(uint64 generation, bytes32 certificateHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(KEY_CERTIFICATION, generation, certificateHash));
    }

    function successor(uint256 chainId, address anchor, bytes32 meshId, uint64 expiry) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUCCESSOR, chainId, anchor, meshId, expiry));
    }

    function proofOfPossession(address account, bytes32 keyHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(PROOF_OF_POSSESSION, account, keyHash));
    }

    function tlsPossession(address account, bytes32 tlsPin) internal pure returns (bytes32) {
        return keccak256(abi.encode(TLS_POSSESSION, account, tlsPin));
    }

    function admission(address account, bytes32 operator, uint64 expiry) internal pure returns (bytes32) {
        return keccak256(abi.encode(ADMISSION, account, operator, expiry));
    }

    function deviceAdmission(address account, uint64 index, uint64 expiry) internal pure returns (bytes32) {
        return keccak256(abi.encode(DEVICE_ADMISSION, account, index, expiry));
    }

    function activation(
        uint64 generation,
        uint64 epoch,
        bytes32 qualified,
        bytes32 verificationRoot,
        bytes32 blsKeyHash,
        bytes32 edKey
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACTIVATION, generation, epoch, qualified, verificationRoot, blsKeyHash, edKey));
    }

    function beacon(
        uint64 epoch,
        bytes32 previous,
        uint64 blockNumber,
        bytes32 prevrandao
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(BEACON, epoch, previous, blockNumber, prevrandao));
    }

    function rekey(uint64 generation, uint64 expiry) internal pure returns (bytes32) {
        return keccak256(abi.encode(REKEY, generation, expiry));
    }

    function keySuccession(
        uint64 generation,
        uint64 ceremony,
        bytes32 blsKeyHash,
        bytes32 edKey,
        uint64 since
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(KEY_SUCCESSION, generation, ceremony, blsKeyHash, edKey, since));
    }

    function recovery(
        uint64 number,
        uint64 generation,
        bytes32 membersHash,
        bool isCompromised
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECOVERY, number, generation, membersHash, isCompromised));
    }

    function recoveryCancellation(uint64 number) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECOVERY_CANCELLATION, number));
    }

    function resize(uint8 seats, uint64 expiry) internal pure returns (bytes32) {
        return keccak256(abi.encode(RESIZE, seats, expiry));
    }

    function grant(
        address registrar,
        bytes32 scopesHash,
        uint64 indexes,
        uint8 candidates,
        uint64 expiry,
        bytes32 salt
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(GRANT, registrar, scopesHash, indexes, candidates, expiry, salt));
    }

    function revocation(bytes32 entriesHash, uint8 reason, uint64 expiry) internal pure returns (bytes32) {
        return keccak256(abi.encode(REVOCATION, entriesHash, reason, expiry));
    }

    function drlHead(
        uint64 number,
        bytes32 root,
        uint32 words,
        uint64 issued,
        uint64 expires,
        uint64 blockNumber
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(DRL_HEAD, number, root, words, issued, expires, blockNumber));
    }

    function checkpoint(uint64 number, uint64 blockNumber, bytes32 blockHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(CHECKPOINT, number, blockNumber, blockHash));
    }

    function partialEvidence(bytes32 digest, bytes32 partialHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(PARTIAL_EVIDENCE, digest, partialHash));
    }

    function shardMapRoot(
        uint64 fleetId,
        uint64 subject,
        bytes32 mapHash,
        uint64 expiry
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(SHARD_MAP_ROOT, fleetId, subject, mapHash, expiry));
    }
}

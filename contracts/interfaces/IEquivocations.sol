// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Evidence that a member voted for two contradicting statements (docs/protocol.md, section 2.1)
/// @notice Votes on ordered statements travel with an ES256 signature of the sender's TLS key over PartialEvidence. Two of them
/// over different statements about one place show that whoever registered the key lied to somebody, without doubt.
interface IEquivocations {
    /// @notice One vote as its evidence shows it.
    /// @param fields Of the statement, abi.encoded in the order of its EIP-712 type.
    /// @param partialHash keccak256 of the partial signature that came with it.
    /// @param r Of the ES256 signature over the digest of PartialEvidence.
    /// @param s At most N / 2: whoever submits normalises it.
    struct Vote {
        bytes fields;
        bytes32 partialHash;
        bytes32 r;
        bytes32 s;
    }

    /// @notice Two votes of one key.
    /// @param kind Of both statements: 1 DrlHead, 2 Checkpoint, 4 Activation, 5 Beacon.
    /// @param keyX Of the P-256 TLS key whose pin was registered.
    /// @param keyY See `keyX`.
    struct Equivocation {
        uint8 kind;
        bytes32 keyX;
        bytes32 keyY;
        Vote first;
        Vote second;
    }

    /// @notice `kind` is no kind of ordered statement, or does not have `length` bytes of fields.
    error NotOrdered(uint8 kind, uint256 length);
    /// @notice The two statements are one, or are about different places: nothing contradicts.
    error NoEquivocation(uint8 kind, bytes32 place, bytes32 otherPlace);
    /// @notice The evidence counted until `until` (a time, or an epoch for activations and beacons), and it is `now_`.
    error EvidenceExpired(uint256 until, uint256 now_);
    /// @notice The key did not sign the evidence with this digest, or s is high.
    error InvalidEvidence(bytes32 digest);
    /// @notice This equivocation was punished already.
    error AlreadyPunished(bytes32 equivocation);

    /// @notice Whether the equivocation keccak256(abi.encode(pin, kind, place)) was punished.
    function equivocationPunished(bytes32 equivocation) external view returns (bool);
}

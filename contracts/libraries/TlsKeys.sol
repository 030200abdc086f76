// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {RootSignature} from "./RootSignature.sol";

/// @notice A member's P-256 TLS key with the proof that whoever registers it holds it.
/// @param x Coordinate of the public key.
/// @param y Coordinate of the public key.
/// @param r Half of the key's ECDSA signature with SHA-256 over the 32-byte digest of the TlsPossession statement.
/// @param s The other half, at most N / 2.
struct TlsKey {
    bytes32 x;
    bytes32 y;
    bytes32 r;
    bytes32 s;
}

using TlsKeys for TlsKey global;

/// @title The TLS keys of members: their pins, and proofs that somebody holds them
/// @notice A pin is public from the first handshake on. Were it taken on anybody's word, a stranger could register it first, and
/// evidence that the key signs would name the stranger.
library TlsKeys {
    /// @dev What comes before x and y in the DER of an uncompressed P-256 SubjectPublicKeyInfo (RFC 5480, section 2).
    bytes27 private constant SPKI_PREFIX = hex"3059301306072a8648ce3d020106082a8648ce3d03010703420004";

    /// @notice SHA-256 of the key's SubjectPublicKeyInfo, as in RFC 7469, section 2.4.
    function pin(TlsKey calldata key) internal pure returns (bytes32) {
        return pinOf(key.x, key.y);
    }

    /// @notice The same of a key alone.
    function pinOf(bytes32 x, bytes32 y) internal pure returns (bytes32) {
        return sha256(abi.encodePacked(SPKI_PREFIX, x, y));
    }

    /// @notice Whether the key signed `digest`, the 32 bytes of a statement.
    function signed(TlsKey calldata key, bytes32 digest) internal view returns (bool) {
        return RootSignature.verify(digest, key.r, key.s, key.x, key.y);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// @title Signatures of the root CA and of TLS keys: ECDSA on P-256 with SHA-256, by the precompile of EIP-7951
/// @notice Off the ledger both are ordinary keys behind OpenSSL or an HSM, which hash what they are given. So the
/// 32-byte EIP-712 digest is the message, and SHA-256 of it is what the curve sees. OpenSSL does not normalise s: whoever
/// submits does, since a high s is refused.
library RootSignature {
    /// @notice Whether (r, s) is a signature by (x, y) over the 32 bytes of `digest`. s is at most N / 2.
    function verify(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view returns (bool) {
        return verifyHash(sha256(abi.encodePacked(digest)), r, s, x, y);
    }

    /// @notice As {verify}, of a message whose SHA-256 hash is `hash`.
    function verifyHash(bytes32 hash, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view returns (bool) {
        return P256.verifyNative(hash, r, s, x, y);
    }
}

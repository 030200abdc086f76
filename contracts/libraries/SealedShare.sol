// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title A sealed share: two shares of 32 bytes under a one-time pad from HKDF-SHA-256 (RFC 5869)
/// @notice pad = HKDF(ikm = shared point x | y, salt = mesh id, info = tag | place, 64 bytes). There is no authentication tag: the
/// commitments show whether the shares are right, and a contract can judge that.
library SealedShare {
    /// @notice The tag of docs/protocol.md, section 4.2; the same as `TAG.sealedShare` in `src/statements/tags.ts`.
    string internal constant TAG = "swarmkeep/sealed-share/v1";

    bytes32 private constant INNER = bytes32(
        uint256(0x3636363636363636363636363636363636363636363636363636363636363636)
    );
    bytes32 private constant OUTER = bytes32(
        uint256(0x5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c)
    );

    /// @notice The two integers that `sealedShare` holds, valid shares or not.
    /// @param salt The mesh id.
    /// @param secret The shared point's x | y, 96 bytes.
    /// @param place Contract, ceremony, attempt, dealer and receiver, packed.
    /// @param sealedShare 64 bytes.
    function open(
        bytes32 salt,
        bytes memory secret,
        bytes memory place,
        bytes calldata sealedShare
    ) internal pure returns (uint256 g1Share, uint256 edShare) {
        bytes memory info = abi.encodePacked(TAG, place);
        bytes32 key = _hmac(salt, secret);
        bytes32 first = _hmac(key, abi.encodePacked(info, uint8(1)));
        bytes32 second = _hmac(key, abi.encodePacked(first, info, uint8(2)));

        g1Share = uint256(bytes32(sealedShare[:32]) ^ first);
        edShare = uint256(bytes32(sealedShare[32:64]) ^ second);
    }

    /// @dev HMAC-SHA-256 (RFC 2104). A key of 32 bytes fills half of a block, the rest of which is zeros.
    function _hmac(bytes32 key, bytes memory message) private pure returns (bytes32) {
        bytes32 inner = sha256(abi.encodePacked(key ^ INNER, INNER, message));
        return sha256(abi.encodePacked(key ^ OUTER, OUTER, inner));
    }
}

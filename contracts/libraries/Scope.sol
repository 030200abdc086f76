// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Scopes: where a certificate counts
/// @notice The same as `src/statements/scope.ts`: `geo:` and 1 to 12 characters of the geohash alphabet, or `grp:` and a path of
/// 1 to 8 segments `[a-z0-9-]+` joined by `/`; 5 to 64 bytes in all.
library Scope {
    /// @notice `scope` is neither `geo:` and a geohash nor `grp:` and a path.
    error InvalidScope(string scope);

    uint256 private constant PREFIX_LENGTH = 4;
    uint256 private constant MINIMUM_LENGTH = 5;
    uint256 private constant MAXIMUM_LENGTH = 64;
    uint256 private constant MAXIMUM_GEOHASH = 12;
    uint256 private constant MAXIMUM_SEGMENTS = 8;

    uint256 private constant SLASH = 0x2f;

    /// @dev Bit c is set for each character c of `0-9`, `a-z` without a, i, l and o.
    uint256 private constant GEOHASH_ALPHABET = (0x07ff6dfc << 96) | (uint256(0x03ff) << 48);
    /// @dev The same for `a-z`, `0-9` and `-`.
    uint256 private constant SEGMENT_ALPHABET = (0x07fffffe << 96) | (uint256(0x03ff) << 48) | (uint256(1) << 45);

    /// @notice Reverts with {InvalidScope} unless `scope` is one.
    function requireValid(string calldata scope) internal pure {
        if (!isValid(scope)) revert InvalidScope(scope);
    }

    /// @notice Whether `scope` has one of the two forms.
    function isValid(string calldata scope) internal pure returns (bool) {
        bytes calldata text = bytes(scope);
        if (text.length < MINIMUM_LENGTH || text.length > MAXIMUM_LENGTH) return false;
        bytes4 prefix = bytes4(text[:PREFIX_LENGTH]);
        if (prefix == "geo:") return text.length <= PREFIX_LENGTH + MAXIMUM_GEOHASH && _isGeohash(text);
        return prefix == "grp:" && _isPath(text);
    }

    /// @notice Whether `outer` covers all of `inner`: any longer geohash, or any deeper path; never one kind the other.
    /// @dev Both are valid scopes: the caller checked.
    function contains(string calldata outer, string calldata inner) internal pure returns (bool) {
        uint256 length = bytes(outer).length;
        if (length > bytes(inner).length || !_startsWith(inner, outer)) return false;
        return length == bytes(inner).length || bytes4(bytes(outer)) == "geo:" || _at(bytes(inner), length) == SLASH;
    }

    /// @dev `prefix` is not longer than `text`, and has at most 64 bytes: two words, compared in the bytes that it has.
    function _startsWith(string calldata text, string calldata prefix) private pure returns (bool starts) {
        // Reads the input only, perhaps past the end of either string; the shifts drop what is not of the prefix. A shift by 256
        // or more, as that of the second word is where the prefix ends in the first, drops all.
        assembly ("memory-safe") {
            let first := xor(calldataload(text.offset), calldataload(prefix.offset))
            let second := xor(calldataload(add(text.offset, 32)), calldataload(add(prefix.offset, 32)))
            let missing := mul(lt(prefix.length, 32), shl(3, sub(32, prefix.length)))
            starts := iszero(or(shr(missing, first), shr(shl(3, sub(64, prefix.length)), second)))
        }
    }

    function _isGeohash(bytes calldata text) private pure returns (bool) {
        unchecked {
            for (uint256 i = PREFIX_LENGTH; i < text.length; i++) {
                if ((GEOHASH_ALPHABET >> _at(text, i)) & 1 == 0) return false;
            }
        }
        return true;
    }

    function _isPath(bytes calldata text) private pure returns (bool) {
        // The prefix ends where a segment begins, as a slash does.
        bool begins = true;
        uint256 segments = 1;
        unchecked {
            for (uint256 i = PREFIX_LENGTH; i < text.length; i++) {
                uint256 character = _at(text, i);
                if (character == SLASH) {
                    if (begins || ++segments > MAXIMUM_SEGMENTS) return false;
                    begins = true;
                } else {
                    if ((SEGMENT_ALPHABET >> character) & 1 == 0) return false;
                    begins = false;
                }
            }
        }
        return !begins;
    }

    /// @dev Byte `position` of `text`, which has it: the caller knows.
    function _at(bytes calldata text, uint256 position) private pure returns (uint256 character) {
        assembly ("memory-safe") {
            character := byte(0, calldataload(add(text.offset, position)))
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IRevocationList} from "../interfaces/IRevocationList.sol";

/// @title Entries of the revocation list in the input of a transaction: words, and which devices of each
/// @notice In assembly, since hundreds fit one transaction and what the compiler does for each is a fifth of what it may cost.
library RevocationEntries {
    uint256 private constant WORD_BITS = 256;
    uint256 private constant PACKED_LENGTH = 36;

    /// @notice Sets (or clears) the devices of the entries in `bitmap`. Reverts unless the words strictly increase, have 32 bits each and
    /// no mask is zero. The caller called {highestIndex}, which counts words and masks.
    /// @return packed For the event: 4 bytes of word and 32 bytes of mask, entry by entry.
    function applyTo(
        mapping(uint32 word => uint256 bits) storage bitmap,
        uint32[] calldata words,
        uint256[] calldata masks,
        bool set
    ) internal returns (bytes memory packed) {
        bool isFaulty;
        packed = new bytes(PACKED_LENGTH * words.length);
        // Reads the input; writes `packed`, where each store's tail is overwritten by the next one; and,
        // in the scratch space, hashes a word and the mapping's slot to the slot of its bits, as Solidity does. Bits are set by
        // OR, and cleared by XOR after that. `least` is one more than the word before. Nothing has looked at a word yet, and
        // whoever encodes by hand writes 256 bits of it: after one with all bits set, `least` would begin again at 0.
        assembly ("memory-safe") {
            let end := add(words.offset, shl(5, words.length))
            let distance := sub(masks.offset, words.offset)
            let cleared := sub(set, 1)
            let least := 0
            let output := add(packed, 36)
            mstore(32, bitmap.slot)
            for {
                let entry := words.offset
            } lt(entry, end) {
                entry := add(entry, 32)
            } {
                let word := calldataload(entry)
                let mask := calldataload(add(entry, distance))
                isFaulty := or(isFaulty, or(or(lt(word, least), gt(word, 0xffffffff)), iszero(mask)))
                least := add(word, 1)
                mstore(0, word)
                let slot := keccak256(0, 64)
                sstore(slot, xor(or(sload(slot), mask), and(mask, cleared)))
                mstore(sub(output, 4), shl(224, word))
                mstore(output, mask)
                output := add(output, 36)
            }
        }
        if (isFaulty) _revertWithFault(words, masks);
    }

    /// @notice The highest device of the entries, if their words increase.
    function highestIndex(uint32[] calldata words, uint256[] calldata masks) internal pure returns (uint256) {
        uint256 length = words.length;
        if (length == 0 || masks.length != length) revert IRevocationList.InvalidEntries(length, masks.length);
        return WORD_BITS * words[length - 1] + Math.log2(masks[length - 1]);
    }

    /// @notice keccak256(abi.encodePacked(words, masks)), each element padded to 32 bytes, as they are in the input.
    function hash(uint32[] calldata words, uint256[] calldata masks) internal pure returns (bytes32 entriesHash) {
        // In free memory, which stays free.
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(buffer, words.offset, size)
            calldatacopy(add(buffer, size), masks.offset, shl(5, masks.length))
            entriesHash := keccak256(buffer, add(size, shl(5, masks.length)))
        }
    }

    /// @dev Names the first fault, of which there is one. A word of more than 32 bits has no name: reading it reverts.
    function _revertWithFault(uint32[] calldata words, uint256[] calldata masks) private pure {
        for (uint256 i = 0; i < words.length; i++) {
            uint32 word = words[i];
            if (i != 0 && word <= words[i - 1]) revert IRevocationList.WordsNotIncreasing(word);
            if (masks[i] == 0) revert IRevocationList.EmptyMask(word);
        }
        // Whatever the loop does not name must not pass.
        assert(false);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Coarse classes from 0 to 15, packed 4 bits each from the least significant on
library Classes {
    uint256 internal constant BITS = 4;
    uint256 internal constant BEST = 15;
    /// @dev How many are in a word.
    uint256 internal constant IN_WORD = 64;

    /// @notice The class at `position`.
    function classAt(uint256 packed, uint256 position) internal pure returns (uint256) {
        return (packed >> (BITS * position)) & BEST;
    }

    /// @notice `packed` with `class` at `position`.
    function with(uint256 packed, uint256 position, uint256 class) internal pure returns (uint256) {
        uint256 shift = BITS * position;
        return (packed & ~(BEST << shift)) | (class << shift);
    }

    /// @notice The lower median at `position` over all reports but number `except` (an index that no report has leaves none out);
    /// 0 over none. While those that may say anything are fewer than half, it is never outside what the others say.
    function median(uint256[] memory reports, uint256 position, uint256 except) internal pure returns (uint256 class) {
        unchecked {
            uint256 counted = 0;
            // How many reports there are of each class, in lanes of 16 bits: at most 32 reports are counted.
            uint256 histogram = 0;
            uint256 shift = BITS * position;
            for (uint256 i = 0; i < reports.length; i++) {
                if (i == except) continue;
                histogram += 1 << (((reports[i] >> shift) & BEST) << 4);
                counted++;
            }
            if (counted == 0) return 0;
            uint256 rank = (counted + 1) / 2;
            for (uint256 seen = 0; ; class++) {
                seen += (histogram >> (class << 4)) & 0xffff;
                if (seen >= rank) return class;
            }
        }
    }

    /// @notice The class after `measured` was seen: half the way there, and at least one step.
    function moved(uint256 class, uint256 measured) internal pure returns (uint256) {
        if (measured >= class) return class + (measured - class + 1) / 2;
        return class - (class - measured + 1) / 2;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Sets of seats as bitmaps, bit `1 << seat` for seats 1 to 32
library Seats {
    /// @notice The seats 1 to `last`.
    function firstOf(uint256 last) internal pure returns (uint40) {
        return uint40((uint256(2) << last) - 2);
    }

    function has(uint40 seats, uint256 seat) internal pure returns (bool) {
        return (uint256(seats) >> seat) & 1 == 1;
    }

    function with(uint40 seats, uint256 seat) internal pure returns (uint40) {
        return uint40(seats | (uint256(1) << seat));
    }

    function without(uint40 seats, uint40 others) internal pure returns (uint40) {
        return seats & ~others;
    }

    function count(uint40 seats) internal pure returns (uint256 members) {
        for (uint256 rest = seats; rest != 0; rest &= rest - 1) members++;
    }

    /// @notice The `wanted` lowest of at least as many seats.
    function lowest(uint40 seats, uint256 wanted) internal pure returns (uint40) {
        uint256 rest = seats;
        for (uint256 i = 0; i < wanted; i++) rest &= rest - 1;
        return uint40(seats ^ rest);
    }
}

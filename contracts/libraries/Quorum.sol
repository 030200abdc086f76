// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Sizes of a committee, computed and never configured
/// @notice The same as `src/statements/quorum.ts`. Any two quorums share an honest member, and the honest members can sign alone.
library Quorum {
    /// @dev The smallest committee that tolerates a fault.
    uint256 internal constant MINIMUM_COMMITTEE = 4;
    /// @dev The smallest committee for open admission: with a fifth of the weight an attacker gets a threshold of seats in a year of
    /// daily epochs with a probability below 1e-5 (`npm run simulate -- sybil`).
    uint256 internal constant MINIMUM_OPEN_COMMITTEE = 31;
    /// @dev The largest committee whose dealing fits a transaction at a bearable price.
    uint256 internal constant MAXIMUM_COMMITTEE = 32;

    /// @dev The parameter `admission` of a mesh in which whoever stakes is a candidate.
    uint8 internal constant OPEN_ADMISSION = 1;

    /// @notice Whether a committee may have n seats where candidates are admitted in this way. Open sampling of smaller ones is captured
    /// sooner or later.
    function isSizeFor(uint8 admission, uint256 n) internal pure returns (bool) {
        return isSize(n) && (admission != OPEN_ADMISSION || n >= MINIMUM_OPEN_COMMITTEE);
    }

    /// @notice Whether a committee may have n seats.
    function isSize(uint256 n) internal pure returns (bool) {
        return n >= MINIMUM_COMMITTEE && n <= MAXIMUM_COMMITTEE;
    }

    /// @notice Members of n that may be faulty.
    function faults(uint256 n) internal pure returns (uint256) {
        return (n - 1) / 3;
    }

    /// @notice Shares that make a signature.
    function threshold(uint256 n) internal pure returns (uint256) {
        return (n + faults(n)) / 2 + 1;
    }

    /// @notice Acknowledgements that put a committee into office.
    function acknowledgements(uint256 n) internal pure returns (uint256) {
        return n - faults(n);
    }
}

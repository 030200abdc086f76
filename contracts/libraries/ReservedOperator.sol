// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Operators that say whose they are: they begin with `swarmkeep ` in ASCII (10 bytes)
/// @notice Those of devices ({DeviceOperator}), and those of members of a recovery whose own ones cannot be had: `swarmkeep of`, and the
/// account. Other operators are hashes. None of these is taken of anybody who could choose it.
library ReservedOperator {
    bytes32 private constant PREFIX = "swarmkeep ";
    uint256 private constant REST_BITS = 176;
    bytes32 private constant RECOVERY_PREFIX = "swarmkeep of";

    /// @notice The operator of this account alone, which a recovery gives it.
    function ofAccount(address account) internal pure returns (bytes32) {
        return RECOVERY_PREFIX | bytes32(uint256(uint160(account)));
    }

    /// @notice Whether the operator begins as only those do that say whose they are.
    function isReserved(bytes32 operator) internal pure returns (bool) {
        return (operator ^ PREFIX) >> REST_BITS == 0;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title The operator of a candidate that is a device: its index, readable
/// @notice `swarmkeep device` in ASCII (16 bytes), 8 zero bytes, and the index in 64 bits. The same as
/// `src/statements/device-operator.ts`. Other operators are hashes; this form is refused of anybody but a device ({ReservedOperator}).
library DeviceOperator {
    bytes32 internal constant PREFIX = "swarmkeep device";

    /// @notice The operator of the device with this index: one candidate per device follows from one per operator.
    function ofDevice(uint64 index) internal pure returns (bytes32) {
        return PREFIX | bytes32(uint256(index));
    }

    /// @notice The device's index.
    function indexOf(bytes32 operator) internal pure returns (uint64) {
        return uint64(uint256(operator));
    }
}

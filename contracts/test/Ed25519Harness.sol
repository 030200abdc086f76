// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Ed25519} from "../libraries/Ed25519.sol";

/// @title Calls the Ed25519 library as a contract that is linked to it does
contract Ed25519Harness {
    function isShareValid(
        bytes calldata commitments,
        uint256[] calldata xHints,
        uint256 seat,
        uint256 share
    ) external pure returns (bool) {
        return Ed25519.isShareValid(commitments, xHints, seat, share);
    }

    function provesUndecodable(bytes32 encoding, uint256 root) external pure returns (bool) {
        return Ed25519.provesUndecodable(encoding, root);
    }

    /// @notice The answer and the gas of the call to the library, calldata's copy and the first access to its account included.
    function measureIsShareValid(
        bytes calldata commitments,
        uint256[] calldata xHints,
        uint256 seat,
        uint256 share
    ) external view returns (bool valid, uint256 gasUsed) {
        uint256 before = gasleft();
        valid = Ed25519.isShareValid(commitments, xHints, seat, share);
        gasUsed = before - gasleft();
    }
}

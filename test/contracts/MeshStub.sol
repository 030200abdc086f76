// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IGroupKeys} from "../../contracts/interfaces/IGroupKeys.sol";
import {ITrustAnchor} from "../../contracts/interfaces/ITrustAnchor.sol";
import {BLS12381} from "../../contracts/libraries/BLS12381.sol";

/// @title Anchor and group keys that say yes: invariants are about what contracts do once everything was signed
contract MeshStub {
    bytes32 public constant meshId = "mesh";
    address public immutable ceremony = msg.sender;
    mapping(address account => bool) public isBound;
    ITrustAnchor.Parameters internal _parameters;

    constructor() {
        _parameters.minimumStake = 1 ether;
        _parameters.slashBps = 3_333;
        _parameters.unbondingSeconds = 1 days;
    }

    function parameters() external view returns (ITrustAnchor.Parameters memory) {
        return _parameters;
    }

    function minimumStake() external view returns (uint96) {
        return _parameters.minimumStake;
    }

    function verify(bytes32, BLS12381.G2Point calldata) external pure returns (bool) {
        return true;
    }

    function setBound(address account, bool bound) external {
        isBound[account] = bound;
    }

    function asAnchor() external view returns (ITrustAnchor) {
        return ITrustAnchor(address(this));
    }

    function asGroupKeys() external view returns (IGroupKeys) {
        return IGroupKeys(address(this));
    }
}

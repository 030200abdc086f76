// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IValidatorRegistry} from "../interfaces/IValidatorRegistry.sol";

/// @title A validator that withdraws again while it is being paid
contract StakeThief {
    IValidatorRegistry private immutable _registry;
    bool private _isThieving;

    constructor(IValidatorRegistry registry) {
        _registry = registry;
    }

    function register(IValidatorRegistry.Registration calldata registration) external payable {
        _registry.register{value: msg.value}(registration);
    }

    function exit() external {
        _registry.exit();
    }

    function withdraw(bool isThieving) external {
        _isThieving = isThieving;
        _registry.withdraw();
    }

    receive() external payable {
        if (_isThieving) _registry.withdraw();
    }
}

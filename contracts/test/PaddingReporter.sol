// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IEquivocations} from "../interfaces/IEquivocations.sol";
import {IValidatorRegistry} from "../interfaces/IValidatorRegistry.sol";

/// @title A reporter that makes its call longer than the evidence is
contract PaddingReporter {
    IValidatorRegistry private immutable _registry;

    error ReportRefused();

    constructor(IValidatorRegistry registry) {
        _registry = registry;
    }

    /// @notice Reports with `padding` zero bytes behind the evidence.
    function report(IEquivocations.Equivocation calldata shown, uint256 padding) external {
        bytes memory data = abi.encodeCall(IValidatorRegistry.reportEquivocation, (shown));
        (bool success, ) = address(_registry).call(bytes.concat(data, new bytes(padding)));
        if (!success) revert ReportRefused();
    }

    receive() external payable {}
}

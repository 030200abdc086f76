// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "./MeshContract.sol";
import {SwarmStatements} from "./SwarmStatements.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {ISwarmGoverned} from "./interfaces/ISwarmGoverned.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";

/// @title Base of the contracts that are deployed knowing the group keys
/// @dev Asking the anchor for them would cost each statement some 7,000 gas.
abstract contract SwarmGoverned is SwarmStatements, ISwarmGoverned {
    /// @inheritdoc ISwarmGoverned
    IGroupKeys public immutable groupKeys;

    constructor(ITrustAnchor anchor_, IGroupKeys groupKeys_) MeshContract(anchor_, anchor_.meshId()) {
        groupKeys = groupKeys_;
    }

    function _groupKeys() internal view override returns (IGroupKeys) {
        return groupKeys;
    }
}

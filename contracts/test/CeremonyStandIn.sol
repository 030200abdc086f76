// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {MeshContract} from "../MeshContract.sol";
import {IGroupKeys} from "../interfaces/IGroupKeys.sol";
import {IRotation} from "../interfaces/IRotation.sol";
import {ITrustAnchor} from "../interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "../interfaces/IValidatorRegistry.sol";

/// @title A ceremony that believes whoever calls it: lets a test put a committee into office, or slash, without one
contract CeremonyStandIn is MeshContract {
    IGroupKeys public immutable groupKeys;
    IValidatorRegistry public immutable registry;
    IRotation public immutable rotation;

    mapping(address account => bool) public isSeated;

    constructor(
        ITrustAnchor anchor_,
        IGroupKeys groupKeys_,
        IValidatorRegistry registry_,
        IRotation rotation_
    ) MeshContract(anchor_, anchor_.meshId()) {
        groupKeys = groupKeys_;
        registry = registry_;
        rotation = rotation_;
    }

    /// @notice Nobody is invited.
    function current() external pure returns (uint64) {
        return 0;
    }

    function install(IGroupKeys.Office calldata office) external {
        groupKeys.setOffice(office);
    }

    function seat(address account, bool isSeated_) external {
        isSeated[account] = isSeated_;
    }

    function slash(address account, IValidatorRegistry.Offence offence) external {
        registry.slash(account, offence);
    }
}

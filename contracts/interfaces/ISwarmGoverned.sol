// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IGroupKeys} from "./IGroupKeys.sol";
import {ISwarmStatements} from "./ISwarmStatements.sol";

/// @title What every contract has that was deployed knowing the group keys
interface ISwarmGoverned is ISwarmStatements {
    /// @notice The keys that the swarm's signatures are checked with: those that the genesis names.
    function groupKeys() external view returns (IGroupKeys);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {IMeshContract} from "../interfaces/IMeshContract.sol";
import {IRevocationList} from "../interfaces/IRevocationList.sol";
import {IRotation} from "../interfaces/IRotation.sol";
import {ISwarmGoverned} from "../interfaces/ISwarmGoverned.sol";
import {ITrustAnchor} from "../interfaces/ITrustAnchor.sol";
import {Quorum} from "./Quorum.sol";

/// @title What the ledger can check of a genesis before it believes the root CA
/// @notice A signed mistake would be final, so a genesis that cannot work is refused. Members and registrars are checked by the
/// contracts that take them. Called by the anchor itself.
library GenesisRules {
    /// @dev The most candidates at genesis, so that they fit one transaction; more are admitted by the swarm.
    uint256 internal constant MAXIMUM_MEMBERS = 128;

    uint256 private constant BASIS_POINTS = 10_000;
    /// @dev A ceremony has four phases with a deadline.
    uint256 private constant PHASES = 4;
    /// @dev More than a getter of an immutable needs, whatever is deployed there.
    uint256 private constant GETTER_GAS = 30_000;

    /// @notice Reverts with an error of {ITrustAnchor} that names what cannot work.
    function check(ITrustAnchor.Genesis calldata genesis) internal view {
        _checkParameters(genesis.parameters);
        uint256 seats = genesis.parameters.committeeSize;
        uint256 members = genesis.members.length;
        if (members < seats || members > MAXIMUM_MEMBERS) {
            revert ITrustAnchor.InvalidMemberCount(members, seats, MAXIMUM_MEMBERS);
        }
        _checkContracts(genesis.contracts);
    }

    function _checkParameters(ITrustAnchor.Parameters calldata p) private pure {
        _require(p.admission <= Quorum.OPEN_ADMISSION, "admission", p.admission);
        _require(Quorum.isSizeFor(p.admission, p.committeeSize), "committeeSize", p.committeeSize);
        _require(p.slashBps != 0 && p.slashBps <= BASIS_POINTS, "slashBps", p.slashBps);
        _require(p.minimumStake != 0, "minimumStake", p.minimumStake);
        _require(p.phaseSeconds != 0, "phaseSeconds", p.phaseSeconds);
        _require(p.tickSeconds != 0, "tickSeconds", p.tickSeconds);
        _require(p.headSeconds != 0 && p.headSeconds % p.tickSeconds == 0, "headSeconds", p.headSeconds);
        _require(p.headLifetimeSeconds >= p.headSeconds, "headLifetimeSeconds", p.headLifetimeSeconds);
        // Who leaves stays slashable for whatever it took part in.
        _require(
            p.unbondingSeconds > PHASES * p.phaseSeconds + p.headLifetimeSeconds + p.probationSeconds,
            "unbondingSeconds",
            p.unbondingSeconds
        );
        _require(p.certificatePeriodSeconds != 0, "certificatePeriodSeconds", p.certificatePeriodSeconds);
        _require(p.recoverySeconds != 0, "recoverySeconds", p.recoverySeconds);
        _require(p.rewardBps <= BASIS_POINTS, "rewardBps", p.rewardBps);
        if (p.epochSeconds == 0) return;
        // A committee that does all it should must be able to pass its probation: its last head is up to `probationHeads` away, and what
        // follows, finality, a signature and a transaction, fits into a phase as it does in a ceremony.
        _require(p.probationHeads != 0, "probationHeads", p.probationHeads);
        uint256 probation;
        unchecked {
            // Of 8 and 32 bits.
            probation = uint256(p.probationHeads) * p.headSeconds + p.phaseSeconds;
        }
        _require(p.probationSeconds >= probation, "probationSeconds", p.probationSeconds);
    }

    function _require(bool isSane, string memory parameter, uint256 value) private pure {
        if (!isSane) revert ITrustAnchor.InvalidParameter(parameter, value);
    }

    function _checkContracts(ITrustAnchor.Contracts calldata c) private view {
        address[6] memory all = [c.registry, c.ceremony, c.groupKeys, c.fleets, c.revocations, c.rotation];
        for (uint256 i = 0; i < all.length; i++) {
            address account = all[i];
            // The anchor is none of its own contracts.
            if (account == address(this)) revert ITrustAnchor.NotOfThisMesh(account);
            for (uint256 j = 0; j < i; j++) if (account == all[j]) revert ITrustAnchor.NotOfThisMesh(account);
            _requireKnows(account, IMeshContract.anchor.selector, address(this));
        }
        _requireKnows(c.registry, ISwarmGoverned.groupKeys.selector, c.groupKeys);
        _requireKnows(c.ceremony, IKeyCeremony.groupKeys.selector, c.groupKeys);
        _requireKnows(c.ceremony, IKeyCeremony.registry.selector, c.registry);
        _requireKnows(c.fleets, ISwarmGoverned.groupKeys.selector, c.groupKeys);
        _requireKnows(c.revocations, ISwarmGoverned.groupKeys.selector, c.groupKeys);
        _requireKnows(c.revocations, IRevocationList.fleets.selector, c.fleets);
        _requireKnows(c.rotation, ISwarmGoverned.groupKeys.selector, c.groupKeys);
        _requireKnows(c.rotation, IRotation.registry.selector, c.registry);
        _requireKnows(c.ceremony, IKeyCeremony.rotation.selector, c.rotation);
    }

    /// @dev There is a contract, and its `getter` names `expected`.
    function _requireKnows(address account, bytes4 getter, address expected) private view {
        (bool success, bytes memory answer) = account.staticcall{gas: GETTER_GAS}(abi.encodeWithSelector(getter));
        if (!success || answer.length != 32 || uint256(bytes32(answer)) != uint160(expected)) {
            revert ITrustAnchor.NotOfThisMesh(account);
        }
    }
}

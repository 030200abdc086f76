// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {FleetRegistry} from "../../contracts/FleetRegistry.sol";
import {RevocationList} from "../../contracts/RevocationList.sol";
import {IFleetRegistry} from "../../contracts/interfaces/IFleetRegistry.sol";
import {BLS12381} from "../../contracts/libraries/BLS12381.sol";
import {MeshStub} from "./MeshStub.sol";

/// @notice A registrar and a swarm that do what they may, at random, and keep count.
contract FleetsHandler {
    uint64 internal constant BUDGET = 100_000;
    uint32 internal constant WORDS = 512;

    FleetRegistry public immutable fleets;
    RevocationList public immutable revocations;
    uint64 public registered;
    bool public everShrank;
    bool public everOverlapped;
    uint64 private _fleetId;
    uint64 private _end;
    uint256 private _nonce;
    IFleetRegistry.Batch private _last;
    BLS12381.G2Point private _signature;

    constructor() {
        MeshStub stub = new MeshStub();
        fleets = new FleetRegistry(stub.asAnchor(), stub.asGroupKeys());
        revocations = new RevocationList(stub.asAnchor(), stub.asGroupKeys(), fleets);
        string[] memory scopes = new string[](1);
        scopes[0] = "grp:city";
        fleets.giveGrant(
            IFleetRegistry.Grant(address(this), scopes, BUDGET, 0, uint64(block.timestamp + 365 days), 0),
            _signature
        );
        IFleetRegistry.Policy memory policy = IFleetRegistry.Policy(scopes, 3600, 1, 1, 0);
        _fleetId = fleets.registerFleet(1, scopes, policy, bytes32(uint256(1)), 0, 1);
        registered = 1;
        _end = 1;
        _last = IFleetRegistry.Batch(_fleetId, 0, bytes32(uint256(1)), 0, 1);
    }

    function append(uint64 count) external {
        count = count % (BUDGET / 4);
        uint64 base = ((fleets.nextIndex() + 255) / 256) * 256;
        try fleets.appendBatch(_fleetId, bytes32(uint256(2)), base, count) returns (uint32 batch) {
            if (base < _end || base % 256 != 0) everOverlapped = true;
            registered += count;
            _end = base + count;
            _last = IFleetRegistry.Batch(_fleetId, batch, bytes32(uint256(2)), base, count);
        } catch {}
    }

    function revoke(uint32 word, uint256 mask) external {
        (uint32[] memory words, uint256[] memory masks) = _entry(word % WORDS, mask);
        uint256 before = revocations.revoked(words[0]);
        try revocations.revoke(words, masks, 1, uint64(block.timestamp + ++_nonce), _signature) {
            uint256 present = revocations.revoked(words[0]);
            if (before & ~present != 0 || present != before | mask) everShrank = true;
        } catch {
            if (revocations.revoked(words[0]) != before) everShrank = true;
        }
    }

    function hold(uint32 word, uint256 mask, bool release) external {
        uint32 first = uint32(_last.base / 256);
        (uint32[] memory words, uint256[] memory masks) = _entry(first + (word % 4), mask);
        uint256 before = revocations.revoked(words[0]);
        if (release) try revocations.release(_last, words, masks) {} catch {}
        else try revocations.hold(_last, words, masks) {} catch {}
        if (revocations.revoked(words[0]) != before) everShrank = true;
    }

    function budget() external pure returns (uint64) {
        return BUDGET;
    }

    function end() external view returns (uint64) {
        return _end;
    }

    function _entry(uint32 word, uint256 mask) private pure returns (uint32[] memory words, uint256[] memory masks) {
        (words, masks) = (new uint32[](1), new uint256[](1));
        (words[0], masks[0]) = (word, mask);
    }
}

/// @notice What holds whatever registrars and swarm do: budgets, allocation, and a list that forgets nothing.
contract FleetsInvariantTest {
    FleetsHandler private _handler;

    function setUp() public {
        _handler = new FleetsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_budgetIsNeverExceeded() public view {
        (, , uint64 remaining, , ) = _handler.fleets().grantOf(1);
        assert(_handler.registered() + remaining == _handler.budget());
    }

    function invariant_batchesNeverShareAWord() public view {
        assert(!_handler.everOverlapped());
        assert(_handler.fleets().nextIndex() == _handler.end());
    }

    function invariant_finalRevocationsOnlyGrow() public view {
        assert(!_handler.everShrank());
    }

    function invariant_nothingIsRevokedThatWasNotAllocated() public view {
        uint64 end = _handler.end();
        uint32 word = uint32(end / 256);
        assert(_handler.revocations().effective(word) >> (end % 256) == 0);
        assert(_handler.revocations().effective(word + 1) == 0);
    }
}

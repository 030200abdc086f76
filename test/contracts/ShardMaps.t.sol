// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {FleetRegistry} from "../../contracts/FleetRegistry.sol";
import {ShardMap} from "../../contracts/ShardMap.sol";
import {IFleetRegistry} from "../../contracts/interfaces/IFleetRegistry.sol";
import {IShardMap} from "../../contracts/interfaces/IShardMap.sol";
import {BLS12381} from "../../contracts/libraries/BLS12381.sol";
import {CHEATS} from "./Cheats.sol";
import {MeshStub} from "./MeshStub.sol";

/// @notice A registrar that rotates, shortens and invalidates at random while time goes on, and looks back.
contract ShardMapsHandler {
    ShardMap public immutable shards;
    bool public everCameBack;
    bool public everGrew;
    uint32 public versions;
    uint256 private _now = block.timestamp;
    mapping(uint32 version => bool over) private _wasOver;
    BLS12381.G2Point private _signature;

    constructor() {
        MeshStub stub = new MeshStub();
        FleetRegistry fleets = new FleetRegistry(stub.asAnchor(), stub.asGroupKeys());
        shards = ShardMap(fleets.shards());
        string[] memory scopes = new string[](1);
        scopes[0] = "grp:city";
        uint64 expiry = uint64(block.timestamp + 3650 days);
        fleets.giveGrant(IFleetRegistry.Grant(address(this), scopes, 10, 0, expiry, 0), _signature);
        fleets.registerFleet(1, scopes, IFleetRegistry.Policy(scopes, 3600, 1, 1, 0), bytes32(uint256(1)), 0, 10);
    }

    function rotate(uint32 from, uint32 length, uint32 grace, uint8 shardCount) external {
        uint48 validFrom = uint48(_now + (from % 1 days));
        IShardMap.Map memory map = IShardMap.Map({
            version: versions + 1,
            scheme: 1,
            threshold: shardCount,
            shards: shardCount,
            replicas: 3,
            validFrom: validFrom,
            validUntil: validFrom + (length % 30 days),
            graceSeconds: grace % 1 days,
            rotationSeconds: 1,
            root: bytes32(uint256(1))
        });
        try shards.rotate(1, map, hex"80") {
            versions++;
        } catch {}
        _look();
    }

    function shorten(uint32 version, uint32 until, uint32 grace) external {
        version = versions == 0 ? 1 : (version % versions) + 1;
        (IShardMap.Map memory before, , ) = shards.mapOf(1, 0, version);
        try shards.shorten(1, 0, version, uint48(_now + until), grace) {
            (IShardMap.Map memory present, , ) = shards.mapOf(1, 0, version);
            if (present.validUntil > before.validUntil || present.graceSeconds > before.graceSeconds) everGrew = true;
        } catch {}
        _look();
    }

    function invalidate(uint32 version) external {
        version = versions == 0 ? 1 : (version % versions) + 1;
        try shards.invalidate(1, 0, version) {} catch {}
        _look();
    }

    function wait_(uint32 length) external {
        _now += length % 2 days;
        CHEATS.warp(_now);
        _look();
    }

    /// @dev What is over stays over.
    function _look() private {
        for (uint32 version = 1; version <= versions; version++) {
            IShardMap.Status status = shards.statusAt(1, 0, version, _now);
            bool isOver = status == IShardMap.Status.Ended || status == IShardMap.Status.Invalidated;
            if (_wasOver[version] && !isOver) everCameBack = true;
            _wasOver[version] = isOver;
        }
    }
}

/// @notice Versions that are over never come back, and nothing makes one last longer.
contract ShardMapsTest {
    ShardMapsHandler private _handler;

    function setUp() external {
        _handler = new ShardMapsHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_versionsThatAreOverStayOver() external view {
        require(!_handler.everCameBack(), "a version came back");
    }

    function invariant_versionsOnlyGetShorter() external view {
        require(!_handler.everGrew(), "a version got longer");
    }

    function invariant_latestVersionIsTheNumberOfRotations() external view {
        require(_handler.shards().latestVersion(1, 0) == _handler.versions(), "a version is missing");
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {RewardPool} from "../../contracts/RewardPool.sol";
import {IMeasurement} from "../../contracts/interfaces/IMeasurement.sol";
import {CHEATS} from "./Cheats.sol";
import {MeshStub} from "./MeshStub.sol";

/// @notice A mesh with rewards.
contract RewardingMesh is MeshStub {
    constructor(uint16 rewardBps) {
        _parameters.rewardBps = rewardBps;
        (_parameters.epochSeconds, _parameters.probesPerEpoch) = (1, 1);
    }
}

/// @notice Payers, epochs and members at random, measured as the fuzzer likes; counts what went in and out.
contract RewardHandler {
    RewardPool public immutable pool;
    uint256 public paidIn;
    uint256 public claimed;
    address[] private _accounts;
    uint128 private _classes;

    constructor() {
        pool = new RewardPool(new RewardingMesh(1_234).asAnchor(), IMeasurement(address(this)));
        for (uint160 i = 0; i < 7; i++) _accounts.push(address(0x10000 + i));
    }

    /// @dev In the place of the measurement.
    function participation(uint64) external view returns (bool, uint128, bytes32) {
        return (true, _classes, keccak256(abi.encode(_accounts)));
    }

    /// @dev The handler is all contracts that the pool asks: the epoch in office is the next to be paid.
    function groupKeys() external view returns (address) {
        return address(this);
    }

    function epoch() external view returns (uint64) {
        return pool.lastEpoch() + 1;
    }

    function pay(uint96 value, uint64 grantId) external {
        CHEATS.deal(address(this), value);
        try pool.payIn{value: value}(grantId) {
            paidIn += value;
        } catch {}
    }

    function allot(uint128 classes) external {
        _classes = classes;
        pool.allot(pool.lastEpoch() + 1, _accounts);
    }

    function claim(uint256 which) external {
        address account = _accounts[which % _accounts.length];
        uint256 before = account.balance;
        CHEATS.prank(account);
        try pool.claim() {} catch {}
        claimed += account.balance - before;
    }

    function owedToAll() external view returns (uint256 sum) {
        for (uint256 i = 0; i < _accounts.length; i++) sum += pool.owed(_accounts[i]);
    }
}

/// @notice No wei appears or is lost: paid in = claimed + owed + unallotted, and the pool has just the last two.
contract RewardInvariantTest {
    RewardHandler private _handler;

    function setUp() public {
        _handler = new RewardHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_paidInIsClaimedOwedAndUnallotted() public view {
        RewardPool pool = _handler.pool();
        uint256 rest = pool.totalOwed() + pool.unallotted();
        assert(_handler.paidIn() == _handler.claimed() + rest);
        assert(address(pool).balance == rest);
    }

    function invariant_totalOwedIsTheSumOfWhatIsOwed() public view {
        assert(_handler.owedToAll() == _handler.pool().totalOwed());
    }
}

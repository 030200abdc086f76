// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {ValidatorRegistry} from "../../contracts/ValidatorRegistry.sol";
import {IValidatorRegistry} from "../../contracts/interfaces/IValidatorRegistry.sol";
import {BLS12381} from "../../contracts/libraries/BLS12381.sol";
import {TlsKey} from "../../contracts/libraries/TlsKeys.sol";
import {CHEATS} from "./Cheats.sol";
import {MeshStub} from "./MeshStub.sol";

/// @notice A registry that takes any proof that keys are held: the money is what is tried here.
contract OpenRegistry is ValidatorRegistry {
    constructor(MeshStub stub) ValidatorRegistry(stub.asAnchor(), stub.asGroupKeys()) {}

    function _provesPossession(
        bytes32,
        BLS12381.G1Point calldata,
        BLS12381.G2Point calldata
    ) internal pure override returns (bool) {
        return true;
    }

    function _provesTlsPossession(bytes32, TlsKey calldata) internal pure override returns (bool) {
        return true;
    }
}

/// @notice Validators that stake, leave and are slashed at random; counts what went in and out.
contract StakeHandler {
    OpenRegistry public immutable registry;
    MeshStub private immutable _stub = new MeshStub();
    /// @dev When a seat bound the account last.
    mapping(address account => uint256 time) private _boundUntil;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 private _serial;
    address[] private _accounts;
    BLS12381.G2Point private _signature;

    constructor() {
        registry = new OpenRegistry(_stub);
    }

    function join(uint96 value) external {
        uint256 serial = ++_serial;
        address account = address(uint160(0x10000 + serial));
        registry.admit(account, bytes32(serial), type(uint64).max, _signature);
        CHEATS.deal(account, value);
        IValidatorRegistry.Registration memory registration;
        registration.blsKey.xLo = serial;
        registration.tlsKey.x = bytes32(serial);
        registration.endpoint = "e:1";
        registration.scope = "grp:city";
        CHEATS.prank(account);
        try registry.register{value: value}(registration) {
            paidIn += value;
            _accounts.push(account);
        } catch {}
    }

    function add(uint256 which, uint64 value) external {
        address account = _pick(which);
        CHEATS.deal(account, account.balance + value);
        CHEATS.prank(account);
        try registry.addStake{value: value}() {
            paidIn += value;
        } catch {}
    }

    function depart(uint256 which) external {
        CHEATS.prank(_pick(which));
        try registry.exit() {} catch {}
    }

    /// @dev A seat is given to none that is leaving.
    function seat(uint256 which) external {
        address account = _pick(which);
        if (registry.validator(account).state == IValidatorRegistry.State.Active) _stub.setBound(account, true);
    }

    function unseat(uint256 which, uint32 later) external {
        CHEATS.warp(block.timestamp + later);
        address account = _pick(which);
        if (_stub.isBound(account)) _boundUntil[account] = block.timestamp;
        _stub.setBound(account, false);
    }

    function withdraw(uint256 which, uint32 later) external {
        CHEATS.warp(block.timestamp + later);
        address account = _pick(which);
        uint256 before = account.balance;
        CHEATS.prank(account);
        try registry.withdraw() {} catch {}
        uint256 paid = account.balance - before;
        paidOut += paid;
        // Until then evidence about what it did in its seat may come.
        if (paid != 0) assert(!_stub.isBound(account) && block.timestamp >= _boundUntil[account] + 1 days);
    }

    function slash(uint256 which, uint8 offence) external {
        registry.slash(_pick(which), IValidatorRegistry.Offence(offence % 3));
    }

    function _pick(uint256 which) private view returns (address) {
        return _accounts.length == 0 ? address(1) : _accounts[which % _accounts.length];
    }
}

/// @notice No wei appears or is lost: stake in = out + burnt + held, and the contract has just the last two.
contract StakeInvariantTest {
    StakeHandler private _handler;

    function setUp() public {
        _handler = new StakeHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function invariant_stakeInIsStakeOutBurntAndHeld() public view {
        OpenRegistry registry = _handler.registry();
        uint256 rest = registry.totalStake() + registry.totalBurnt();
        assert(_handler.paidIn() == _handler.paidOut() + rest);
        assert(address(registry).balance == rest);
    }

    function invariant_totalStakeIsTheSumOfStakes() public view {
        OpenRegistry registry = _handler.registry();
        address[] memory all = registry.candidates();
        uint256 sum;
        for (uint256 i = 0; i < all.length; i++) sum += registry.validator(all[i]).stake;
        assert(sum == registry.totalStake());
    }
}

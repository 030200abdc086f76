// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Equivocations} from "./Equivocations.sol";
import {SwarmGoverned} from "./SwarmGoverned.sol";
import {IFleetRegistry} from "./interfaces/IFleetRegistry.sol";
import {IGenerations} from "./interfaces/IGenerations.sol";
import {IGroupKeys} from "./interfaces/IGroupKeys.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IRevocationList} from "./interfaces/IRevocationList.sol";
import {ITrustAnchor} from "./interfaces/ITrustAnchor.sol";
import {IValidatorRegistry} from "./interfaces/IValidatorRegistry.sol";
import {BLS12381} from "./libraries/BLS12381.sol";
import {DeviceOperator} from "./libraries/DeviceOperator.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {ReservedOperator} from "./libraries/ReservedOperator.sol";
import {Scope} from "./libraries/Scope.sol";
import {Statements} from "./libraries/Statements.sol";
import {SumTree} from "./libraries/SumTree.sol";
import {TlsKey} from "./libraries/TlsKeys.sol";

/// @title What {IValidatorRegistry} says
contract ValidatorRegistry is IValidatorRegistry, Equivocations, ReentrancyGuardTransient {
    uint256 private constant BASIS_POINTS = 10_000;
    uint256 private constant MAXIMUM_ENDPOINT = 255;
    /// @dev 1 in each byte.
    uint256 private constant EACH_BYTE = type(uint256).max / 255;
    /// @dev What a missing dealing costs of a bad one: it may have been an outage.
    uint256 private constant MISSING_DEALING_DIVISOR = 4;
    /// @dev What any transaction costs, and what a byte of its data costs at least.
    uint256 private constant TRANSACTION_GAS = 21_000;
    uint256 private constant DATA_GAS = 4;
    /// @dev Bytes of a call with the longest evidence: the selector, 16 words around two votes, and 6 words in each.
    uint256 private constant MAXIMUM_EVIDENCE = 4 + 32 * (16 + 2 * 6);

    /// @inheritdoc IValidatorRegistry
    mapping(bytes32 operator => address account) public candidateOf;

    mapping(address account => Validator validator) private _validators;
    /// @dev One slot for both, since slashing moves wei from one to the other, within a complaint's budget of gas. All wei there
    /// are fit into 96 bits.
    uint128 private _totalStake;
    uint128 private _totalBurnt;
    mapping(bytes32 keyHash => bool taken) private _blsKeyTaken;
    mapping(bytes32 tlsPin => address account) private _tlsPinOwner;
    address[] private _candidates;

    constructor(ITrustAnchor anchor_, IGroupKeys groupKeys_) SwarmGoverned(anchor_, groupKeys_) {}

    /// @inheritdoc IValidatorRegistry
    function acceptGenesis(ITrustAnchor.Member[] calldata members) external onlyAnchor {
        for (uint256 i = 0; i < members.length; i++) _admit(members[i].account, members[i].operator);
    }

    /// @inheritdoc IValidatorRegistry
    function acceptRecovery(ITrustAnchor.Member[] calldata members) external {
        address generations = IKeyCeremony(anchor.ceremony()).generations();
        address recovery = address(IGenerations(generations).recovery());
        if (msg.sender != recovery) revert WrongCaller(msg.sender, recovery);

        for (uint256 i = 0; i < members.length; i++) {
            (address account, bytes32 operator) = (members[i].account, members[i].operator);
            if (_validators[account].state != State.None) continue;
            if (operator == 0 || candidateOf[operator] != address(0) || ReservedOperator.isReserved(operator)) {
                operator = ReservedOperator.ofAccount(account);
            }
            _enter(account, operator);
        }
    }

    /// @inheritdoc IValidatorRegistry
    function admit(address account, bytes32 operator, uint64 expiry, BLS12381.G2Point calldata signature) external {
        _takeOnce(Statements.admission(account, operator, expiry), expiry, signature);

        _admit(account, operator);
    }

    /// @inheritdoc IValidatorRegistry
    function admitDevice(
        IFleetRegistry.Batch calldata batch,
        uint64 index,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external {
        _takeOnce(Statements.deviceAdmission(msg.sender, index, expiry), expiry, signature);
        IFleetRegistry(anchor.fleets()).takeCandidate(batch, index);

        _enter(msg.sender, DeviceOperator.ofDevice(index)).isDevice = true;
    }

    /// @inheritdoc IValidatorRegistry
    function register(Registration calldata registration) external payable {
        if (_validators[msg.sender].state == State.None && _isOpen()) {
            // More have no place in the draw, and would be staked for nothing.
            if (_candidates.length >= SumTree.CAPACITY) revert TooManyCandidates(SumTree.CAPACITY);
            _enter(msg.sender, keccak256(abi.encode(msg.sender)));
        }
        Validator storage self = _requireState(State.Admitted);
        uint256 minimum = anchor.minimumStake();
        if (msg.value < minimum || msg.value > type(uint96).max) revert InvalidStake(msg.value, minimum);
        bytes32 keyHash = _takeBlsKey(registration.blsKey, registration.possession);
        bytes32 tlsPin = registration.tlsKey.pin();
        _takeTlsPin(tlsPin, registration.tlsKey);

        self.state = State.Active;
        self.stake = uint96(msg.value);
        self.blsKeyHash = keyHash;
        self.tlsPin = tlsPin;
        _setReach(self, registration.endpoint, registration.scope);
        _totalStake += uint128(msg.value);
        emit ValidatorRegistered(
            msg.sender,
            registration.blsKey,
            tlsPin,
            registration.endpoint,
            registration.scope,
            msg.value
        );
    }

    /// @inheritdoc IValidatorRegistry
    function update(TlsKey calldata tlsKey, string calldata endpoint, string calldata scope) external {
        Validator storage self = _requireState(State.Active);
        bytes32 tlsPin = tlsKey.pin();

        if (tlsPin != self.tlsPin) {
            _takeTlsPin(tlsPin, tlsKey);
            self.tlsPin = tlsPin;
        }
        _setReach(self, endpoint, scope);
        emit ValidatorUpdated(msg.sender, tlsPin, endpoint, scope);
    }

    /// @inheritdoc IValidatorRegistry
    function addStake() external payable {
        Validator storage self = _requireState(State.Active);
        uint256 stake = self.stake + msg.value;
        if (msg.value == 0 || stake > type(uint96).max) revert InvalidStake(msg.value, 1);

        self.stake = uint96(stake);
        _totalStake += uint128(msg.value);
        emit StakeAdded(msg.sender, msg.value, stake);
    }

    /// @inheritdoc IValidatorRegistry
    function exit() external {
        Validator storage self = _requireState(State.Active);

        self.state = State.Exiting;
        if (groupKeys.isBound(msg.sender)) emit ExitStarted(msg.sender, 0);
        else _startUnbonding(self);
    }

    /// @inheritdoc IValidatorRegistry
    function withdraw() external nonReentrant {
        Validator storage self = _requireState(State.Exiting);
        if (groupKeys.isBound(msg.sender)) revert InOffice(msg.sender);
        // What it did last while it was bound can be shown for an unbonding time from now on, or less.
        if (self.withdrawable == 0) return _startUnbonding(self);
        if (block.timestamp < self.withdrawable) revert StillBonded(self.withdrawable, block.timestamp);

        uint256 amount = self.stake;
        self.state = State.Exited;
        self.stake = 0;
        _totalStake -= uint128(amount);
        // The operator may come back with another account; its keys are spent.
        delete candidateOf[self.operator];
        emit StakeWithdrawn(msg.sender, amount);

        (bool success, ) = msg.sender.call{value: amount}("");
        if (!success) revert TransferFailed(msg.sender, amount);
    }

    /// @inheritdoc IValidatorRegistry
    function slash(address account, Offence offence) external onlyCeremony returns (uint256 burnt) {
        return _slash(account, offence);
    }

    /// @inheritdoc IValidatorRegistry
    function reportEquivocation(Equivocation calldata shown) external nonReentrant returns (uint256 burnt) {
        uint256 gasBefore = gasleft();
        address account = _tlsPinOwner[_judge(shown)];
        uint256 lost = account == address(0) ? 0 : _slash(account, Offence.Equivocation);
        if (lost == 0) revert NothingAtStake(account);
        uint64 until = uint64(block.timestamp) + anchor.parameters().unbondingSeconds;
        _validators[account].jailedUntil = until;
        emit Jailed(account, until);

        // At the base fee, which the chain burns: nobody gets stake back by showing its own evidence. Where gas is estimated there
        // is none, and the estimate has to be of the same steps. What a contract calls with is in its memory, where a byte costs
        // next to nothing, and one transaction may report often.
        uint256 gasSpent = gasBefore - gasleft();
        if (msg.sender == tx.origin && msg.sender.code.length == 0) {
            gasSpent += TRANSACTION_GAS + DATA_GAS * Math.min(msg.data.length, MAXIMUM_EVIDENCE);
        }
        uint256 share = Math.min(lost, gasSpent * Math.max(block.basefee, 1));
        _totalBurnt -= uint128(share);
        (bool success, ) = msg.sender.call{value: share}("");
        if (!success) revert TransferFailed(msg.sender, share);
        emit ReporterPaid(msg.sender, share);
        return lost - share;
    }

    /// @inheritdoc IValidatorRegistry
    function unjail() external {
        Validator storage self = _requireState(State.Active);
        uint64 until = self.jailedUntil;
        if (until == 0 || block.timestamp < until) revert NotReleased(until, block.timestamp);

        self.jailedUntil = 0;
        emit Unjailed(msg.sender);
    }

    /// @inheritdoc IValidatorRegistry
    function eligibleAmong(address[] calldata accounts) external view returns (uint256 eligible) {
        uint256 minimumStake = anchor.minimumStake();
        for (uint256 i = 0; i < accounts.length; i++) if (_isEligible(accounts[i], minimumStake)) eligible |= 1 << i;
    }

    /// @inheritdoc IValidatorRegistry
    function stakeAt(uint256 position) external view returns (address account, uint256 stake) {
        account = _candidates[position];
        stake = _isEligible(account, anchor.minimumStake()) ? _validators[account].stake : 0;
    }

    /// @inheritdoc IValidatorRegistry
    function validator(address account) external view returns (Validator memory) {
        return _validators[account];
    }

    /// @inheritdoc IValidatorRegistry
    function tlsPinOwner(bytes32 tlsPin) external view returns (address) {
        return _tlsPinOwner[tlsPin];
    }

    /// @inheritdoc IValidatorRegistry
    function totalStake() external view returns (uint256) {
        return _totalStake;
    }

    /// @inheritdoc IValidatorRegistry
    function totalBurnt() external view returns (uint256) {
        return _totalBurnt;
    }

    /// @inheritdoc IValidatorRegistry
    function candidates() external view returns (address[] memory) {
        return _candidates;
    }

    /// @inheritdoc IValidatorRegistry
    function candidateCount() external view returns (uint256) {
        return _candidates.length;
    }

    /// @inheritdoc IValidatorRegistry
    function candidatesAt(uint16[] calldata positions) external view returns (address[] memory accounts) {
        accounts = new address[](positions.length);
        for (uint256 i = 0; i < positions.length; i++) accounts[i] = _candidates[positions[i]];
    }

    /// @dev Of who is bound no more, and never will be again: whoever is exiting is given no seat.
    function _startUnbonding(Validator storage self) private {
        uint64 withdrawable = uint64(block.timestamp) + anchor.parameters().unbondingSeconds;
        self.withdrawable = withdrawable;
        emit ExitStarted(msg.sender, withdrawable);
    }

    /// @dev Until a reporter is paid, all that is lost is burnt.
    function _slash(address account, Offence offence) private returns (uint256 lost) {
        Validator storage offender = _validators[account];
        uint256 stake = offender.stake;
        if (stake == 0) return 0;
        lost = (stake * anchor.parameters().slashBps) / BASIS_POINTS;
        if (offence == Offence.MissingDealing) lost /= MISSING_DEALING_DIVISOR;

        offender.stake = uint96(stake - lost);
        _totalStake -= uint128(lost);
        _totalBurnt += uint128(lost);
        emit Slashed(account, offence, lost, stake - lost);
    }

    function _admit(address account, bytes32 operator) private {
        if (account == address(0) || operator == 0 || ReservedOperator.isReserved(operator)) {
            revert InvalidMember(account, operator);
        }
        _enter(account, operator);
    }

    function _enter(address account, bytes32 operator) private returns (Validator storage candidate) {
        candidate = _validators[account];
        if (candidate.state != State.None) revert WrongState(account, candidate.state, State.None);
        if (candidateOf[operator] != address(0)) revert OperatorTaken(operator, candidateOf[operator]);

        candidate.state = State.Admitted;
        candidate.operator = operator;
        candidateOf[operator] = account;
        _candidates.push(account);
        emit ValidatorAdmitted(account, operator);
    }

    /// @dev Not before the genesis members have made the keys: whoever staked faster than they would be the first committee.
    function _isOpen() private view returns (bool) {
        return anchor.parameters().admission == Quorum.OPEN_ADMISSION && groupKeys.epoch() != 0;
    }

    function _isEligible(address account, uint256 minimumStake) private view returns (bool) {
        Validator storage candidate = _validators[account];
        if (candidate.state != State.Active || candidate.jailedUntil != 0) return false;
        if (candidate.isDevice && _isRevoked(DeviceOperator.indexOf(candidate.operator))) return false;
        return 2 * uint256(candidate.stake) >= minimumStake;
    }

    function _isRevoked(uint64 index) private view returns (bool) {
        return IRevocationList(anchor.revocations()).isRevoked(index);
    }

    function _requireState(State expected) private view returns (Validator storage self) {
        self = _validators[msg.sender];
        if (self.state != expected) revert WrongState(msg.sender, self.state, expected);
    }

    function _takeBlsKey(
        BLS12381.G1Point calldata key,
        BLS12381.G2Point calldata possession
    ) private returns (bytes32 keyHash) {
        keyHash = keccak256(abi.encode(key));
        if (_blsKeyTaken[keyHash]) revert BlsKeyTaken(keyHash);
        if (!_provesPossession(keyHash, key, possession)) revert InvalidPossession(msg.sender, keyHash);

        _blsKeyTaken[keyHash] = true;
    }

    /// @dev The statement names the account and, by its domain, this mesh and contract: a copied proof proves nothing.
    function _provesPossession(
        bytes32 keyHash,
        BLS12381.G1Point calldata key,
        BLS12381.G2Point calldata possession
    ) internal view virtual returns (bool) {
        bytes32 digest = _digest(Statements.proofOfPossession(msg.sender, keyHash));
        return BLS12381.verify(key, digest, bytes(Statements.DST_POSSESSION), possession);
    }

    /// @dev A pin is never free again: evidence signed by the old key must keep naming its one owner.
    function _takeTlsPin(bytes32 tlsPin, TlsKey calldata key) private {
        if (_tlsPinOwner[tlsPin] != address(0)) revert TlsPinTaken(tlsPin);
        if (!_provesTlsPossession(tlsPin, key)) revert InvalidTlsPossession(msg.sender, tlsPin);

        _tlsPinOwner[tlsPin] = msg.sender;
    }

    /// @dev As with the BLS key: a signature seen in somebody's transaction is of no use to another account.
    function _provesTlsPossession(bytes32 tlsPin, TlsKey calldata key) internal view virtual returns (bool) {
        return key.signed(_digest(Statements.tlsPossession(msg.sender, tlsPin)));
    }

    function _setReach(Validator storage self, string calldata endpoint, string calldata scope) private {
        uint256 length = bytes(endpoint).length;
        // Whoever reads the ledger decodes it as a text, and not every reader survives bytes that are none.
        if (length == 0 || length > MAXIMUM_ENDPOINT || !_isVisible(bytes(endpoint))) revert InvalidEndpoint(length);
        Scope.requireValid(scope);

        self.endpoint = endpoint;
        self.scope = scope;
    }

    /// @dev Whether all bytes are visible ASCII characters, 0x21 to 0x7e; 32 at a time, since each is paid for.
    function _isVisible(bytes calldata text) private pure returns (bool) {
        for (uint256 offset = 0; offset < text.length; offset += 32) {
            uint256 word = uint256(bytes32(text[offset:]));
            uint256 left = text.length - offset;
            if (left < 32) word |= (EACH_BYTE * 0x21) >> (8 * left);
            // With no high bit set, no byte carries into the next: 0x21 + 0x5f and 0x7f + 0x01 are the first to set one.
            unchecked {
                uint256 tooHigh = word | (word + EACH_BYTE);
                uint256 tooLow = ~(word + EACH_BYTE * 0x5f);
                if ((tooHigh | tooLow) & (EACH_BYTE * 0x80) != 0) return false;
            }
        }
        return true;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";
import {TlsKey} from "../libraries/TlsKeys.sol";
import {IEquivocations} from "./IEquivocations.sol";
import {IFleetRegistry} from "./IFleetRegistry.sol";
import {ITrustAnchor} from "./ITrustAnchor.sol";

/// @title The candidates for the committee: who they are, how to reach them, and what they stake
/// @notice A candidate is admitted (at genesis, by the swarm, as a device, or in an open mesh by itself), then registers itself with a
/// stake, a BLS identity key and a TLS key, and proves that it holds both. Stake leaves by withdrawal, some time after exit, or is
/// burnt by slashing.
interface IValidatorRegistry is IEquivocations {
    /// @notice None: unknown. Admitted: may register. Active: staked. Exiting: unbonding, still slashable. Exited: withdrawn.
    enum State {
        None,
        Admitted,
        Active,
        Exiting,
        Exited
    }

    /// @notice What stake is burnt for. BadDealing: a dealing that a receiver, or its own encoding, refutes. BadComplaint: a
    /// complaint against a good share. MissingDealing: an accepted dealer that did not deal; a quarter of the price.
    /// Equivocation: votes for two contradicting ordered statements.
    enum Offence {
        BadDealing,
        BadComplaint,
        MissingDealing,
        Equivocation
    }

    /// @notice What a candidate says of itself.
    /// @param blsKey Identity key, in the subgroup of G1 and not infinity.
    /// @param possession Its signature over the ProofOfPossession statement under DST `BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_`.
    /// @param tlsKey Its TLS key with a signature over the TlsPossession statement. The registry keeps the pin.
    /// @param endpoint `host:port`, 1 to 255 visible ASCII characters.
    /// @param scope Where it stands (docs/protocol.md, section 3.3).
    struct Registration {
        BLS12381.G1Point blsKey;
        BLS12381.G2Point possession;
        TlsKey tlsKey;
        string endpoint;
        string scope;
    }

    /// @notice A candidate as the ledger knows it. `withdrawable` is the time from which stake may leave, 0 before unbonding starts.
    /// `jailedUntil` is the time from which a jailed one may come back, 0 when it is not jailed. `blsKeyHash` is keccak256 of the
    /// 128-byte key, which the event has; `tlsPin` SHA-256 of the SPKI DER of its TLS key. `isDevice`: a gateway-class device,
    /// whose index the operator has.
    struct Validator {
        State state;
        uint96 stake;
        uint64 withdrawable;
        uint64 jailedUntil;
        bool isDevice;
        bytes32 operator;
        bytes32 blsKeyHash;
        bytes32 tlsPin;
        string endpoint;
        string scope;
    }

    /// @notice `account` may register, for `operator`.
    event ValidatorAdmitted(address indexed account, bytes32 indexed operator);
    /// @notice `account` registered and is a candidate from now on.
    event ValidatorRegistered(
        address indexed account,
        BLS12381.G1Point blsKey,
        bytes32 tlsPin,
        string endpoint,
        string scope,
        uint256 stake
    );
    /// @notice `account` changed how to reach it.
    event ValidatorUpdated(address indexed account, bytes32 tlsPin, string endpoint, string scope);
    /// @notice `account` staked `amount` more.
    event StakeAdded(address indexed account, uint256 amount, uint256 stake);
    /// @notice `account` is no candidate any more, and may withdraw from `withdrawable` on. 0: it is bound by a seat, so that unbonding
    /// starts by its first {withdraw} once it is not, with this event again.
    event ExitStarted(address indexed account, uint64 withdrawable);
    /// @notice `account` got its stake back and is gone.
    event StakeWithdrawn(address indexed account, uint256 amount);
    /// @notice `account` lost `amount` of its stake for `offence`, burnt but for what a reporter was paid; `stake` is left.
    event Slashed(address indexed account, Offence indexed offence, uint256 amount, uint256 stake);
    /// @notice `account` is not drawn until it calls {unjail}, which it may from `until` on.
    event Jailed(address indexed account, uint64 until);
    /// @notice `account` may be drawn again.
    event Unjailed(address indexed account);
    /// @notice `amount` of the stake that was lost last went to `reporter`, which is no more than the report cost it.
    event ReporterPaid(address indexed reporter, uint256 amount);

    /// @notice `account` is in `state`, and this takes it to be in `expected`.
    error WrongState(address account, State state, State expected);
    /// @notice Zero is neither an account nor an operator; one that begins with `swarmkeep ` comes by {admitDevice} or {acceptRecovery}.
    error InvalidMember(address account, bytes32 operator);
    /// @notice `operator` has a candidate already: `account`.
    error OperatorTaken(bytes32 operator, address account);
    /// @notice The draw has places for `capacity` candidates, ever, and all are taken: the mesh goes on under new contracts.
    error TooManyCandidates(uint256 capacity);
    /// @notice The BLS key with this hash was registered before; make a new one.
    error BlsKeyTaken(bytes32 keyHash);
    /// @notice The TLS key with this pin was registered before; make a new one.
    error TlsPinTaken(bytes32 tlsPin);
    /// @notice The proof of possession is not one of this key for this account in this registry, or a point is outside its group.
    error InvalidPossession(address account, bytes32 keyHash);
    /// @notice The signature is not one by the TLS key with this pin for this account in this registry, or is one with a high s.
    error InvalidTlsPossession(address account, bytes32 tlsPin);
    /// @notice An endpoint is 1 to 255 visible ASCII characters; this one has `length` bytes.
    error InvalidEndpoint(uint256 length);
    /// @notice The stake of `amount` is under the minimum or above what the ledger counts with.
    error InvalidStake(uint256 amount, uint256 minimum);
    /// @notice `account` registered the key and has no stake to lose; nobody did if it is zero.
    error NothingAtStake(address account);
    /// @notice Whoever is jailed may come back from `until` on; it is `time`. 0 is nobody's time: the caller is not jailed.
    error NotReleased(uint64 until, uint256 time);
    /// @notice Stake may leave from `withdrawable` on; it is `time`.
    error StillBonded(uint64 withdrawable, uint256 time);
    /// @notice `account` sits in the committee, in the one before while that may have to come back, or is invited to the next one or
    /// accepted a seat there: withdraw once another committee is through its probation.
    error InOffice(address account);
    /// @notice `account` did not take the `amount` it withdrew.
    error TransferFailed(address account, uint256 amount);

    /// @notice Admits the first candidates in order. Only the anchor, at genesis.
    function acceptGenesis(ITrustAnchor.Member[] calldata members) external;

    /// @notice Admits those members of a recovery that are not known yet. Only the {IRecovery}. Where an operator has a candidate
    /// already, or is none that {admit} takes, the member's is `swarmkeep of` in ASCII (12 bytes) and the account, which nobody else is
    /// given: whoever has the keys of before and admits whom it likes does not stand in a recovery's way.
    function acceptRecovery(ITrustAnchor.Member[] calldata members) external;

    /// @notice Admits a candidate by the swarm's Admission statement (order-free). Anyone may submit it.
    function admit(address account, bytes32 operator, uint64 expiry, BLS12381.G2Point calldata signature) external;

    /// @notice Admits the calling account as the candidate of a device, by the swarm's DeviceAdmission statement (order-free): the members
    /// sign it for a gateway-class device that shows its certificate. Its grant allows only so many.
    /// @param batch The batch that has the device, as its {IFleetRegistry.BatchAppended} says.
    function admitDevice(
        IFleetRegistry.Batch calldata batch,
        uint64 index,
        uint64 expiry,
        BLS12381.G2Point calldata signature
    ) external;

    /// @notice Registers the calling, admitted account with the sent stake. Where admission is open an unknown account is admitted with
    /// it, once there are group keys, for the operator keccak256(abi.encode(account)).
    function register(Registration calldata registration) external payable;

    /// @notice Changes TLS key, endpoint or scope of the calling, active account; give the old value of what stays.
    function update(TlsKey calldata tlsKey, string calldata endpoint, string calldata scope) external;

    /// @notice Adds the sent wei to the stake of the calling, active account.
    function addStake() external payable;

    /// @notice Takes the calling, active account out of all draws to come, and starts its unbonding unless a seat binds it
    /// ({IGroupKeys-isBound}): what it does there must cost it its stake for as long as anybody can show it.
    function exit() external;

    /// @notice Pays out what is left of the stake of the calling account, after unbonding. Where that has not started, since a seat bound
    /// the account at its exit, this starts it and pays nothing yet; while one does, it reverts with {InOffice}.
    function withdraw() external;

    /// @notice Burns part of a stake. Only the key ceremony. Without effect on an account that has no stake (left).
    /// @return burnt Wei burnt: `slashBps` of the stake, a quarter of that for {Offence.MissingDealing}.
    function slash(address account, Offence offence) external returns (uint256 burnt);

    /// @notice Punishes who signed two contradicting votes: `slashBps` of its stake is lost, and it is jailed for
    /// `unbondingSeconds`. Anyone may show them. The caller is paid out of what is lost, at most its gas at the base fee, a contract for
    /// the call alone, an account for its transaction too; the rest is burnt.
    /// @return burnt Wei burnt.
    function reportEquivocation(Equivocation calldata shown) external returns (uint256 burnt);

    /// @notice Ends the jail of the calling, active account, when its time is over.
    function unjail() external;

    /// @notice Which of the first 256 accounts may be given a seat, as a bitmap with bit `1 << i` for `accounts[i]`: active, not jailed, at
    /// least half of the minimum stake left, and its device, if it is one, neither revoked nor held.
    function eligibleAmong(address[] calldata accounts) external view returns (uint256 eligible);
    /// @notice Candidate number `position`, and the wei that it is drawn by: 0 where it must not be given a seat.
    function stakeAt(uint256 position) external view returns (address account, uint256 stake);
    /// @notice All the ledger knows of `account`.
    function validator(address account) external view returns (Validator memory);
    /// @notice All accounts ever admitted, in order: those of genesis first, in the order of the genesis document.
    function candidates() external view returns (address[] memory);
    /// @notice How many were ever admitted.
    function candidateCount() external view returns (uint256);
    /// @notice Those at these positions of {candidates}, from 0.
    function candidatesAt(uint16[] calldata positions) external view returns (address[] memory);
    /// @notice The candidate of `operator`; zero for none.
    function candidateOf(bytes32 operator) external view returns (address);
    /// @notice Who registered the TLS key with this pin, also if it has another one now; zero for nobody.
    function tlsPinOwner(bytes32 tlsPin) external view returns (address);
    /// @notice Wei held for validators.
    function totalStake() external view returns (uint256);
    /// @notice Wei burnt so far: it stays in this contract, out of anybody's reach.
    function totalBurnt() external view returns (uint256);
}

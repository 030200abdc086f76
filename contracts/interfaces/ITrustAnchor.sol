// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {BLS12381} from "../libraries/BLS12381.sol";

/// @title The root of a mesh: its root CA key, its genesis, its contracts and parameters
/// @notice Deployed first. Every other contract of the mesh is given this one, and asks it for those deployed later.
/// The genesis is signed by the root CA off the ledger and submitted once, by anyone.
interface ITrustAnchor {
    /// @notice The other contracts of the mesh.
    struct Contracts {
        address registry;
        address ceremony;
        address groupKeys;
        address fleets;
        address revocations;
        address rotation;
    }

    /// @notice What a mesh decides at genesis, for ever.
    /// @param committeeSize Seats of the committee, 4 to 32.
    /// @param admission 0 permissioned: the swarm admits candidates; 1 open: whoever stakes is one, from 31 seats on.
    /// @param slashBps Part of the stake that an offence costs, in ten-thousandths, 1 to 10000.
    /// @param minimumStake Wei that a validator stakes at least when it registers; above 0.
    /// @param phaseSeconds Length of a phase of the key ceremony.
    /// @param unbondingSeconds From exit to withdrawal; more than 4 phases, the life of a head and a probation together.
    /// @param tickSeconds Distance of the ticks at which the swarm looks at the ledger.
    /// @param headSeconds Distance of scheduled revocation list heads; a multiple of `tickSeconds`.
    /// @param headLifetimeSeconds How long a head is fresh; at least `headSeconds`.
    /// @param finalityBlocks Blocks until a block counts as final; 0 for the chain's own `finalized` tag.
    /// @param certificatePeriodSeconds The period in which a device's quota counts.
    /// @param recoverySeconds How long a recovery by the root CA can be cancelled by the swarm.
    /// @param epochSeconds How long a committee is in office before the next one is drawn; 0 for as long as the mesh lasts.
    /// @param probationSeconds How long a new committee has to show itself before office goes back to the one before.
    /// @param probationHeads Which head it has to make in that time, counted in scheduled ones from when it took office.
    /// @param probesPerEpoch How often a member of the committee probes all candidates in an epoch; 0: nobody is measured.
    /// @param rewardBps Part of the reward pool that an epoch pays out, in ten-thousandths, 0 to 10000; 0: there are no rewards.
    struct Parameters {
        uint8 committeeSize;
        uint8 admission;
        uint16 slashBps;
        uint96 minimumStake;
        uint32 phaseSeconds;
        uint32 unbondingSeconds;
        uint32 tickSeconds;
        uint32 headSeconds;
        uint32 headLifetimeSeconds;
        uint32 finalityBlocks;
        uint32 certificatePeriodSeconds;
        uint32 recoverySeconds;
        uint32 epochSeconds;
        uint32 probationSeconds;
        uint8 probationHeads;
        uint8 probesPerEpoch;
        uint16 rewardBps;
    }

    /// @notice A candidate for the committee.
    /// @param account The validator's account.
    /// @param operator Who runs it, as a hash; one candidate per operator.
    struct Member {
        address account;
        bytes32 operator;
    }

    /// @notice A tenant, and the first grant it gets.
    /// @param account The registrar's account.
    /// @param scopes 1 to 8 scopes that bound its fleets.
    /// @param indexes How many devices it may register.
    /// @param candidates How many of them may be candidates for the committee.
    /// @param expiry Until when it may register them, in seconds since 1970.
    struct Registrar {
        address account;
        string[] scopes;
        uint64 indexes;
        uint8 candidates;
        uint64 expiry;
    }

    /// @notice All that a mesh begins with. `members` is the first permutation: the first `committeeSize` are drawn, the rest
    /// are reserves in this order.
    struct Genesis {
        bytes32 meshId;
        Contracts contracts;
        Parameters parameters;
        Member[] members;
        Registrar[] registrars;
    }

    /// @notice Where the mesh goes on: another anchor, perhaps on another chain.
    struct Successor {
        uint256 chainId;
        address anchor;
        bytes32 meshId;
        uint64 expiry;
    }

    /// @notice The mesh has begun. Time and block are those of the event.
    event GenesisAccepted(bytes32 indexed meshId, Contracts contracts, Parameters parameters);

    /// @notice The root CA certified the group keys of a generation. Everything a device has to fetch is in here.
    /// @param certificate The cross-certificate, X.509 DER.
    event KeysCertified(uint64 indexed generation, bytes32 indexed certificateHash, bytes certificate);

    /// @notice The swarm named where the mesh goes on.
    event SuccessorNamed(uint256 chainId, address indexed anchor, bytes32 indexed meshId);

    /// @notice (`x`, `y`) is no point of P-256: give the coordinates of the root CA's public key.
    error InvalidRootKey(bytes32 x, bytes32 y);
    /// @notice The signature is not the root CA's over `digest`: sign that digest, and normalise s to the lower half.
    error InvalidRootSignature(bytes32 digest);
    /// @notice The mesh began already.
    error GenesisAlreadyAccepted(uint64 start);
    /// @notice The mesh has not begun: submit the genesis first.
    error GenesisMissing();
    /// @notice The genesis is for another mesh.
    error WrongMesh(bytes32 actual, bytes32 expected);
    /// @notice The parameter has a value that no mesh can work with; {Parameters} says which ones it can.
    error InvalidParameter(string parameter, uint256 value);
    /// @notice A genesis of `members` candidates cannot fill `seats` seats, or names more than `most`.
    error InvalidMemberCount(uint256 members, uint256 seats, uint256 most);
    /// @notice There is no contract of this mesh at `account`: deploy it with this anchor and the contracts that this genesis
    /// names, and name each once.
    error NotOfThisMesh(address account);
    /// @notice `generation` has no group keys to certify; the last one is `last`.
    error UnknownGeneration(uint64 generation, uint64 last);
    /// @notice The swarm named a successor before.
    error SuccessorAlreadyNamed(address anchor);
    /// @notice A mesh goes on somewhere else than here, at an anchor that is not zero.
    error InvalidSuccessor(uint256 chainId, address anchor);

    /// @notice Begins the mesh, once. Anyone may call it: the root CA's signature over the Genesis statement counts.
    /// Checks all that the ledger can see and hands members and registrars to their contracts.
    /// @param r s ECDSA P-256 over SHA-256 of the 32-byte EIP-712 digest, s in the lower half.
    function submitGenesis(Genesis calldata genesis, bytes32 r, bytes32 s) external;

    /// @notice Publishes the root CA's certificate of a generation's group keys.
    /// @param certificate X.509 DER; the statement KeyCertification signs its keccak256.
    function certifyKeys(uint64 generation, bytes calldata certificate, bytes32 r, bytes32 s) external;

    /// @notice Names where the mesh goes on, once. Order-free statement of the swarm.
    function nameSuccessor(Successor calldata next, BLS12381.G2Point calldata signature) external;

    /// @notice keccak256(abi.encode(rootX, rootY, nonce)): the name of the mesh, and the salt of every domain.
    function meshId() external view returns (bytes32);
    /// @notice The root CA's P-256 key.
    function rootKey() external view returns (bytes32 x, bytes32 y);
    /// @notice The random value that makes meshes under one root CA differ.
    function nonce() external view returns (bytes32);
    /// @notice Time of genesis, the zero of all ticks, in seconds since 1970; 0 before it.
    function start() external view returns (uint64);
    /// @notice What was decided at genesis; all zero before it.
    function parameters() external view returns (Parameters memory);
    /// @notice The one parameter that each registration and each weight takes; 0 before genesis.
    function minimumStake() external view returns (uint96);
    /// @notice When tick `number` comes, in seconds since 1970 (docs/protocol.md, section 3.7): what each head and checkpoint takes.
    function tickTime(uint64 number) external view returns (uint256);
    /// @notice All contracts of the mesh; zero before genesis.
    function contracts() external view returns (Contracts memory);
    /// @notice The {IValidatorRegistry}; zero before genesis.
    function registry() external view returns (address);
    /// @notice The key ceremony; zero before genesis.
    function ceremony() external view returns (address);
    /// @notice The {IGroupKeys}; zero before genesis.
    function groupKeys() external view returns (address);
    /// @notice The {IFleetRegistry}; zero before genesis.
    function fleets() external view returns (address);
    /// @notice The {IRevocationList}; zero before genesis.
    function revocations() external view returns (address);
    /// @notice The {IRotation}; zero before genesis.
    function rotation() external view returns (address);
    /// @notice Where the mesh goes on; all zero while it is here.
    function successor() external view returns (Successor memory);
    /// @notice The newest certified cross-certificate's keccak256; zero for none. The event has the bytes.
    function certificateHash(uint64 generation) external view returns (bytes32);
}

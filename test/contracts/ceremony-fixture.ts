/** A mesh with registered members on a chain of its own, and members that take part in its key ceremonies as real ones do. */
import { p256 } from "@noble/curves/nist.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { getBytes, hexlify, id, keccak256, Wallet, AbiCoder, type ContractTransactionReceipt } from "ethers";
import { network } from "hardhat";

import { provePossession } from "../../src/crypto/bls.js";
import { bytesToNumberBE, concatBytes, toBytes, type Randomness } from "../../src/crypto/bytes.js";
import { encodeDealing, makeDealing, parseDealing, sealedRoot, type Dealing } from "../../src/crypto/dealing.js";
import { commit, decodeScalar, ed, g1, randomScalar, type G1Point, type GroupName } from "../../src/crypto/group.js";
import { judgeDealing, decodeCommitments, type Commitments } from "../../src/crypto/judging.js";
import { showMalformed } from "../../src/crypto/malformation.js";
import { openShare, splitCommitments, type Opening } from "../../src/crypto/opening.js";
import {
  combineShares,
  deriveGroupKeys,
  outcomeHash,
  qualifiedHash,
  verificationPath,
  verificationRoot,
  type CeremonyKind,
  type GroupKeys as Keys,
} from "../../src/crypto/outcome.js";
import { blsKeyHash, decodeG2, g1ToEip2537, g2ToEip2537, xHint, yHint } from "../../src/crypto/points.js";
import type { SharePair } from "../../src/crypto/sealing.js";
import { combinePartials } from "../../src/crypto/threshold-bls.js";
import type { CeremonyContext } from "../../src/crypto/transcript.js";
import { domainSeparator, statementDigest } from "../../src/statements/eip712.js";
import { quorumOf, type Quorum } from "../../src/statements/quorum.js";
import { blstBls } from "../../src/runtime/blst.js";
import type {
  CeremonyJudge,
  GroupKeys,
  KeyCeremony,
  RevocationList,
  Rotation,
  TrustAnchor,
  ValidatorRegistry,
} from "../../typechain-types/index.js";
import { seeded } from "../crypto/ceremony-fixture.js";
import { tlsKeyStruct, tlsPinOf } from "./tls-key.js";

export const PHASE = 600;
/** An epoch, in seconds. */
export const EPOCH = 86_400;
export const STAKE = 10n ** 18n;
export const SLASH_BPS = 2_000n;

export const Phase = {
  None: 0n,
  Accept: 1n,
  Deal: 2n,
  Complain: 3n,
  Acknowledge: 4n,
  Active: 5n,
  Abandoned: 6n,
} as const;
export const Defect: Readonly<Record<GroupName, number>> = { g1: 0, ed25519: 1 };
export const Offence = { BadDealing: 0n, BadComplaint: 1n, MissingDealing: 2n } as const;

/** A point as the struct of the contracts. */
export function g1Struct(point: G1Point) {
  const word = wordsOf(g1ToEip2537(point));
  return { xHi: word(0), xLo: word(1), yHi: word(2), yLo: word(3) };
}

export function g1StructOf(compressed: Uint8Array) {
  return g1Struct(g1.decode(compressed));
}

export function g2StructOf(compressed: Uint8Array) {
  const word = wordsOf(g2ToEip2537(decodeG2(compressed)));
  const x = { x0Hi: word(0), x0Lo: word(1), x1Hi: word(2), x1Lo: word(3) };
  return { ...x, y0Hi: word(4), y0Lo: word(5), y1Hi: word(6), y1Lo: word(7) };
}

/** Word i of encoded words. */
function wordsOf(bytes: Uint8Array): (i: number) => bigint {
  return (i) => bytesToNumberBE(bytes.subarray(32 * i, 32 * i + 32));
}

/** What a test relies on being there. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

/** The contract's `Opening`. */
export function openingStruct(opening: Opening) {
  const { points, proof } = opening;
  return {
    ephemeralKey: g1Struct(points.ephemeralKey),
    receivingKey: g1Struct(points.receiverKey),
    sharedPoint: g1Struct(points.shared),
    challenge: proof.challenge,
    response: proof.response,
    commitments: opening.commitments,
    otherCommitments: opening.otherCommitments,
    sealedShare: opening.sealedShare,
    path: opening.path.map((node) => hexlify(node)),
    hints: opening.hints,
  };
}

/** The contract's `Malformation`. */
export function malformationStruct(dealing: Dealing, kind: GroupName, index: number) {
  const { ephemeralHash, commitments, otherCommitments, sealedRoot, witness } = showMalformed(dealing, { kind, index });
  return { ephemeralHash, commitments, otherCommitments, sealedRoot, index, witness };
}

/** One member: its account, and what it remembers of the attempt. */
export interface Member {
  readonly wallet: Wallet;
  secret: bigint;
}

/** What all honest members derive once the dealings are closed. */
export interface Derived {
  readonly keys: Keys;
  readonly outcome: { verificationRoot: string; blsKey: ReturnType<typeof g1Struct>; edKey: string };
  readonly outcomeHash: Uint8Array;
  readonly qualified: Uint8Array;
  /** By seat. */
  readonly shares: ReadonlyMap<number, SharePair>;
}

/** A committee in office: who sits where, and with which shares. */
export interface Incumbents {
  readonly seated: readonly Member[];
  readonly derived: Derived;
  readonly quorum: Quorum;
}

export class CeremonyMesh {
  /** Of the ceremony's receivers. */
  quorum: Quorum;
  /** The dealers of a resharing; undefined in a key generation. */
  incumbents: Incumbents | undefined;
  /** What members take their randomness from. */
  random: Randomness = seeded("ceremony");
  /** By seat, after accept. */
  seated: Member[] = [];
  /** Dealings of the attempt by seat, as posted. */
  readonly dealings = new Map<number, Uint8Array>();
  readonly #parsed = new WeakMap<Uint8Array, Dealing>();
  id = 1n;
  attempt = 1;

  readonly chain: Chain;
  readonly anchor: TrustAnchor;
  readonly registry: ValidatorRegistry;
  readonly ceremony: KeyCeremony;
  readonly judge: CeremonyJudge;
  readonly groupKeys: GroupKeys;
  readonly rotation: Rotation;
  readonly revocations: RevocationList;
  readonly meshId: Uint8Array;
  /** In the order of the genesis list. */
  readonly members: Member[];
  /** By the root CA: r | s. */
  readonly rootSign: (digest: Uint8Array) => Uint8Array;

  constructor(parts: MeshParts) {
    this.chain = parts.chain;
    this.anchor = parts.anchor;
    this.registry = parts.registry;
    this.ceremony = parts.ceremony;
    this.judge = parts.judge;
    this.groupKeys = parts.groupKeys;
    this.rotation = parts.rotation;
    this.revocations = parts.revocations;
    this.meshId = parts.meshId;
    this.members = parts.members;
    this.rootSign = parts.rootSign;
    this.quorum = quorumOf(parts.seats);
  }

  /** Replaces the members' randomness, or brings the usual one back. */
  useRandomness(random: Randomness = seeded("ceremony, later")): void {
    this.random = random;
  }

  as(member: Member): KeyCeremony {
    return this.ceremony.connect(member.wallet);
  }

  get context(): CeremonyContext {
    return {
      meshId: this.meshId,
      contract: getBytes(this.ceremony.target as string),
      ceremony: this.id,
      attempt: this.attempt,
    };
  }

  async status() {
    return this.ceremony.statusOf(this.id);
  }

  async malformed(dealer: number, kind: GroupName, index: number, by: Member): Promise<void> {
    const shown = malformationStruct(this.dealingOf(dealer), kind, index);
    await this.as(by).malformed(this.id, this.attempt, dealer, Defect[kind], shown);
  }

  async passDeadline(): Promise<void> {
    const { deadline } = await this.status();
    await this.chain.networkHelpers.time.increaseTo(deadline + 1n);
  }

  async advance(): Promise<ContractTransactionReceipt> {
    return present(await (await this.ceremony.advance(this.id)).wait(), "receipt");
  }

  /** Ends the phase by its deadline. */
  async advanceLate(): Promise<ContractTransactionReceipt> {
    await this.passDeadline();
    return this.advance();
  }

  /** Members of the invited places, by place; undefined where there is none. */
  async invited(): Promise<(Member | undefined)[]> {
    const accounts = await this.ceremony.receiversOf(this.id);
    return accounts.map((account) => this.members.find(({ wallet }) => wallet.address === account));
  }

  async accept(place: number, member: Member): Promise<void> {
    member.secret = randomScalar(g1, this.random);
    await this.as(member).accept(this.id, this.attempt, place, g1Struct(commit(g1, member.secret)));
  }

  /** All invited accept but those listed. */
  async acceptAll(absent: readonly Member[] = []): Promise<void> {
    for (const [i, member] of (await this.invited()).entries()) {
      if (member === undefined || absent.includes(member)) continue;
      const hash = await this.ceremony.receivingKeyHash(this.id, i + 1);
      if (BigInt(hash) === 0n) await this.accept(i + 1, member);
    }
  }

  /** After the accept phase: who sits where. */
  async takeSeats(): Promise<void> {
    const { attempt } = await this.status();
    this.attempt = Number(attempt);
    this.dealings.clear();
    this.seated = (await this.invited()).filter((member) => member !== undefined);
  }

  /** The whole accept phase: all that are invited accept, and dealing begins. */
  async seatAll(): Promise<void> {
    await this.acceptAll();
    await this.advance();
    await this.takeSeats();
  }

  receivingKeys(): (G1Point | undefined)[] {
    return Array.from({ length: this.quorum.n }, (_, i) => {
      const member = this.seated[i];
      return member && commit(g1, member.secret);
    });
  }

  /** An honest dealing of a seat. */
  makeDealing(seat: number, context = this.context): Uint8Array {
    const { t } = this.quorum;
    return makeDealing({
      context,
      dealer: seat,
      t,
      receivers: this.receivingKeys(),
      ...(this.incumbents && { constants: this.#scalarsOf(this.incumbents, seat) }),
      random: this.random,
    });
  }

  #scalarsOf({ derived }: Incumbents, seat: number): { g1: bigint; ed25519: bigint } {
    const shares = present(derived.shares.get(seat), `share of ${seat}`);
    return { g1: decodeScalar(g1, shares.g1), ed25519: decodeScalar(ed, shares.ed25519) };
  }

  /** What a dealer of a resharing shows: the path of its verification keys. */
  openingOf(seat: number): Uint8Array[] {
    return this.incumbents ? verificationPath(this.incumbents.derived.keys.verificationKeys, seat) : [];
  }

  get kind(): CeremonyKind {
    return this.incumbents ? "resharing" : "generation";
  }

  /** The members that deal, by seat. */
  get dealers(): readonly Member[] {
    return this.incumbents?.seated ?? this.seated;
  }

  /** A dealing of `seat` with a bit wrong in the sealed share of `receiver`, in the half of one key. */
  spoilShare(seat: number, receiver: number, half: GroupName): Uint8Array {
    return this.altered(seat, (dealing) => {
      const sealedShares = dealing.sealedShares.map((sealed) => sealed.slice());
      const spoiled = present(sealedShares[receiver - 1], `share of ${receiver}`);
      const last = half === "g1" ? 31 : 63;
      spoiled[last] = present(spoiled[last], "byte") ^ 1;
      return { sealedShares };
    });
  }

  /** A dealing of `seat` with one commitment replaced. */
  spoilCommitment(seat: number, kind: GroupName, index: number, bytes: Uint8Array): Uint8Array {
    const replace = (list: readonly Uint8Array[]) => list.map((old, i) => (i === index ? bytes : old));
    return this.altered(seat, ({ g1Commitments, edCommitments }) =>
      kind === "g1" ? { g1Commitments: replace(g1Commitments) } : { edCommitments: replace(edCommitments) },
    );
  }

  /** An honest dealing of `seat` with parts of it changed afterwards. */
  altered(seat: number, change: (dealing: Dealing) => Partial<Dealing>): Uint8Array {
    const dealing = parseDealing(this.makeDealing(seat), this.kind, this.quorum.n, this.quorum.t);
    return encodeDealing({ ...dealing, ...change(dealing) });
  }

  async deal(seat: number, bytes = this.makeDealing(seat)): Promise<ContractTransactionReceipt> {
    const dealer = present(this.dealers[seat - 1], `dealer at seat ${seat}`);
    const sent = await this.as(dealer).deal(this.id, this.attempt, seat, bytes, this.openingOf(seat));
    this.dealings.set(seat, bytes);
    return present(await sent.wait(), "receipt");
  }

  async dealAll(silent: readonly number[] = []): Promise<void> {
    for (let seat = 1; seat <= this.dealers.length; seat++) {
      if (!silent.includes(seat) && !this.dealings.has(seat)) await this.deal(seat);
    }
  }

  memberAt(seat: number): Member {
    return present(this.seated[seat - 1], `member at seat ${seat}`);
  }

  dealingOf(seat: number): Dealing {
    const posted = present(this.dealings.get(seat), `dealing of ${seat}`);
    const parsed = this.#parsed.get(posted) ?? parseDealing(posted, this.kind, this.quorum.n, this.quorum.t);
    this.#parsed.set(posted, parsed);
    return parsed;
  }

  open(dealer: number, receiver: number, kind: GroupName): Opening {
    const { secret } = this.memberAt(receiver);
    return openShare(this.context, dealer, this.dealingOf(dealer), receiver, secret, kind, this.random);
  }

  /** The other square roots: each hint is the y of the negated commitment. */
  negatedHints(dealer: number): Uint8Array {
    const points = this.dealingOf(dealer).g1Commitments.slice(1);
    return concatBytes(...points.map((bytes) => yHint(g1.decode(bytes).negate())));
  }

  /** A good commitment as if it were malformed, with its own y or x as the witness. */
  falseMalformation(dealer: number, kind: GroupName, index: number) {
    const dealing = this.dealingOf(dealer);
    const { commitments, otherCommitments } = splitCommitments(dealing, kind);
    const encoding = present((kind === "g1" ? dealing.g1Commitments : dealing.edCommitments)[index], "commitment");
    return {
      ephemeralHash: keccak_256(g1ToEip2537(dealing.ephemeralKey)),
      commitments,
      otherCommitments,
      sealedRoot: sealedRoot(dealing),
      index,
      witness: kind === "g1" ? yHint(g1.decode(encoding)) : xHint(ed.decode(encoding)),
    };
  }

  async complain(dealer: number, receiver: number, kind: GroupName): Promise<ContractTransactionReceipt> {
    const opening = openingStruct(this.open(dealer, receiver, kind));
    const ceremony = this.as(this.memberAt(receiver));
    const sent = await ceremony.complain(this.id, this.attempt, dealer, receiver, Defect[kind], opening);
    return present(await sent.wait(), "receipt");
  }

  /** All that did not yet acknowledge what they derive, but those listed. */
  async acknowledgeAll(silent: readonly number[] = []): Promise<Derived> {
    const derived = await this.derive();
    const late = await this.late();
    await this.acknowledge(
      late.filter((seat) => !silent.includes(seat)),
      derived.outcomeHash,
    );
    return derived;
  }

  /** Seats that have not acknowledged. */
  async late(): Promise<number[]> {
    const { acknowledged } = await this.status();
    return this.seated.map((_, i) => i + 1).filter((seat) => ((acknowledged >> BigInt(seat)) & 1n) === 0n);
  }

  /** Bitmap of the dealers whose dealing is good so far. */
  async goodDealings(): Promise<bigint> {
    const { dealt, disqualified } = await this.status();
    return dealt & ~disqualified;
  }

  /** What every honest member computes from the transactions' bytes; before the close, from what would count then. */
  async derive(): Promise<Derived> {
    const { counted, dealersNeeded } = await this.status();
    const among = counted === 0n ? await this.goodDealings() : counted;
    const good = [...this.dealings.keys()].sort((a, b) => a - b).filter((seat) => (among >> BigInt(seat)) & 1n);
    const dealers = good.slice(0, Number(dealersNeeded));
    const committed = dealers.map((seat) => decodeCommitments(this.dealingOf(seat)) as Commitments);
    const keys = deriveGroupKeys(this.kind, dealers, committed, this.quorum.n);
    const shares = new Map<number, SharePair>();
    this.seated.forEach((member, i) => {
      const received = dealers.map((dealer) => {
        const judged = judgeDealing(this.context, dealer, this.dealingOf(dealer), i + 1, member.secret);
        if (judged.verdict !== "good") throw new Error(`dealing ${dealer} is ${judged.verdict} for ${i + 1}`);
        return judged.shares;
      });
      shares.set(i + 1, combineShares(this.kind, dealers, received));
    });
    const qualified = qualifiedHash(this.id, this.attempt, dealers);
    const outcome = {
      verificationRoot: hexlify(verificationRoot(keys.verificationKeys)),
      blsKey: g1StructOf(keys.bls),
      edKey: hexlify(keys.ed25519),
    };
    return { keys, outcome, outcomeHash: outcomeHash(qualified, keys), qualified, shares };
  }

  async acknowledge(seats: readonly number[], hash: Uint8Array): Promise<void> {
    const dealings = await this.goodDealings();
    for (const seat of seats) {
      await this.as(this.memberAt(seat)).acknowledge(this.id, this.attempt, seat, dealings, hash);
    }
  }

  /** The digest of Activation for this mesh, or for one of another id. */
  activationDigest(derived: Derived, meshId = this.meshId, epoch = 1n, generation = 1n): Uint8Array {
    const verifyingContract = getBytes(this.ceremony.target as string);
    const separator = domainSeparator({ chainId: 31337n, verifyingContract, meshId });
    return statementDigest(separator, "Activation", {
      generation,
      epoch,
      qualified: derived.qualified,
      verificationRoot: getBytes(derived.outcome.verificationRoot),
      blsKeyHash: blsKeyHash(derived.keys.bls),
      edKey: derived.keys.ed25519,
    });
  }

  /** Signed by the shares of these seats, combined. */
  sign(derived: Derived, seats: readonly number[], digest = this.activationDigest(derived)) {
    const partials = seats.map((seat) => ({
      seat,
      signature: blstBls.sign(present(derived.shares.get(seat), `share of ${seat}`).g1, digest),
    }));
    return g2StructOf(combinePartials(partials));
  }

  async stakeOf(member: Member): Promise<bigint> {
    return (await this.registry.validator(member.wallet.address)).stake;
  }

  /** Accept to Complain, everybody honest but as the arguments say. */
  async runToComplain(spoiled: ReadonlyMap<number, (mesh: CeremonyMesh) => Uint8Array> = new Map()): Promise<void> {
    await this.ceremony.startKeyGeneration();
    await this.seatAll();
    for (const [seat, spoil] of spoiled) await this.deal(seat, spoil(this));
    await this.dealAll();
    await this.advance();
  }

  /** Nobody has acknowledged yet. */
  async runToAcknowledge(): Promise<Derived> {
    await this.runToComplain();
    await this.advanceLate();
    return this.derive();
  }
}

type Chain = Awaited<ReturnType<typeof network.create>>;

interface MeshParts {
  readonly chain: Chain;
  readonly anchor: TrustAnchor;
  readonly registry: ValidatorRegistry;
  readonly ceremony: KeyCeremony;
  readonly judge: CeremonyJudge;
  readonly groupKeys: GroupKeys;
  readonly rotation: Rotation;
  readonly revocations: RevocationList;
  readonly meshId: Uint8Array;
  readonly members: Member[];
  readonly seats: number;
  readonly rootSign: (digest: Uint8Array) => Uint8Array;
}

/** A mesh of `seats` with `members` candidates, of which all but the last `unregistered` are registered. */
export async function deployMesh(seats: number, members = seats, unregistered = 0): Promise<CeremonyMesh> {
  const chain = await network.create();
  const { ethers } = chain;
  const random = seeded(`mesh of ${seats}`);
  const root = random(32);
  const rootSign = (message: Uint8Array): Uint8Array => p256.sign(message, root, { prehash: true, lowS: true });
  const rootKey = p256.getPublicKey(root, false);
  const nonce = random(32);
  const anchor = await ethers.deployContract("TrustAnchor", [rootKey.slice(1, 33), rootKey.slice(33), nonce]);
  const ed25519 = await ethers.deployContract("Ed25519");
  const judge = await ethers.deployContract("CeremonyJudge", [], { libraries: { Ed25519: ed25519.target } });
  const groupKeys = await ethers.deployContract("GroupKeys", [anchor.target]);
  const registry = await ethers.deployContract("ValidatorRegistry", [anchor.target, groupKeys.target]);
  const rotation = await ethers.deployContract("Rotation", [anchor.target, groupKeys.target, registry.target]);
  const parts = [anchor.target, groupKeys.target, registry.target, rotation.target] as const;
  const ceremony = await ethers.deployContract("KeyCeremony", [...parts], {
    libraries: { CeremonyJudge: judge.target },
  });
  const fleets = await ethers.deployContract("FleetRegistry", [anchor.target, groupKeys.target]);
  const revocations = await ethers.deployContract("RevocationList", [anchor.target, groupKeys.target, fleets.target]);
  const meshId = getBytes(await anchor.meshId());

  const all: Member[] = [];
  for (let i = 0; i < members; i++) {
    const wallet = new Wallet(hexlify(random(32)), ethers.provider);
    await chain.networkHelpers.setBalance(wallet.address, 1000n * STAKE);
    all.push({ wallet, secret: 0n });
  }
  const genesis = {
    meshId,
    contracts: {
      registry: registry.target,
      ceremony: ceremony.target,
      groupKeys: groupKeys.target,
      fleets: fleets.target,
      revocations: revocations.target,
      rotation: rotation.target,
    },
    parameters: {
      committeeSize: seats,
      admission: 0,
      slashBps: SLASH_BPS,
      minimumStake: STAKE,
      phaseSeconds: PHASE,
      unbondingSeconds: 30 * 86_400,
      tickSeconds: 10,
      headSeconds: 60,
      headLifetimeSeconds: 600,
      finalityBlocks: 1,
      certificatePeriodSeconds: 3_600,
      recoverySeconds: 86_400,
      epochSeconds: EPOCH,
      probationSeconds: 3_600,
      probationHeads: 2,
      probesPerEpoch: 3,
      rewardBps: 100,
    },
    members: all.map(({ wallet }, i) => ({ account: wallet.address, operator: id(`operator ${i}`) })),
    registrars: [],
  };
  const fields = present(anchor.interface.getFunction("submitGenesis").inputs[0]?.components, "fields");
  const hashOf = (name: "contracts" | "parameters" | "members" | "registrars") =>
    getBytes(
      keccak256(
        AbiCoder.defaultAbiCoder().encode(
          [
            present(
              fields.find((p) => p.name === name),
              name,
            ),
          ],
          [genesis[name]],
        ),
      ),
    );
  const separatorOf = (contract: string) =>
    domainSeparator({ chainId: 31337n, verifyingContract: getBytes(contract), meshId });
  const digest = statementDigest(separatorOf(anchor.target as string), "Genesis", {
    meshId,
    contractsHash: hashOf("contracts"),
    parametersHash: hashOf("parameters"),
    membersHash: hashOf("members"),
    registrarsHash: hashOf("registrars"),
  });
  const signature = rootSign(digest);
  await anchor.submitGenesis(genesis, signature.slice(0, 32), signature.slice(32));

  const mesh = new CeremonyMesh({
    chain,
    anchor,
    registry,
    ceremony,
    judge,
    groupKeys,
    rotation,
    revocations,
    meshId,
    members: all,
    seats,
    rootSign,
  });
  for (const member of all.slice(0, members - unregistered)) await register(mesh, member);
  return mesh;
}

export async function register(mesh: CeremonyMesh, { wallet }: Member): Promise<void> {
  const secret = toBytes(randomScalar(g1, mesh.random), 32);
  const publicKey = blstBls.publicKey(secret);
  const verifyingContract = getBytes(mesh.registry.target as string);
  const separator = domainSeparator({ chainId: 31337n, verifyingContract, meshId: mesh.meshId });
  const digest = statementDigest(separator, "ProofOfPossession", {
    account: getBytes(wallet.address),
    keyHash: blsKeyHash(publicKey),
  });
  const tlsSecret = keccak_256(publicKey);
  const tlsDigest = statementDigest(separator, "TlsPossession", {
    account: getBytes(wallet.address),
    tlsPin: getBytes(tlsPinOf(tlsSecret)),
  });
  const registration = {
    blsKey: g1StructOf(publicKey),
    possession: g2StructOf(provePossession(secret, digest)),
    tlsKey: tlsKeyStruct(tlsSecret, tlsDigest),
    endpoint: "validator.example:8443",
    scope: "geo:u33db",
  };
  await mesh.registry.connect(wallet).register(registration, { value: STAKE });
}

/**
 * A mesh for tests: contracts under a root key and a group key that the test holds itself, in office without a ceremony.
 * Signatures are made by @noble/curves, over digests that `src/statements` computes.
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { p256 } from "@noble/curves/nist.js";
import { AbiCoder, getBytes, hexlify, keccak256, toBeHex, zeroPadValue } from "ethers";
import { network } from "hardhat";

import { provePossession } from "../../src/crypto/bls.js";
import { g1ForLedger, g2ForLedger } from "../../src/crypto/points.js";
import {
  domainSeparator,
  statementDigest,
  type StatementName,
  type StatementValues,
} from "../../src/statements/eip712.js";
import { blstBls } from "../../src/runtime/blst.js";
import type { ITrustAnchor } from "../../typechain-types/interfaces/ITrustAnchor.js";
import { TrustAnchor__factory } from "../../typechain-types/index.js";
import { setNextTick } from "./ticks.js";
import { tlsKeyStruct, tlsPinOf } from "./tls-key.js";

export type Connection = Awaited<ReturnType<typeof network.create>>;
export type Signer = Awaited<ReturnType<Connection["ethers"]["getSigners"]>>[number];
export type Mesh = Awaited<ReturnType<typeof deployMesh>>;
export type Genesis = ITrustAnchor.GenesisStruct;

/** What every test file runs on. */
export const connection = await network.create();

export const DAY = 86_400n;
/** Past any test's time. */
export const FAR = 5_000_000_000n;
export const SCOPES = ["grp:city", "geo:u33"];
export const GROUP_SECRET = secretOf(7n);
export const ROOT_SECRET = secretOf(11n);

export const PARAMETERS = {
  committeeSize: 4,
  admission: 0,
  slashBps: 2_000,
  minimumStake: 10n ** 18n,
  phaseSeconds: 60,
  unbondingSeconds: 86_400,
  tickSeconds: 30,
  headSeconds: 600,
  headLifetimeSeconds: 1_800,
  finalityBlocks: 2,
  certificatePeriodSeconds: 86_400,
  recoverySeconds: 604_800,
  epochSeconds: 86_400,
  probationSeconds: 3_600,
  probationHeads: 2,
  probesPerEpoch: 3,
  rewardBps: 100,
};

/** The secret key `value`: 32 bytes for either curve. */
export function secretOf(value: bigint): Uint8Array {
  return getBytes(toBeHex(value, 32));
}

export function word(value: bigint | number): string {
  return toBeHex(value, 32);
}

/** An account or contract as the statements take it. */
export function addressBytes(address: unknown): Uint8Array {
  return getBytes(address as string);
}

function halves(bytes: Uint8Array): bigint[] {
  return Array.from({ length: bytes.length / 32 }, (_, i) => BigInt(hexlify(bytes.subarray(32 * i, 32 * i + 32))));
}

/** The words of a G1 point in EIP-2537 encoding as the struct that contracts take. */
export function g1Struct(bytes: Uint8Array) {
  const [xHi = 0n, xLo = 0n, yHi = 0n, yLo = 0n] = halves(bytes);
  return { xHi, xLo, yHi, yLo };
}

/** The same of a G2 point. */
export function g2Struct(bytes: Uint8Array) {
  const [x0Hi = 0n, x0Lo = 0n, x1Hi = 0n, x1Lo = 0n, y0Hi = 0n, y0Lo = 0n, y1Hi = 0n, y1Lo = 0n] = halves(bytes);
  return { x0Hi, x0Lo, x1Hi, x1Lo, y0Hi, y0Lo, y1Hi, y1Lo };
}

export const NO_SIGNATURE = g2Struct(new Uint8Array(256));

export function blsPublicKey(secret: Uint8Array) {
  return g1Struct(g1ForLedger(blstBls.publicKey(secret)));
}

export function blsSign(secret: Uint8Array, digest: Uint8Array) {
  return g2Struct(g2ForLedger(blstBls.sign(secret, digest)));
}

/** ECDSA over SHA-256 of the digest, s in the lower half unless `high`. */
export function rootSign(secret: Uint8Array, digest: Uint8Array, high = false): [r: string, s: string] {
  const bytes = p256.sign(digest, secret, { lowS: true });
  const s = BigInt(hexlify(bytes.subarray(32)));
  return [hexlify(bytes.subarray(0, 32)), word(high ? p256.Point.CURVE().n - s : s)];
}

export function rootPoint(secret: Uint8Array): [x: string, y: string] {
  const { x, y } = p256.Point.fromBytes(p256.getPublicKey(secret)).toAffine();
  return [word(x), word(y)];
}

/** All contracts of a mesh, before genesis. The key ceremony is a stand-in. */
export async function deployMesh(on: Connection, nonce: bigint = 1n) {
  const { ethers } = on;
  const [x, y] = rootPoint(ROOT_SECRET);
  const anchor = await ethers.deployContract("TrustAnchor", [x, y, word(nonce)]);
  const groupKeys = await ethers.deployContract("GroupKeys", [anchor]);
  const registry = await ethers.deployContract("ValidatorRegistry", [anchor, groupKeys]);
  const fleets = await ethers.deployContract("FleetRegistry", [anchor, groupKeys]);
  const revocations = await ethers.deployContract("RevocationList", [anchor, groupKeys, fleets]);
  const shards = await ethers.getContractAt("ShardMap", await fleets.shards());
  const rotation = await ethers.deployContract("Rotation", [anchor, groupKeys, registry]);
  const ceremony = await ethers.deployContract("CeremonyStandIn", [anchor, groupKeys, registry, rotation]);
  const signers = await ethers.getSigners();
  const meshId = await anchor.meshId();
  const { chainId } = await ethers.provider.getNetwork();

  /** The digest of a statement to `contract`. */
  async function digest(contract: { getAddress(): Promise<string> }, name: StatementName, values: StatementValues) {
    const verifyingContract = getBytes(await contract.getAddress());
    return statementDigest(domainSeparator({ chainId, verifyingContract, meshId: getBytes(meshId) }), name, values);
  }

  return {
    on,
    chainId,
    meshId,
    anchor,
    registry,
    ceremony,
    groupKeys,
    fleets,
    revocations,
    rotation,
    shards,
    /** Members are the first eight accounts. */
    members: signers.slice(0, 8),
    registrar: signers[8] as Signer,
    /** Has no part in the mesh. */
    stranger: signers[9] as Signer,
    digest,
    /** A statement under the group key of {@link openMesh}. */
    swarmSign: async (contract: { getAddress(): Promise<string> }, name: StatementName, values: StatementValues) =>
      blsSign(GROUP_SECRET, await digest(contract, name, values)),
  };
}

/** A genesis that a mesh takes; `parameters` and `rest` replace parts of it. */
export async function genesisOf(
  mesh: Mesh,
  parameters: Partial<typeof PARAMETERS> = {},
  rest: Partial<Genesis> = {},
): Promise<Genesis> {
  return {
    meshId: mesh.meshId,
    contracts: {
      registry: await mesh.registry.getAddress(),
      ceremony: await mesh.ceremony.getAddress(),
      groupKeys: await mesh.groupKeys.getAddress(),
      fleets: await mesh.fleets.getAddress(),
      revocations: await mesh.revocations.getAddress(),
      rotation: await mesh.rotation.getAddress(),
    },
    parameters: { ...PARAMETERS, ...parameters },
    members: mesh.members.map((member, i) => ({ account: member.address, operator: word(i + 1) })),
    registrars: [{ account: mesh.registrar.address, scopes: SCOPES, indexes: 2_000_000n, candidates: 2n, expiry: FAR }],
    ...rest,
  };
}

/** The digest that the root CA signs, from the document: each part is hashed as abi.encode writes it. */
export async function genesisDigest(mesh: Mesh, genesis: Genesis): Promise<Uint8Array> {
  const parts = TrustAnchor__factory.createInterface().getFunction("submitGenesis").inputs[0]?.components ?? [];
  const hashOf = (name: keyof Genesis) => {
    const part = parts.find((part) => part.name === name);
    if (part === undefined) throw new Error(`the genesis has no ${String(name)}`);
    return getBytes(keccak256(AbiCoder.defaultAbiCoder().encode([part], [genesis[name]])));
  };
  return mesh.digest(mesh.anchor, "Genesis", {
    meshId: getBytes(genesis.meshId as string),
    contractsHash: hashOf("contracts"),
    parametersHash: hashOf("parameters"),
    membersHash: hashOf("members"),
    registrarsHash: hashOf("registrars"),
  });
}

/** Signs a genesis with the root key and submits it. */
export async function submit(mesh: Mesh, genesis: Genesis) {
  return mesh.anchor.submitGenesis(genesis, ...rootSign(ROOT_SECRET, await genesisDigest(mesh, genesis)));
}

/** A committee of the first four members that holds `secret`. */
export function officeOf(mesh: Mesh, epoch = 1n, generation = 1n, secret = GROUP_SECRET) {
  return {
    generation,
    epoch,
    ceremony: epoch,
    blsKey: blsPublicKey(secret),
    edKey: word(BigInt(hexlify(secret))),
    verificationRoot: word(99),
    committee: mesh.members.slice(0, 4).map((member) => member.address),
  };
}

/** A mesh that has begun and whose committee is in office. */
export async function openMesh(on: Connection, nonce?: bigint): Promise<Mesh> {
  const mesh = await deployMesh(on, nonce);
  await submit(mesh, await genesisOf(mesh));
  await mesh.ceremony.install(officeOf(mesh));
  return mesh;
}

/** Posts a head with this number, signed by the swarm, once its tick has come. */
export async function postHead(mesh: Mesh, number: bigint) {
  await setNextTick(mesh.on, mesh.anchor, number);
  const head = { number, root: word(number), words: 1n, issued: 1n, expires: 2n, blockNumber: 1n };
  const signature = await mesh.swarmSign(mesh.revocations, "DrlHead", { ...head, root: getBytes(head.root) });
  return mesh.revocations.postHead(head, signature);
}

/** Posts the last head that the committee in office owes. */
export async function passProbation(mesh: Mesh) {
  return postHead(mesh, (await mesh.groupKeys.probation()).head);
}

/** A fixture of this file's connection: a mesh in office. */
export async function opened(): Promise<Mesh> {
  return openMesh(connection);
}

/** The TLS key `secret` with the proof that `account` holds it. */
export async function tlsKeyOf(mesh: Mesh, account: string, secret: bigint) {
  const tlsSecret = secretOf(secret);
  const digest = await mesh.digest(mesh.registry, "TlsPossession", {
    account: getBytes(account),
    tlsPin: getBytes(tlsPinOf(tlsSecret)),
  });
  return tlsKeyStruct(tlsSecret, digest);
}

/** A registration of `account` with the identity key `secret` and a TLS key that the registry of `mesh` takes. */
export async function registrationOf(mesh: Mesh, account: string, secret: Uint8Array, tlsSecret: bigint) {
  const key = g1ForLedger(blstBls.publicKey(secret));
  const digest = await mesh.digest(mesh.registry, "ProofOfPossession", {
    account: getBytes(account),
    keyHash: getBytes(keccak256(key)),
  });
  return {
    blsKey: g1Struct(key),
    possession: g2Struct(g2ForLedger(provePossession(secret, digest))),
    tlsKey: await tlsKeyOf(mesh, account, tlsSecret),
    endpoint: "validator.example:8443",
    scope: "geo:u33dc",
  };
}

/** A G1 point on the curve and outside the subgroup. */
export function g1OutsideSubgroup() {
  const { Fp } = bls12_381.fields;
  for (let x = 1n; ; x++) {
    const square = Fp.add(Fp.pow(x, 3n), 4n);
    if (!Fp.eql(Fp.pow(square, (Fp.ORDER - 1n) / 2n), Fp.ONE)) continue;
    const point = new bls12_381.G1.Point(x, Fp.sqrt(square), 1n);
    if (!point.isTorsionFree()) {
      return g1Struct(getBytes(zeroPadValue(toBeHex(x), 64) + zeroPadValue(toBeHex(Fp.sqrt(square)), 64).slice(2)));
    }
  }
}

/** Gas of a whole transaction, from its receipt. */
export async function gasOf(sent: Promise<{ wait(): Promise<{ gasUsed: bigint } | null> }>): Promise<bigint> {
  const receipt = await (await sent).wait();
  if (receipt === null) throw new Error("the transaction has no receipt");
  return receipt.gasUsed;
}

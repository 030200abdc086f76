/**
 * The issuing path of one validator, as its daemon puts it together, and enrolment requests of a fleet to put through it.
 * The words of the ledger's state that requests rest on are proven once for many devices; here they are known already.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hexlify } from "ethers";

import { certificatePayload, certificateToSign, encodeCertificate } from "../../src/certificate/certificate.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import { ManifestNodes } from "../../src/certificate/manifest-nodes.js";
import { type EnrolRequest, REQUEST_KIND, requestedCertificate, signRequest } from "../../src/certificate/request.js";
import { bytesToNumberBE } from "../../src/crypto/bytes.js";
import { encodeScalar, g1 } from "../../src/crypto/group.js";
import { lagrangeAtZero } from "../../src/crypto/lagrange.js";
import type { MeshReader } from "../../src/ledger/mesh-reader.js";
import { type Parameters, Projection } from "../../src/ledger/projection.js";
import { TokenBuckets } from "../../src/net/token-buckets.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { blstBls } from "../../src/runtime/blst.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { openJournal } from "../../src/runtime/journal.js";
import { COSE_ALG, JOIN_METHOD } from "../../src/statements/cose.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { IssuedBook } from "../../src/validator/issued.js";
import { type IssuingOptions, issue } from "../../src/validator/issuing.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import { Signer } from "../../src/validator/signer.js";
import { type FinalisedBlock, Standing } from "../../src/validator/standing.js";
import { WordProver } from "../../src/validator/word-prover.js";
import { type Holder, NOW, chainId, ed25519Holder, meshId, seed } from "../../test/certificate/fixtures.js";
import { type SharedKeys, sharedKeys } from "../../test/crypto/shared-key-fixture.js";

/** Devices of the batch; those that ask come in no order. */
const FLEET = 65_536;
const STRIDE = 40_503;
const SCOPE = "grp:city/lamps";
const GENERATION = 1;
const PERIOD_SECONDS = 86_400;
const LIFETIME_SECONDS = 3_600;

const address = (label: string): string => hexlify(seed(label).slice(12));
const addresses = {
  anchor: address("anchor"),
  registry: address("registry"),
  ceremony: address("ceremony"),
  groupKeys: address("group keys"),
  fleets: address("fleets"),
  revocations: address("revocations"),
  rotation: address("rotation"),
  shards: address("shards"),
  generations: address("generations"),
  recovery: address("recovery"),
  measurement: address("measurement"),
  reputation: address("reputation"),
  rewards: address("rewards"),
};
const finalised: FinalisedBlock = { number: 100, hash: "", parentHash: "", stateRoot: "", timestamp: NOW };
const binding = seed("tls-exporter");
const salt = seed("salt");

export interface IssuingValidator {
  /** Enrolment requests, each of another device of one batch. */
  readonly requests: Uint8Array[];
  /** What the same devices ask next, in the same order. */
  renewals(): Promise<Uint8Array[]>;
  /** Answers one, as its route does. */
  issue(request: Uint8Array): Promise<Uint8Array>;
  /** The share of the group key that it signs with. */
  readonly share: Uint8Array;
  close(): Promise<void>;
}

export async function openIssuingValidator(requests: number): Promise<IssuingValidator> {
  const context = meshContext(meshId, chainId, addresses);
  const { members, tree } = makeFleet(requests);
  const standing = new Standing(projectionOf(tree));
  const keys = sharedKeys(7, "bench");
  const [g1, ed25519] = [keys.blsShares.get(1), keys.edShares.get(1)];
  if (g1 === undefined || ed25519 === undefined) throw new Error("there is no share of seat 1");
  const pkcs8 = await generateTlsKey();
  standing.silence = undefined;
  standing.doubts = () => undefined;
  standing.finalised = finalised;
  standing.committee = {
    generation: GENERATION,
    epoch: 1,
    quorum: quorumOf(7),
    keys: { bls: keys.bls.groupKey, ed25519: keys.ed25519.groupKey, verificationKeys: [] },
    accounts: new Map(),
    blsKey: keys.bls,
    edKey: keys.ed25519,
  };
  standing.signer = new Signer({
    seat: 1,
    shares: { g1, ed25519 },
    edKey: keys.ed25519,
    registrySeparator: context.separators.registry,
    identity: await tlsIdentity(pkcs8),
    bls: blstBls,
    nowMilliseconds: () => performance.now(),
    expectSpeaking: () => undefined,
  });
  const folder = await mkdtemp(join(tmpdir(), "swarmkeep-bench-"));
  const journal = await openJournal(join(folder, "issued"));
  const options: IssuingOptions = {
    context,
    standing,
    issued: await IssuedBook.open(journal),
    inheritance: { expectKnown: () => undefined },
    prover: new WordProver(provenReader, standing, () => NOW),
    checks: { bls: blstBls, device: nativeSignatures },
    nodes: new ManifestNodes(),
    devices: new TokenBuckets({ perSecond: 1, burst: 16 }),
    nowSeconds: () => NOW,
  };
  return {
    share: g1,
    issue: (request) => issue(options, request, { binding, device: undefined }),
    requests: await Promise.all(members.map((member) => signedRequest(member, tree, context.separators.anchor))),
    renewals: () =>
      Promise.all(members.map((member) => signedRenewal(member, tree, groupSecret(keys), context.separators.anchor))),
    async close() {
      await journal.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** State that proofs have shown already: nothing revoked. */
const provenReader = {
  device: async () => undefined,
  revocationWords: async (words: readonly number[]) => words.map(() => ({ revoked: 0n, held: 0n })),
} as unknown as MeshReader;

interface FleetMember {
  readonly index: number;
  readonly holder: Holder;
}

/** A manifest of `FLEET` devices, of which `active` are there. */
function makeFleet(active: number): { members: FleetMember[]; tree: ManifestTree } {
  const leaves = new Uint8Array(32 * FLEET).fill(1);
  const members = Array.from({ length: active }, (_, i) => {
    const index = (i * STRIDE) % FLEET;
    const holder = ed25519Holder(`device ${index}`);
    leaves.set(manifestLeaf({ index, salt, key: holder.key, deviceClass: 0 }), 32 * index);
    return { index, holder };
  });
  return { members, tree: new ManifestTree(leaves) };
}

function signedRequest(member: FleetMember, tree: ManifestTree, externalAad: Uint8Array): Promise<Uint8Array> {
  return signRequest(requestOf(member, tree), member.holder, externalAad);
}

function signedRenewal(
  { index, holder }: FleetMember,
  tree: ManifestTree,
  secret: Uint8Array,
  externalAad: Uint8Array,
): Promise<Uint8Array> {
  const { enrolment: _, joinMethod: __, ...request } = requestOf({ index, holder }, tree);
  const from = { meshId, generation: GENERATION, deviceClass: 0 };
  const payload = certificatePayload(requestedCertificate(request, from));
  const signature = blstBls.sign(secret, certificateToSign(COSE_ALG.bls, externalAad, payload));
  const certificate = encodeCertificate(COSE_ALG.bls, payload, signature);
  return signRequest({ ...request, kind: REQUEST_KIND.renew, k: 1, certificate }, holder, externalAad);
}

/** What no member ever has. */
function groupSecret({ bls, blsShares }: SharedKeys): Uint8Array {
  const chosen = [...blsShares].slice(0, bls.t);
  const lambdas = lagrangeAtZero(
    chosen.map(([seat]) => seat),
    g1.order,
  );
  const sum = chosen.reduce((all, [, share], i) => all + bytesToNumberBE(share) * (lambdas[i] as bigint), 0n);
  return encodeScalar(sum % g1.order);
}

function requestOf({ index, holder: { key } }: FleetMember, tree: ManifestTree): EnrolRequest {
  const path = tree.path(index);
  const batch = { fleetId: 1, batch: 0, root: tree.root(), base: 0, count: FLEET, path };
  return {
    kind: REQUEST_KIND.enrol,
    index,
    period: Math.floor(NOW / PERIOD_SECONDS),
    k: 0,
    notBefore: NOW,
    expires: NOW + LIFETIME_SECONDS,
    scope: SCOPE,
    key,
    algorithm: COSE_ALG.bls,
    channelBinding: binding,
    csr: undefined,
    keyProof: undefined,
    enrolment: { ...batch, salt, key, deviceClass: 0 },
    joinMethod: JOIN_METHOD.identityKey,
  };
}

/** What the validator has read from the ledger: the mesh's parameters and one fleet. */
function projectionOf(tree: ManifestTree): Projection {
  const projection = new Projection();
  const policy = {
    scopes: [SCOPE],
    maximumLifetime: BigInt(LIFETIME_SECONDS),
    quota: 2n,
    joinMethods: 15n,
    graceSeconds: 0n,
  };
  const batch = { fleetId: 1n, batch: 0n, manifestRoot: hexlify(tree.root()), base: 0n, count: BigInt(FLEET) };
  const place = { blockNumber: 1, transactionHash: "", logIndex: 0 };
  projection.apply({
    contract: "fleets",
    name: "FleetRegistered",
    args: { fleetId: 1n, grantId: 1n, policy },
    ...place,
  });
  projection.apply({ contract: "fleets", name: "BatchAppended", args: batch, ...place });
  projection.genesis = {
    meshId: hexlify(meshId),
    blockNumber: 1,
    parameters: { certificatePeriodSeconds: BigInt(PERIOD_SECONDS) } as Parameters,
  };
  return projection;
}

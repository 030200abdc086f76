/** The worked examples of docs/protocol.md, made from the code: what the mesh of example-mesh.ts and its devices say. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concatBytes } from "@noble/hashes/utils.js";

import { encodeBundle } from "../../src/certificate/bundle.js";
import {
  type CertificateFields,
  certificatePayload,
  certificateToSign,
  encodeCertificate,
} from "../../src/certificate/certificate.js";
import {
  committeeListPayload,
  committeeListToSign,
  encodeCommitteeList,
} from "../../src/certificate/committee-list.js";
import { type DeviceKey, coseKey } from "../../src/certificate/cose-key.js";
import { encodeCbor } from "../../src/certificate/cbor.js";
import { DrlTree } from "../../src/certificate/drl-tree.js";
import { type DrlHead, drlHeadToSign, encodeDrlProof } from "../../src/certificate/drl.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import { makePresentation } from "../../src/certificate/presentation.js";
import {
  type IssuanceRequest,
  REQUEST_KIND,
  certifiedKeyProof,
  encodeRequestPayload,
  requestedCertificate,
  signRequest,
} from "../../src/certificate/request.js";
import { signDeviceRevocation } from "../../src/certificate/revocation-request.js";
import { type MeshFacts, createCrossCertificate, createRootCertificate } from "../../src/certificate/x509-root.js";
import { nobleBls, provePossession } from "../../src/crypto/bls.js";
import { sealedRoot } from "../../src/crypto/dealing.js";
import { encodeScalar } from "../../src/crypto/group.js";
import { outcomeHash } from "../../src/crypto/outcome.js";
import { blsKeyHash, g1ToEip2537 } from "../../src/crypto/points.js";
import {
  encodeCommitmentAnswer,
  encodeFrostSignRequest,
  encodePartialAnswer,
  encodeShareAnswer,
  encodeSignedRevocation,
} from "../../src/protocol/api.js";
import { coseStatementDigest, frostDigest } from "../../src/protocol/evidence.js";
import {
  preSharedIdentitySeed,
  preSharedKeyIdentity,
  validatorPreSharedKey,
} from "../../src/protocol/pre-shared-key.js";
import { encodeProbe, encodeProbeAnswer, signSteps, stepToSign } from "../../src/protocol/probe.js";
import { revocationDigest, revocationEntries, revocationEntriesHash } from "../../src/protocol/revocation.js";
import { COSE_ALG, type GroupAlgorithm, JOIN_METHOD, KEY_TYPE } from "../../src/statements/cose.js";
import { statementDigest, typeHash } from "../../src/statements/eip712.js";
import { probeWork } from "../../src/validator/probe-work.js";

import {
  NOW,
  PERIOD_SECONDS,
  chainId,
  contracts,
  counted,
  dealings,
  evidence,
  externalAad,
  keys,
  members,
  meshId,
  n,
  nonce,
  parsed,
  qualified,
  receivingKeys,
  receivingSecrets,
  root,
  rootKey,
  rootSecret,
  rootX,
  rootY,
  seed,
  separators,
  shareOf,
  shares,
  signByBls,
  signByFrost,
  signByRoot,
  signBySwarm,
  spkiOf,
  t,
} from "./example-mesh.js";
/** What an example file holds: byte strings are written as hexadecimal digits. */
export type Example =
  string | number | bigint | boolean | Uint8Array | readonly Example[] | { readonly [field: string]: Example };

// ---- A fleet and two of its devices --------------------------------------------------------------------------------

const BATCH = { fleetId: 1, batch: 0, base: 256, count: 5 };
const deviceSecret = seed("device key");
const device = { type: KEY_TYPE.ed25519, bytes: ed25519.getPublicKey(deviceSecret) };
const signByDevice = (message: Uint8Array): Uint8Array => ed25519.sign(message, deviceSecret);
const newSecret = seed("new device key");
const newKey = { type: KEY_TYPE.p256, bytes: p256.getPublicKey(newSecret, true) };
const signByNewKey = (message: Uint8Array): Uint8Array => p256.sign(message, newSecret, { lowS: true });
const index = 260;
const entries = Array.from({ length: BATCH.count }, (_, i) => ({
  index: BATCH.base + i,
  salt: seed(`salt ${i}`),
  key: BATCH.base + i === index ? device : { type: KEY_TYPE.ed25519, bytes: ed25519.getPublicKey(seed(`device ${i}`)) },
  deviceClass: 0,
}));
const manifest = new ManifestTree(concatBytes(...entries.map(manifestLeaf)));
const entry = entries[index - BATCH.base] as (typeof entries)[number];
const enrolment = {
  ...BATCH,
  root: manifest.root(),
  salt: entry.salt,
  key: device,
  deviceClass: 0,
  path: manifest.path(index - BATCH.base),
};

const period = Math.floor(NOW / PERIOD_SECONDS);
const certified = { index, period, notBefore: NOW, expires: NOW + PERIOD_SECONDS, scope: "geo:u33d" };
const enrolRequest: IssuanceRequest = {
  kind: REQUEST_KIND.enrol,
  ...certified,
  k: 0,
  key: device,
  algorithm: COSE_ALG.bls,
  channelBinding: seed("channel binding 1"),
  csr: undefined,
  keyProof: undefined,
  enrolment,
  joinMethod: JOIN_METHOD.identityKey,
};
const from = { meshId, generation: 1, deviceClass: 0 };

interface Issued {
  readonly fields: CertificateFields;
  readonly payload: Uint8Array;
  readonly toSign: Uint8Array;
}

function issued(request: IssuanceRequest): Issued {
  const fields = requestedCertificate(request, from);
  const payload = certificatePayload(fields);
  return { fields, payload, toSign: certificateToSign(request.algorithm, externalAad, payload) };
}

const blsIssued = issued(enrolRequest);
const blsSigning = signByBls(blsIssued.toSign);
const blsCertificate = encodeCertificate(COSE_ALG.bls, blsIssued.payload, blsSigning.signature);

const renewRequest: IssuanceRequest = {
  kind: REQUEST_KIND.renew,
  ...certified,
  k: 1,
  key: newKey,
  algorithm: COSE_ALG.eddsa,
  channelBinding: seed("channel binding 2"),
  csr: undefined,
  keyProof: signByNewKey(certifiedKeyProof(meshId, index, newKey)),
  certificate: blsCertificate,
};
const edIssued = issued(renewRequest);
const edSigning = signByFrost(edIssued.toSign);
const edCertificate = encodeCertificate(COSE_ALG.eddsa, edIssued.payload, edSigning.signature);

// ---- The revocation list -------------------------------------------------------------------------------------------

const REVOKED = [3, 261];
const tree = new DrlTree(2);
for (const { word, mask } of maskedWords(REVOKED)) tree.setWord(word, mask);
const head: DrlHead = {
  number: 60,
  root: tree.root(),
  words: tree.words,
  issued: NOW,
  expires: NOW + 1_800,
  blockNumber: 1_234,
};

function maskedWords(indexes: readonly number[]): { word: number; mask: Uint8Array }[] {
  const { words, masks } = revocationEntries(indexes);
  return words.map((word, i) => ({ word, mask: masks[i] as Uint8Array }));
}

function proofUnder(algorithm: GroupAlgorithm) {
  const toSign = drlHeadToSign(algorithm, head, { revocations: separators.revocations, externalAad });
  const signature = signBySwarm(algorithm, toSign);
  return { toSign, signature, proof: encodeDrlProof({ head, algorithm, signature, ...tree.prove(1) }) };
}
const [blsProof, edProof] = [proofUnder(COSE_ALG.bls), proofUnder(COSE_ALG.eddsa)];

const keyFields = (key: DeviceKey): Example => ({
  keyType: key.type,
  bytes: key.bytes,
  coseKey: encodeCbor(coseKey(key)),
});

function certificateExample(algorithm: GroupAlgorithm, { fields, payload, toSign }: Issued, encoded: Uint8Array) {
  const { key, ...rest } = fields;
  return { algorithm, ...rest, key: keyFields(key), payload, sigStructure: toSign, certificate: encoded };
}

/** The files of docs/examples by name. */
export async function examples(): Promise<Record<string, Example>> {
  const validity = { notBefore: NOW - 86_400, notAfter: NOW + 3_650 * 86_400 };
  const rootCertificate = await createRootCertificate({
    key: rootKey,
    commonName: "Example root CA",
    serial: seed("root serial").fill(0x40, 0, 1).slice(0, 16),
    sign: signByRoot,
    ...validity,
  });
  const facts: MeshFacts = {
    generation: 1,
    keys: { bls: keys.bls, ed25519: keys.ed25519 },
    meshId,
    chainId,
    anchor: contracts.anchor,
    registry: contracts.registry,
    revocationList: contracts.revocations,
  };
  const crossCertificate = await createCrossCertificate({
    root: rootCertificate,
    facts,
    serial: seed("cross serial").fill(0x40, 0, 1).slice(0, 16),
    sign: signByRoot,
    ...validity,
  });
  const listPayload = committeeListPayload({
    generation: 1,
    epoch: 1,
    tick: head.number,
    issued: head.issued,
    members: members.map(({ seat, account, tlsSecret }, i) => ({
      seat,
      account,
      endpoint: `validator-${seat}.example:7443`,
      tlsPin: sha256(spkiOf(tlsSecret)),
      scope: "geo:u33",
      blsKey: keys.verificationKeys[i]?.g1 as Uint8Array,
      ed25519Key: keys.verificationKeys[i]?.ed25519 as Uint8Array,
    })),
  });
  const listToSign = committeeListToSign(externalAad, listPayload);
  const committeeList = encodeCommitteeList(listPayload, signByBls(listToSign).signature);

  return {
    "ledger-digests": ledgerDigestsExample(),
    ceremony: ceremonyExample(),
    bundle: {
      rootCertificate,
      rootFingerprint: sha256(rootCertificate),
      crossCertificate,
      committeeListPayload: listPayload,
      committeeListSigStructure: listToSign,
      committeeList,
      bundle: encodeBundle({ root: rootCertificate, crossCertificates: [crossCertificate], committeeList }),
    },
    "certificate-bls": certificateExample(COSE_ALG.bls, blsIssued, blsCertificate),
    "certificate-ed25519": certificateExample(COSE_ALG.eddsa, edIssued, edCertificate),
    enrolment: await enrolmentExample(),
    renewal: await renewalExample(),
    "drl-proof": {
      revoked: REVOKED,
      words: [tree.word(0), tree.word(1)],
      head: { ...head },
      index,
      bls: { digest: blsProof.toSign, signature: blsProof.signature, proof: blsProof.proof },
      ed25519: { sigStructure: edProof.toSign, signature: edProof.signature, proof: edProof.proof },
    },
    presentation: await presentationExample(),
    revocation: await revocationExample(),
    "pre-shared-key": preSharedKeyExample(),
    probe: await probeExample(),
  };
}

function ledgerDigestsExample(): Example {
  const blsSecret = seed("identity key").fill(1, 0, 1);
  const identity = nobleBls.publicKey(blsSecret);
  const account = (members[0] as (typeof members)[number]).account;
  const possession = statementDigest(separators.registry, "ProofOfPossession", {
    account,
    keyHash: blsKeyHash(identity),
  });
  const tlsSecret = (members[0] as (typeof members)[number]).tlsSecret;
  const tlsPin = sha256(spkiOf(tlsSecret));
  const tlsPossession = statementDigest(separators.registry, "TlsPossession", { account, tlsPin });
  const certification = statementDigest(separators.anchor, "KeyCertification", {
    generation: 1,
    certificateHash: seed("certificate"),
  });
  return {
    rootSecret,
    rootX,
    rootY,
    nonce,
    meshId,
    chainId,
    contracts,
    domainSeparators: separators,
    proofOfPossession: {
      typeHash: typeHash("ProofOfPossession"),
      secret: blsSecret,
      blsKey: identity,
      account,
      keyHash: blsKeyHash(identity),
      digest: possession,
      proof: provePossession(blsSecret, possession),
    },
    tlsPossession: {
      typeHash: typeHash("TlsPossession"),
      secret: tlsSecret,
      spki: spkiOf(tlsSecret),
      account,
      tlsPin,
      digest: tlsPossession,
      signature: p256.sign(tlsPossession, tlsSecret, { lowS: true }),
    },
    keyCertification: {
      typeHash: typeHash("KeyCertification"),
      generation: 1,
      certificateHash: seed("certificate"),
      digest: certification,
      signature: signByRoot(certification),
    },
  };
}

function ceremonyExample(): Example {
  const first = parsed[0] as (typeof parsed)[number];
  const activation = statementDigest(separators.ceremony, "Activation", {
    generation: 1,
    epoch: 1,
    qualified,
    verificationRoot: root,
    blsKeyHash: blsKeyHash(keys.bls),
    edKey: keys.ed25519,
  });
  return {
    contract: contracts.ceremony,
    ceremony: 1,
    attempt: 1,
    n,
    t,
    receivingSecrets: receivingSecrets.map(encodeScalar),
    receivingKeys: receivingKeys.map(g1ToEip2537),
    dealings,
    firstDealing: {
      ephemeralHash: keccak_256(g1ToEip2537(first.ephemeralKey)),
      g1Hash: keccak_256(concatBytes(...first.g1Commitments)),
      edHash: keccak_256(concatBytes(...first.edCommitments)),
      sealedRoot: sealedRoot(first),
      shareOfSeat2: { ...shareOf(1, 2) },
    },
    counted,
    qualifiedHash: qualified,
    verificationKeys: keys.verificationKeys.map((key) => ({ ...key })),
    verificationRoot: root,
    blsKey: keys.bls,
    edKey: keys.ed25519,
    combinedShares: shares.map((pair) => ({ ...pair })),
    outcomeHash: outcomeHash(qualified, keys),
    activationDigest: activation,
    activationSignature: signByBls(activation).signature,
  };
}

async function enrolmentExample(): Promise<Example> {
  const digest = coseStatementDigest(blsIssued.toSign);
  return {
    deviceSecret,
    manifest: {
      ...BATCH,
      leaves: entries.map((one) => manifestLeaf(one)),
      root: manifest.root(),
      salt: entry.salt,
      path: enrolment.path,
    },
    channelBinding: enrolRequest.channelBinding,
    payload: encodeRequestPayload(enrolRequest),
    request: await signRequest(enrolRequest, { key: device, sign: signByDevice }, externalAad),
    answers: blsSigning.partials.map(({ seat, signature }) =>
      encodePartialAnswer({ seat, partial: signature, evidence: evidence(seat, digest, signature) }),
    ),
    certificate: blsCertificate,
  };
}

async function renewalExample(): Promise<Example> {
  const digest = coseStatementDigest(edIssued.toSign);
  const session = (seat: number): Uint8Array => seed(`session ${seat}`).slice(0, 16);
  return {
    newSecret,
    certifiedKeyProofInput: certifiedKeyProof(meshId, index, newKey),
    payload: encodeRequestPayload(renewRequest),
    request: await signRequest(renewRequest, { key: device, sign: signByDevice }, externalAad),
    commitmentAnswers: edSigning.commitments.map(({ seat, hiding, binding }) =>
      encodeCommitmentAnswer({ seat, session: session(seat), hiding, binding }),
    ),
    signRequests: edSigning.commitments.map(({ seat }) =>
      encodeFrostSignRequest({ session: session(seat), commitments: edSigning.commitments }),
    ),
    shareAnswers: [...edSigning.shares].map(([seat, share]) =>
      encodeShareAnswer({ seat, share, evidence: evidence(seat, frostDigest(digest, edSigning.commitments), share) }),
    ),
    certificate: edCertificate,
  };
}

async function presentationExample(): Promise<Example> {
  const challenge = seed("challenge");
  const show = (
    certificate: Uint8Array,
    drlProof: Uint8Array,
    holder: Pick<Parameters<typeof makePresentation>[0], "key" | "sign">,
  ) => makePresentation({ certificate, drlProof, challenge, audience: "gate 7", externalAad, ...holder });
  return {
    challenge,
    audience: "gate 7",
    now: NOW + 60,
    bls: await show(blsCertificate, blsProof.proof, { key: device, sign: signByDevice }),
    ed25519: await show(edCertificate, edProof.proof, { key: newKey, sign: signByNewKey }),
  };
}

async function revocationExample(): Promise<Example> {
  const [reason, expiry] = [1, NOW + 3_600];
  const binding = seed("channel binding 3");
  const listed = revocationEntries([index]);
  const digest = revocationDigest(separators.revocations, listed, reason, expiry);
  const fields = { index, reason, expiry, channelBinding: binding, subject: blsCertificate };
  return {
    request: await signDeviceRevocation(fields, { key: device, sign: signByDevice }, externalAad),
    channelBinding: binding,
    entriesHash: revocationEntriesHash(listed),
    digest,
    statement: encodeSignedRevocation({ ...listed, reason, expiry, signature: signByBls(digest).signature }),
  };
}

function preSharedKeyExample(): Example {
  const preSharedKey = seed("pre-shared key");
  const identitySeed = preSharedIdentitySeed(preSharedKey);
  return {
    preSharedKey,
    manifestSeed: identitySeed,
    manifestKey: ed25519.getPublicKey(identitySeed),
    identity: preSharedKeyIdentity(meshId, index),
    channelKeys: members.map(({ account }) => ({
      account,
      key: validatorPreSharedKey(preSharedKey, meshId, account),
    })),
  };
}

/** A probe of the first member, over a connection with this channel binding. */
async function probeExample(): Promise<Example> {
  const { account, tlsSecret } = members[0] as (typeof members)[number];
  const subject = { account, challenge: seed("probe"), channel: seed("probe channel") };
  const work = await probeWork(subject);
  const sign = (message: Uint8Array): Uint8Array => p256.sign(message, tlsSecret, { lowS: true });
  const signatures = signSteps(externalAad, subject, work, sign);
  const next = sha256(signatures[0] as Uint8Array);
  return {
    ...subject,
    tlsKey: spkiOf(tlsSecret),
    request: encodeProbe({ epoch: 1, challenge: subject.challenge }),
    work,
    toSign: [stepToSign(externalAad, subject, 0, work), stepToSign(externalAad, subject, 1, next)],
    answer: encodeProbeAnswer({ work, signatures }),
  };
}

/** The content of an example's file. */
export function formatExample(example: Example): string {
  const replace = (_: string, value: unknown): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
    return typeof value === "bigint" ? Number(value) : value;
  };
  return `${JSON.stringify(example, replace, 2)}\n`;
}

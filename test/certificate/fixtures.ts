/** A mesh with whole keys in place of shares: enough to make everything that a verifier sees. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { expect } from "chai";

import {
  certificatePayload,
  certificateSerial,
  certificateToSign,
  encodeCertificate,
} from "../../src/certificate/certificate.js";
import type { CertificateFields } from "../../src/certificate/certificate.js";
import type { DeviceKey } from "../../src/certificate/cose-key.js";
import { type DrlHead, drlHeadToSign, drlPosition, encodeDrlProof } from "../../src/certificate/drl.js";
import { DrlTree } from "../../src/certificate/drl-tree.js";
import { Refusal, type RefusalCode } from "../../src/certificate/refusal.js";
import { type SignatureChecks, nobleSignatures } from "../../src/certificate/signatures.js";
import { signedBySwarm } from "../../src/certificate/x509-authority.js";
import { type MemberFields, memberSerial } from "../../src/certificate/x509-leaf.js";
import {
  type MemberHosts,
  type MeshFacts,
  createCrossCertificate,
  createRootCertificate,
} from "../../src/certificate/x509-root.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { COSE_ALG, type GroupAlgorithm, KEY_TYPE } from "../../src/statements/cose.js";
import { domainSeparator } from "../../src/statements/eip712.js";

export const checks: SignatureChecks = { bls: nobleBls, device: nobleSignatures };

/** 32 bytes that depend on `label` alone. */
export const seed = (label: string): Uint8Array => sha256(utf8ToBytes(label));

// Below the group's order, as its first byte is.
const blsSecret = seed("bls").fill(1, 0, 1);
const edSecret = seed("ed25519");

export const NOW = 1_800_000_000;
export const meshId = seed("mesh");
export const chainId = 31337n;
export const anchor = seed("anchor").slice(12);
export const registry = seed("registry").slice(12);
export const revocationList = seed("revocations").slice(12);

export const externalAad = domainSeparator({ chainId, verifyingContract: anchor, meshId });
export const revocations = domainSeparator({ chainId, verifyingContract: revocationList, meshId });

export const trust = {
  externalAad,
  revocations,
  generation: 1,
  keys: { bls: nobleBls.publicKey(blsSecret), ed25519: ed25519.getPublicKey(edSecret) },
};

/** Signs as t members of the committee would. */
export function groupSign(algorithm: GroupAlgorithm, message: Uint8Array): Uint8Array {
  if (algorithm === COSE_ALG.eddsa) return ed25519.sign(message, edSecret);
  return nobleBls.sign(blsSecret, message);
}

/** A TBS structure with the signature of the mesh's Ed25519 key: X.509 certificates and lists. */
export function signX509(tbs: Uint8Array): Uint8Array {
  return signedBySwarm(tbs, groupSign(COSE_ALG.eddsa, tbs));
}

export interface Holder {
  readonly key: DeviceKey;
  sign(message: Uint8Array): Uint8Array;
}

export function ed25519Holder(label = "device"): Holder {
  const secret = seed(label);
  return {
    key: { type: KEY_TYPE.ed25519, bytes: ed25519.getPublicKey(secret) },
    sign: (message) => ed25519.sign(message, secret),
  };
}

export function p256Holder(label = "device"): Holder {
  const secret = seed(label);
  return {
    key: { type: KEY_TYPE.p256, bytes: p256.getPublicKey(secret, true) },
    sign: (message) => p256.sign(message, secret, { lowS: true }),
  };
}

export function certificateFields(changes: Partial<CertificateFields> = {}): CertificateFields {
  const index = changes.index ?? 70_000;
  return {
    notBefore: NOW - 600,
    expires: NOW + 3_000,
    serial: certificateSerial({ meshId, index, period: 20_000, k: 0 }),
    key: ed25519Holder().key,
    scope: "geo:u33db",
    generation: 1,
    index,
    deviceClass: 0,
    ...changes,
  };
}

/** A validator's certificate for TLS, under the key of holder `member`. */
export function memberFields(changes: Partial<MemberFields> = {}): MemberFields {
  const account = seed("account").slice(12);
  return {
    account,
    generation: 1,
    scope: "geo:u33",
    serial: memberSerial(meshId, account, 20_000, 0),
    notBefore: NOW - 600,
    expires: NOW + 3_000,
    key: p256Holder("member").key,
    hosts: { dns: [], ip: [] },
    ...changes,
  };
}

export function issue(
  changes: Partial<CertificateFields> = {},
  algorithm: GroupAlgorithm = COSE_ALG.bls,
  aad: Uint8Array = externalAad,
): Uint8Array {
  const payload = certificatePayload(certificateFields(changes));
  return encodeCertificate(algorithm, payload, groupSign(algorithm, certificateToSign(algorithm, aad, payload)));
}

/** A list for `devices` devices in which `listed` are revoked, and the proof of `index` under a head of it. */
export function listProof({
  index = 70_000,
  devices = 131_072,
  listed = [3, 70_001].filter((listed) => listed < devices),
  head: changes = {},
  algorithm = COSE_ALG.bls,
  tree = drlTree(devices, listed),
}: {
  index?: number;
  devices?: number;
  listed?: readonly number[];
  head?: Partial<DrlHead>;
  algorithm?: GroupAlgorithm;
  tree?: DrlTree;
} = {}): Uint8Array {
  const head: DrlHead = {
    number: 1_000_000,
    root: tree.root(),
    words: tree.words,
    issued: NOW - 300,
    expires: NOW + 900,
    blockNumber: 20_000_000,
    ...changes,
  };
  const signature = groupSign(algorithm, drlHeadToSign(algorithm, head, { revocations, externalAad }));
  return encodeDrlProof({ head, algorithm, signature, ...tree.prove(drlPosition(index).position) });
}

export function drlTree(devices: number, listed: readonly number[]): DrlTree {
  const tree = new DrlTree(Math.max(1, Math.ceil(devices / 256)));
  for (const index of listed) {
    const { position, bit } = drlPosition(index);
    const word = tree.word(position).slice();
    word[31 - (bit >> 3)] = (word[31 - (bit >> 3)] as number) | (1 << (bit & 7));
    tree.setWord(position, word);
  }
  return tree;
}

export const facts: MeshFacts = {
  generation: 1,
  keys: trust.keys,
  meshId,
  chainId,
  anchor,
  registry,
  revocationList,
};

export const rootHolder = p256Holder("root");
export const validity = { notBefore: NOW - 1_000_000, notAfter: NOW + 1_000_000 };

/** A self-signed root, valid around NOW. */
export function makeRoot(holder = rootHolder, times = validity): Promise<Uint8Array> {
  const serial = seed("root serial").slice(0, 16);
  return createRootCertificate({ ...holder, ...times, commonName: "Example root", serial });
}

export function makeCrossCertificate(
  root: Uint8Array,
  changes: Partial<MeshFacts> = {},
  times = validity,
  hosts?: MemberHosts,
): Promise<Uint8Array> {
  const serial = seed("cross serial").slice(0, 16);
  const all = { ...facts, ...changes };
  return createCrossCertificate({ root, facts: all, serial, ...times, ...(hosts && { hosts }), sign: rootHolder.sign });
}

/** Expects the refusal with `code`, and `field` where one is given. */
export function expectRefusal(action: () => unknown, code: RefusalCode, field?: string): void {
  let refusal: unknown;
  try {
    action();
  } catch (error) {
    refusal = error;
  }
  expect(refusal, "nothing was refused").to.be.instanceOf(Refusal);
  expect((refusal as Refusal).code, (refusal as Refusal).message).to.equal(code);
  if (field !== undefined) expect((refusal as Refusal).field).to.equal(field);
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

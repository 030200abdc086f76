/** Signed objects in words: what `cert show` and the others print. Decoding believes nothing. */
import { decodeBundle } from "../certificate/bundle.js";
import { type CertificateFields, decodeCertificate } from "../certificate/certificate.js";
import { type CommitteeList, decodeCommitteeList } from "../certificate/committee-list.js";
import type { DeviceKey } from "../certificate/cose-key.js";
import { type DrlHead, decodeDrlProof, decodeSignedDrlHead, drlPosition, isListed } from "../certificate/drl.js";
import { decodeAnswer, decodePresentation } from "../certificate/presentation.js";
import { Refusal } from "../certificate/refusal.js";
import { derOid } from "../certificate/der.js";
import { decodeX509Certificate } from "../certificate/x509.js";
import { decodeCrl } from "../certificate/x509-crl.js";
import { decodeDeviceCertificate, decodeMemberCertificate } from "../certificate/x509-leaf.js";
import { verifyCrossCertificate, verifyRootCertificate } from "../certificate/x509-root.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { COSE_ALG, KEY_TYPE } from "../statements/cose.js";
import { X509_OID } from "../statements/x509.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { when } from "../statements/time.js";
import { type Printable } from "./command.js";

type Fields = { readonly [key: string]: Printable };

const CLASSES = ["sensor", "actuator", "gateway"] as const;

export function algorithmName(algorithm: number): string {
  return { [COSE_ALG.bls]: "bls", [COSE_ALG.eddsa]: "ed25519", [COSE_ALG.es256]: "es256" }[algorithm] ?? `${algorithm}`;
}

function describeKey({ type, bytes }: DeviceKey): Fields {
  return { type: type === KEY_TYPE.ed25519 ? "ed25519" : "p256", publicKey: bytes };
}

export function describeCertificate(fields: CertificateFields & { readonly algorithm?: number }): Fields {
  const { index, deviceClass, scope, generation, serial, notBefore, expires, key, algorithm } = fields;
  return {
    index,
    class: CLASSES[deviceClass] ?? `${deviceClass}`,
    scope,
    notBefore: when(notBefore),
    expires: when(expires),
    serial,
    key: describeKey(key),
    generation,
    algorithm: algorithm === undefined ? undefined : algorithmName(algorithm),
  };
}

/** An X.509 certificate of a device, a member, the mesh or its root; or a revocation list. @throws Refusal */
export function describeX509(encoded: Uint8Array): Fields {
  const { key, notBefore, notAfter, serial, extensions } = decodeX509Certificate(encoded, "certificate");
  const common = { serial, notBefore: when(notBefore), notAfter: when(notAfter), key: describeKey(key) };
  const has = (oid: string): boolean => extensions.has(hex(derOid(oid)));
  if (has(X509_OID.device)) {
    const { index, scope, generation, deviceClass, names } = decodeDeviceCertificate(encoded);
    return {
      index,
      class: CLASSES[deviceClass] ?? `${deviceClass}`,
      scope,
      names: names.join(", "),
      generation,
      ...common,
    };
  }
  if (has(X509_OID.member)) {
    const { account, scope, generation, hosts } = decodeMemberCertificate(encoded);
    return {
      validator: `0x${hex(account)}`,
      scope: scope || "none",
      names: hosts.dns.join(", "),
      generation,
      ...common,
    };
  }
  return common;
}

function describeCrl(encoded: Uint8Array): Fields {
  const { number, base, thisUpdate, nextUpdate, entries } = decodeCrl(encoded);
  return { number, base, thisUpdate: when(thisUpdate), nextUpdate: when(nextUpdate), entries: entries.length };
}

export function describeHead({ number, issued, expires, words, blockNumber, root }: DrlHead): Fields {
  return { number, issued: when(issued), expires: when(expires), words, devices: 256 * words, blockNumber, root };
}

/** @param index of the device whose bit is looked up, where it is known. */
export function describeProof(encoded: Uint8Array, index?: number): Fields {
  const { head, algorithm, word, path } = decodeDrlProof(encoded);
  const revoked = index === undefined ? undefined : isListed(word, drlPosition(index).bit);
  return {
    index,
    revoked,
    head: describeHead(head),
    algorithm: algorithmName(algorithm),
    word,
    levels: path.length / 32,
  };
}

export function describeCommittee({ generation, epoch, tick, issued, members }: CommitteeList): Fields {
  return {
    generation,
    epoch,
    tick,
    issued: when(issued),
    members: Object.fromEntries(
      members.map(({ seat, account, endpoint, scope, tlsPin }) => [
        `seat ${seat}`,
        { endpoint: endpoint || "none", scope: scope || "none", account: `0x${hex(account)}`, tlsPin },
      ]),
    ),
  };
}

function describeBundle(encoded: Uint8Array): Fields {
  const { root, crossCertificates, committeeList } = decodeBundle(encoded);
  const verified = verifyRootCertificate(root, nativeSignatures);
  return {
    rootFingerprint: sha256(root),
    generations: Object.fromEntries(
      crossCertificates.map((certificate) => {
        const facts = verifyCrossCertificate(certificate, verified, nativeSignatures);
        const { generation, meshId, chainId, anchor, registry, revocationList, keys, notBefore, notAfter } = facts;
        const places = {
          anchor: `0x${hex(anchor)}`,
          registry: `0x${hex(registry)}`,
          revocationList: `0x${hex(revocationList)}`,
        };
        const validity = { notBefore: when(notBefore), notAfter: when(notAfter) };
        return [
          `${generation}`,
          { meshId, chainId, ...places, blsKey: keys.bls, ed25519Key: keys.ed25519, ...validity },
        ];
      }),
    ),
    committee: committeeList === undefined ? "none yet" : describeCommittee(decodeCommitteeList(committeeList)),
  };
}

function describePresentation(encoded: Uint8Array): Fields {
  const { certificate, drlProof, answer } = decodePresentation(encoded);
  const decoded = decodeCertificate(certificate);
  const { challenge, audience } = decodeAnswer(answer);
  return {
    challenge,
    audience: audience === "" ? "anybody" : audience,
    certificate: describeCertificate(decoded),
    revocationProof: describeProof(drlProof, decoded.index),
  };
}

/** The DER in a PEM file; other bytes as they are. */
export function derOf(content: Uint8Array): Uint8Array {
  const [, body] =
    /-----BEGIN [A-Z0-9 ]+-----([A-Za-z0-9+/=\s]+)-----END/.exec(Buffer.from(content).toString("latin1")) ?? [];
  return body === undefined ? content : new Uint8Array(Buffer.from(body, "base64"));
}

/** Every kind of object that can be shown; a kind is tried by decoding. */
const KINDS: readonly { readonly kind: string; readonly describe: (encoded: Uint8Array) => Fields }[] = [
  { kind: "certificate", describe: (encoded) => describeCertificate(decodeCertificate(encoded)) },
  { kind: "presentation", describe: describePresentation },
  { kind: "bundle", describe: describeBundle },
  { kind: "revocation proof", describe: (encoded) => describeProof(encoded) },
  { kind: "revocation head", describe: (encoded) => describeHead(decodeSignedDrlHead(encoded).head) },
  { kind: "X.509 certificate", describe: (encoded) => describeX509(derOf(encoded)) },
  { kind: "certificate revocation list", describe: (encoded) => describeCrl(derOf(encoded)) },
  { kind: "committee list", describe: (encoded) => describeCommittee(decodeCommitteeList(encoded)) },
];

/** @throws SwarmkeepError `unknown-object` where the bytes are of no kind. */
export function describeObject(encoded: Uint8Array): { readonly kind: string; readonly fields: Fields } {
  for (const { kind, describe } of KINDS) {
    try {
      return { kind, fields: describe(encoded) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  throw new SwarmkeepError(`the ${encoded.length} bytes are no certificate, presentation, bundle, proof or head`, {
    kind: "usage",
    code: "unknown-object",
    advice: "Give the file as it was written, or its bytes in hexadecimal digits.",
    details: { length: encoded.length },
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

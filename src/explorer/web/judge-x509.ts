/**
 * X.509 as the mesh makes it: certificates of devices and of members, the mesh's own and its root's, and revocation lists. What each
 * of them is shows in its extensions; a certificate that bears none of them can only be the root's.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { checkValidity } from "../../certificate/certificate.js";
import { equalBytes } from "../../crypto/bytes.js";
import { derOid } from "../../certificate/der.js";
import { Refusal } from "../../certificate/refusal.js";
import { nobleSignatures } from "../../certificate/signatures.js";
import { type X509Certificate, decodeX509Certificate } from "../../certificate/x509.js";
import { checkSignedBySwarm, meshAuthority, verifyAuthority } from "../../certificate/x509-authority.js";
import { decodeCrl, verifyCrl } from "../../certificate/x509-crl.js";
import {
  type DeviceCertificate,
  type MemberCertificate,
  decodeDeviceCertificate,
  decodeMemberCertificate,
} from "../../certificate/x509-leaf.js";
import { meshLabel } from "../../certificate/x509-names.js";
import { GROUP_KEYS, readMeshFacts, verifyRootCertificate } from "../../certificate/x509-root.js";
import { X509_OID } from "../../statements/x509.js";
import type { Trust } from "../views/certificates/view.js";
import { type Mesh, expectRoot, proofFor, tryRevocation } from "./judge-trust.js";
import { type Facts, Trial } from "./trial.js";
import type { Verdict } from "./verdict.js";
import { checkGeneration } from "../../certificate/succession.js";

export async function judgeX509(encoded: Uint8Array, trust: Trust, mesh: Mesh, time: number): Promise<Verdict> {
  const { extensions } = decodeX509Certificate(encoded, "certificate");
  const has = (oid: Uint8Array): boolean => extensions.has(bytesToHex(oid));
  if (has(derOid(X509_OID.device))) return judgeDevice(decodeDeviceCertificate(encoded), mesh, time);
  if (has(derOid(X509_OID.member))) return judgeMember(decodeMemberCertificate(encoded), mesh, time);
  return has(GROUP_KEYS) ? judgeAuthority(encoded, trust, time) : judgeRoot(encoded, trust, time);
}

function x509Facts({ encoded, notBefore, notAfter }: X509Certificate): Facts {
  return [
    ["Valid from", String(notBefore)],
    ["Expires", String(notAfter)],
    ["SHA-256", bytesToHex(sha256(encoded))],
  ];
}

/** Mesh, keys, signature and time: what certificates of devices and of members have in common. */
function tryLeaf(trial: Trial, leaf: DeviceCertificate | MemberCertificate, mesh: Mesh, time: number): void {
  const label = meshLabel(mesh.meshId);
  trial.try("Encoding", "the one encoding that the protocol allows", () => undefined);
  trial.try("Mesh", `${label}, this one`, () => {
    if (leaf.authority.label === label) return;
    throw new Refusal("wrong-mesh", `the certificate is of mesh ${leaf.authority.label}, this one is ${label}`);
  });
  trial.try("Group keys", `generation ${leaf.generation}, the newest`, () =>
    checkGeneration(leaf.generation, mesh.generation),
  );
  trial.try("Signature", "by the swarm's Ed25519 group key", () =>
    checkSignedBySwarm(leaf.x509, mesh.keys.ed25519, nobleSignatures, "certificate"),
  );
  trial.try("Time", "within its validity", () => checkValidity(leaf, time));
}

async function judgeDevice(device: DeviceCertificate, mesh: Mesh, time: number): Promise<Verdict> {
  const { index, scope, generation, names, x509 } = device;
  const trial = new Trial();
  tryLeaf(trial, device, mesh, time);
  tryRevocation(trial, await proofFor(index), index, mesh, time);
  trial.open("Possession", "a file alone proves nobody's identity: a TLS handshake proves that its holder has the key");
  const facts: Facts = [
    ["Device", String(index)],
    ["Counts in", scope],
    ["Names", names.join(", ")],
    ["Generation of the keys", String(generation)],
    ...x509Facts(x509),
  ];
  const words = `Valid: the swarm signed it, and device ${index} is not revoked.`;
  return trial.verdict("X.509 certificate of a device", words, facts, index);
}

function judgeMember(member: MemberCertificate, mesh: Mesh, time: number): Verdict {
  const { account, scope, generation, hosts, x509 } = member;
  const trial = new Trial();
  tryLeaf(trial, member, mesh, time);
  trial.open("Office", "it says that this was a member when it was signed; the overview has who is in office now");
  const facts: Facts = [
    ["Validator", `0x${bytesToHex(account)}`],
    ["Stands in", scope === "" ? "nowhere that it says" : scope],
    ["Names", hosts.dns.join(", ") || "its own alone"],
    ["Generation of the keys", String(generation)],
    ...x509Facts(x509),
  ];
  return trial.verdict("X.509 certificate of a validator", "Valid: the swarm signed it.", facts);
}

/** The root's certificate of the group keys, and the mesh's own, which says the same and is signed by the swarm. */
function judgeAuthority(encoded: Uint8Array, trust: Trust, time: number): Verdict {
  const x509 = decodeX509Certificate(encoded, "certificate");
  const { generation } = readMeshFacts(x509, "certificate");
  const trial = new Trial();
  const isSelfIssued = equalBytes(x509.issuer, x509.subject);
  const known = trust.generations.find((one) => one.generation === generation)?.crossCertificate?.der;
  const kind = isSelfIssued ? "X.509 certificate of the mesh" : "X.509 certificate of the group keys";
  trial.try("Group keys", `generation ${generation}, certified by the root CA on the ledger`, () => {
    if (known === undefined)
      throw new Refusal("generation-unknown", `the ledger has no certificate of the keys of generation ${generation}`);
  });
  if (isSelfIssued)
    trial.try("Signature", "by the swarm, and it says what the root's certificate says", () => {
      verifyAuthority(encoded, hexToBytes(known ?? ""), nobleSignatures);
    });
  else
    trial.try("Ledger", "the very one that the root CA published there", () => {
      if (known === bytesToHex(encoded)) return;
      throw new Refusal("bad-signature", "it is not the certificate that the ledger has for this generation");
    });
  tryTime(trial, x509, time);
  return trial.verdict(kind, "Valid, and of this mesh.", x509Facts(x509));
}

function judgeRoot(encoded: Uint8Array, trust: Trust, time: number): Verdict {
  const x509 = decodeX509Certificate(encoded, "certificate");
  const trial = new Trial();
  trial.try("Signature", "by its own key, as roots are", () => void verifyRootCertificate(encoded, nobleSignatures));
  trial.try("Root", "its key is the one that this mesh's anchor has", () => expectRoot(x509.key.bytes, trust));
  tryTime(trial, x509, time);
  return trial.verdict("X.509 root certificate", "Valid: the root CA of this mesh.", x509Facts(x509));
}

function tryTime(trial: Trial, { notBefore, notAfter }: X509Certificate, time: number): void {
  trial.try("Time", "within its validity", () => {
    const now = Math.floor(time);
    if (time < notBefore) throw new Refusal("not-yet-valid", `the certificate begins at ${notBefore}, it is ${now}`);
    if (time > notAfter) throw new Refusal("expired", `the certificate ended at ${notAfter}, it is ${now}`);
  });
}

export function judgeCrl(encoded: Uint8Array, mesh: Mesh, time: number): Verdict {
  const { number, base, thisUpdate, nextUpdate, entries } = decodeCrl(encoded);
  const trial = new Trial();
  trial.try("Signature and time", "by the swarm's Ed25519 group key, and fresh", () => {
    const authority = meshAuthority({ meshId: mesh.meshId, keys: mesh.keys, crlUrl: undefined });
    verifyCrl(encoded, { authority, groupKey: mesh.keys.ed25519 }, time, nobleSignatures);
  });
  const facts: Facts = [
    ["Number", String(number)],
    ["Kind", base === undefined ? "complete" : `changes since list ${base}`],
    ["Serials listed", String(entries.length)],
    ["Issued", String(thisUpdate)],
    ["Next update", String(nextUpdate)],
  ];
  return trial.verdict("X.509 revocation list", "Valid and fresh.", facts);
}

/**
 * The judge of signed objects, a worker: decodes and verifies with the code that devices and verifiers run (src/certificate), under the
 * keys that the ledger has. Each check is told by itself, and the reason of the first that fails. X.509 is in judge-x509.ts.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { decodeBundle, verifyBundle } from "../../certificate/bundle.js";
import {
  type Certificate,
  type CertificateFields,
  checkCertificateSignature,
  checkValidity,
  decodeCertificate,
} from "../../certificate/certificate.js";
import { type CommitteeList, decodeCommitteeList, verifyCommitteeList } from "../../certificate/committee-list.js";
import {
  type DrlHead,
  type DrlProof,
  checkNotRevoked,
  decodeDrlProof,
  decodeSignedDrlHead,
  drlPosition,
  isListed,
  verifyDrlHead,
} from "../../certificate/drl.js";
import { decodeAnswer, decodePresentation } from "../../certificate/presentation.js";
import { Refusal } from "../../certificate/refusal.js";
import { nobleSignatures } from "../../certificate/signatures.js";
import { verifyPresentation } from "../../certificate/verify.js";
import { decodeX509Certificate } from "../../certificate/x509.js";
import { decodeCrl } from "../../certificate/x509-crl.js";
import { verifyRootCertificate } from "../../certificate/x509-root.js";
import { nobleBls } from "../../crypto/bls.js";
import { COSE_ALG, KEY_TYPE } from "../../statements/cose.js";
import type { Trust } from "../views/certificates/view.js";
import { CHECKS, type Mesh, expectRoot, memory, meshOf, proofFor, tryRevocation } from "./judge-trust.js";
import { judgeCrl, judgeX509 } from "./judge-x509.js";
import { type Facts, Trial, capital, none } from "./trial.js";
import type { Case, Verdict } from "./verdict.js";
import { checkGeneration } from "../../certificate/succession.js";

const CLASSES = ["sensor", "actuator", "gateway"];

self.addEventListener("message", ({ data }: MessageEvent<Case>) => {
  void judge(data).then((verdict) => postMessage(verdict));
});

async function judge({ bytes, trust, time, index }: Case): Promise<Verdict> {
  const encoded = hexToBytes(bytes);
  try {
    const decoded = decode(encoded);
    if (decoded === undefined) return unknown(encoded);
    if (trust.generations.length === 0) return withoutKeys(decoded.kind);
    const mesh = meshOf(trust);
    switch (decoded.kind) {
      case "certificate":
        return await judgeCertificate(decoded.value, mesh, time);
      case "presentation":
        return judgePresentation(encoded, mesh, time);
      case "trust bundle":
        return judgeBundle(encoded, trust, mesh, time);
      case "revocation proof":
        return judgeProof(decoded.value, mesh, time, index);
      case "revocation head":
        return judgeHead(encoded, mesh, time);
      case "committee list":
        return judgeList(encoded, decoded.value, mesh);
      case "X.509 certificate":
        return await judgeX509(encoded, trust, mesh, time);
      case "X.509 revocation list":
        return judgeCrl(encoded, mesh, time);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) return none("internal", `It could not be checked: ${String(error)}`);
    return none(error.code, `${capital(error.message)}.`);
  }
}

type Decoded =
  | { readonly kind: "certificate"; readonly value: Certificate }
  | { readonly kind: "committee list"; readonly value: CommitteeList }
  | { readonly kind: "revocation proof"; readonly value: DrlProof }
  | {
      readonly kind:
        "presentation" | "trust bundle" | "revocation head" | "X.509 certificate" | "X.509 revocation list";
    };

/** Each kind has its own strict encoding: what decodes as one is no other. */
function decode(encoded: Uint8Array): Decoded | undefined {
  const kinds: readonly (() => Decoded)[] = [
    () => ({ kind: "certificate", value: decodeCertificate(encoded) }),
    () => (decodePresentation(encoded), { kind: "presentation" }),
    () => (decodeBundle(encoded), { kind: "trust bundle" }),
    () => ({ kind: "revocation proof", value: decodeDrlProof(encoded) }),
    () => (decodeSignedDrlHead(encoded), { kind: "revocation head" }),
    () => ({ kind: "committee list", value: decodeCommitteeList(encoded) }),
    () => (decodeX509Certificate(encoded, "certificate"), { kind: "X.509 certificate" }),
    () => (decodeCrl(encoded), { kind: "X.509 revocation list" }),
  ];
  for (const kind of kinds) {
    try {
      return kind();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }
  return undefined;
}

/** DER's SEQUENCE with a length of two bytes: what each X.509 file begins with. */
const X509_START = 0x3082;

/** Why bytes that begin like a certificate are none, which says more than "unknown". */
function unknown(encoded: Uint8Array): Verdict {
  if (((encoded[0] ?? 0) << 8) + (encoded[1] ?? 0) === X509_START) {
    return none(
      "unknown-object",
      `These ${encoded.length} bytes begin as X.509 does, and are no certificate or revocation list as this mesh makes them: another authority's, or damaged.`,
    );
  }
  try {
    decodeCertificate(encoded);
  } catch (error) {
    const reason =
      error instanceof Refusal && encoded[0] === 0xd2 ? ` As a certificate it is refused: ${error.message}.` : "";
    return none(
      "unknown-object",
      `These ${encoded.length} bytes are no certificate, presentation, bundle, proof, head, list or committee list.${reason}`,
    );
  }
  return none("unknown-object", "These bytes are nothing that is known here.");
}

function withoutKeys(kind: string): Verdict {
  return {
    ...none("no-keys", `This is a ${kind}, and the mesh has no group keys yet: nothing of it can be verified.`),
    kind,
  };
}

function certificateFacts(certificate: CertificateFields & { readonly algorithm?: number }): Facts {
  const { index, deviceClass, scope, notBefore, expires, serial, generation, key, algorithm } = certificate;
  return [
    ["Device", String(index)],
    ["Class", CLASSES[deviceClass] ?? String(deviceClass)],
    ["Counts in", scope],
    ["Valid from", String(notBefore)],
    ["Expires", String(expires)],
    ["Serial", bytesToHex(serial)],
    ["Generation of the keys", String(generation)],
    ["Signed with", algorithm === COSE_ALG.eddsa ? "Ed25519" : "BLS12-381"],
    ["Its key", `${key.type === KEY_TYPE.ed25519 ? "Ed25519" : "P-256"} ${bytesToHex(key.bytes)}`],
  ];
}

function headFacts({ number, issued, expires, words, blockNumber }: DrlHead): Facts {
  return [
    ["Head", String(number)],
    ["Head issued", String(issued)],
    ["Head ends", String(expires)],
    ["Devices it covers", String(256 * words)],
    ["State of block", String(blockNumber)],
  ];
}

async function judgeCertificate(certificate: Certificate, mesh: Mesh, time: number): Promise<Verdict> {
  const trial = new Trial();
  trial.try("Encoding", "the one encoding that the protocol allows", () => undefined);
  trial.try("Group keys", `generation ${certificate.generation}, the newest`, () =>
    checkGeneration(certificate.generation, mesh.generation),
  );
  trial.try("Signature", "by the swarm of this mesh, chain and contract", () =>
    checkCertificateSignature(certificate, mesh, CHECKS),
  );
  trial.try("Time", "within its validity", () => checkValidity(certificate, time));
  const proof = await proofFor(certificate.index);
  tryRevocation(trial, proof, certificate.index, mesh, time);
  trial.open("Possession", "a file alone proves nobody's identity: its holder has to answer a challenge");
  const facts = certificateFacts(certificate);
  return trial.verdict(
    "certificate",
    `Valid: the swarm signed it, and device ${certificate.index} is not revoked.`,
    facts,
    certificate.index,
  );
}

function judgePresentation(encoded: Uint8Array, mesh: Mesh, time: number): Verdict {
  const { certificate, answer: encodedAnswer } = decodePresentation(encoded);
  const decoded = decodeCertificate(certificate);
  const answer = decodeAnswer(encodedAnswer);
  const trial = new Trial();
  trial.try("Presentation", "certificate, revocation proof and answer belong together and are signed", () => {
    const { challenge, audience } = answer;
    const request = {
      trust: mesh,
      presentation: encoded,
      challenge,
      audience,
      scope: decoded.scope,
      now: time,
      memory: memory(),
      checks: CHECKS,
    };
    const result = verifyPresentation(request);
    if (!result.accepted) throw result.refusal;
  });
  trial.open("Challenge", "compare it with the one that the verifier gave: it counts once");
  const facts: Facts = [
    ["Challenge", bytesToHex(answer.challenge)],
    ["Meant for", answer.audience === "" ? "anybody" : answer.audience],
    ...certificateFacts(decoded),
  ];
  return trial.verdict("presentation", "Valid as the answer to the challenge that it names.", facts, decoded.index);
}

function judgeBundle(encoded: Uint8Array, trust: Trust, mesh: Mesh, time: number): Verdict {
  const bundle = decodeBundle(encoded);
  const trial = new Trial();
  let generation = 0;
  trial.try("Root", "its key is the one that this mesh's anchor has", () =>
    expectRoot(verifyRootCertificate(bundle.root, nobleSignatures).key.bytes, trust),
  );
  trial.try("Chain of trust", "root, group keys and committee list follow from one another", () => {
    const pins = { rootFingerprint: sha256(bundle.root), meshId: mesh.meshId, now: time };
    generation = verifyBundle(encoded, pins, CHECKS).generation;
  });
  trial.try("Generation", "its newest group keys are those of the ledger", () =>
    checkGeneration(generation, mesh.generation),
  );
  const facts: Facts = [
    ["Root certificate (SHA-256)", bytesToHex(sha256(bundle.root))],
    ["Generations", String(bundle.crossCertificates.length)],
    ["Committee list", bundle.committeeList === undefined ? "none" : "included"],
  ];
  return trial.verdict("trust bundle", "Valid: a device of this mesh may pin its root.", facts);
}

function judgeProof(proof: DrlProof, mesh: Mesh, time: number, index: number | undefined): Verdict {
  const trial = new Trial();
  if (index === undefined)
    trial.open("Device", "a proof does not name its device: open the device's page to check it there");
  else trial.try("Device", `device ${index} is not in the list`, () => checkNotRevoked(proof, index));
  trial.try("Head", "signed by the swarm, and fresh", () => verifyDrlHead(proof, mesh, time, memory(), CHECKS));
  const facts = headFacts(proof.head);
  if (index !== undefined)
    facts.push(["Its bit", isListed(proof.word, drlPosition(index).bit) ? "set: refused" : "not set"]);
  return trial.verdict(
    "revocation proof",
    index === undefined ? "The head is signed by the swarm and fresh." : `Valid: device ${index} is not revoked.`,
    facts,
    index,
  );
}

function judgeHead(encoded: Uint8Array, mesh: Mesh, time: number): Verdict {
  const { head, bls, ed25519 } = decodeSignedDrlHead(encoded);
  const trial = new Trial();
  trial.try("BLS signature", "by the swarm, and the head is fresh", () =>
    verifyDrlHead({ head, algorithm: COSE_ALG.bls, signature: bls }, mesh, time, memory(), CHECKS),
  );
  if (ed25519 === null) trial.open("Ed25519 signature", "not made yet");
  else
    trial.try("Ed25519 signature", "by the swarm", () =>
      verifyDrlHead({ head, algorithm: COSE_ALG.eddsa, signature: ed25519 }, mesh, time, memory(), CHECKS),
    );
  return trial.verdict("revocation head", "Valid and fresh.", headFacts(head));
}

function judgeList(encoded: Uint8Array, list: CommitteeList, mesh: Mesh): Verdict {
  const trial = new Trial();
  trial.try("Signature", "by the swarm of this mesh", () => void verifyCommitteeList(encoded, mesh, nobleBls));
  const facts: Facts = [
    ["Epoch", String(list.epoch)],
    ["Generation of the keys", String(list.generation)],
    ["Issued", String(list.issued)],
    ["Members", String(list.members.length)],
  ];
  return trial.verdict("committee list", "Valid: these are the members, as of its time.", facts);
}

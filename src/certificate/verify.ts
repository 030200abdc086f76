/** The one call of a verifier: does this presentation, now and here, prove a device of this mesh? */
import { sha256 } from "@noble/hashes/sha2.js";

import { scopesOverlap } from "../statements/scope.js";
import { equalBytes } from "../crypto/bytes.js";
import {
  type Certificate,
  type CertificateFields,
  type CertificateTrust,
  checkCertificateSignature,
  checkValidity,
  decodeCertificate,
} from "./certificate.js";
import { type DrlHead, type HeadTrust, checkNotRevoked, decodeDrlProof, verifyDrlHead } from "./drl.js";
import type { HeadMemory } from "./head-memory.js";
import { type Answer, checkAnswerSignature, decodeAnswer, decodePresentation } from "./presentation.js";
import { Refusal } from "./refusal.js";
import type { SignatureChecks } from "./signatures.js";
import { keysOf } from "./succession.js";

export interface VerificationRequest {
  /** A verified trust bundle (`verifyBundle`), or the same facts from elsewhere. */
  readonly trust: CertificateTrust & HeadTrust;
  readonly presentation: Uint8Array;
  /** The challenge that this verifier made for this presenter, used once. */
  readonly challenge: Uint8Array;
  /** Whom the answer must be meant for. Default: the empty text. */
  readonly audience?: string;
  /** Where the certificate must count. */
  readonly scope: string;
  /** `overlap` (default): one scope covers the other. `equal`: the very same scope. */
  readonly scopeRule?: "overlap" | "equal";
  /** Seconds since 1970; undefined on a device without a clock, which then goes by the newest revocation head. */
  readonly now: number | undefined;
  readonly memory: HeadMemory;
  readonly checks: SignatureChecks;
}

/** What is known of an accepted presenter. */
export interface Accepted extends CertificateFields {
  readonly accepted: true;
  /** The revocation head that it was good under. */
  readonly head: DrlHead;
}

export interface Refused {
  readonly accepted: false;
  readonly refusal: Refusal;
}

/**
 * Judges a presentation. Whatever the bytes are, the result is facts or a refusal, after at most three signature checks.
 * @throws only what `memory` throws when it cannot store a newer head.
 */
export function verifyPresentation(request: VerificationRequest): Accepted | Refused {
  try {
    return judge(request);
  } catch (refusal) {
    if (refusal instanceof Refusal) return { accepted: false, refusal };
    throw refusal;
  }
}

function judge(request: VerificationRequest): Accepted {
  const { trust, memory, checks, now } = request;
  const presentation = decodePresentation(request.presentation);
  const certificate = decodeCertificate(presentation.certificate);
  const proof = decodeDrlProof(presentation.drlProof);
  const answer = decodeAnswer(presentation.answer);

  checkAddressee(answer, request, presentation.certificate);
  const keys = keysOf(certificate.generation, trust, now ?? proof.head.issued);
  if (now !== undefined) checkValidity(certificate, now);
  checkScope(certificate, request);
  checkNotRevoked(proof, certificate.index);

  checkAnswerSignature(answer, certificate.key, trust.externalAad, checks.device);
  checkCertificateSignature(certificate, { ...trust, keys }, checks);
  verifyDrlHead(proof, trust, now, memory, checks);
  if (now === undefined) checkValidity({ ...certificate, notBefore: 0 }, proof.head.issued);

  const { notBefore, expires, serial, key, scope, generation, index, deviceClass } = certificate;
  const fields = { notBefore, expires, serial, key, scope, generation, index, deviceClass };
  return { accepted: true, ...fields, head: proof.head };
}

function checkAddressee(answer: Answer, request: VerificationRequest, certificate: Uint8Array): void {
  if (!equalBytes(answer.challenge, request.challenge)) {
    throw new Refusal("wrong-challenge", "the presentation answers another challenge: it may be a replay");
  }
  if (!equalBytes(answer.certificateHash, sha256(certificate))) {
    throw new Refusal("wrong-certificate", "the answer was made with another certificate than the one shown");
  }
  const audience = request.audience ?? "";
  if (answer.audience !== audience) {
    const [found, wanted] = [JSON.stringify(answer.audience), JSON.stringify(audience)];
    throw new Refusal("wrong-audience", `the presentation is meant for ${found}, not for ${wanted}`);
  }
}

function checkScope({ scope }: Certificate, request: VerificationRequest): void {
  const counts = request.scopeRule === "equal" ? scope === request.scope : scopesOverlap(scope, request.scope);
  if (!counts) throw new Refusal("out-of-scope", `the certificate counts in ${scope}, and not in ${request.scope}`);
}

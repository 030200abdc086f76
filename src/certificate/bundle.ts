/**
 * The trust bundle: all that a device needs to believe the others of its mesh, offline (docs/protocol.md, section 5). It pins
 * the root; everything else in a bundle is proved by the root and by the swarm, so a bundle may come from anybody.
 */
import { sha256 } from "@noble/hashes/sha2.js";

import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { domainSeparator } from "../statements/eip712.js";
import { equalBytes } from "../crypto/bytes.js";
import type { CertificateTrust } from "./certificate.js";
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "./cbor.js";
import { COMMITTEE_LIST_LIMITS, type CommitteeList, verifyCommitteeList } from "./committee-list.js";
import type { HeadDomains, HeadTrust } from "./drl.js";
import { bytes, entry, list, map, optional } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import type { GroupKeys, SignatureChecks } from "./signatures.js";
import {
  type FormerKeys,
  type KnownGeneration,
  type Succession,
  followSuccessions,
  formerOf,
  readSuccession,
  successionRow,
} from "./succession.js";
import { MAXIMUM_X509_LENGTH } from "./x509.js";
import { type MeshFacts, type Validity, verifyCrossCertificate, verifyRootCertificate } from "./x509-root.js";
import { when } from "../statements/time.js";

/** Generations that one bundle can carry. */
export const MAXIMUM_GENERATIONS = 64;
const LIMITS: CborLimits = { maximumLength: 100_000, maximumDepth: 3 };
const KEY = { root: 1, crossCertificates: 2, committeeList: 3, successions: 4 } as const;

export interface TrustBundle {
  /** The root certificate, DER. */
  readonly root: Uint8Array;
  /** The cross-certificates of the generations, DER, oldest first. */
  readonly crossCertificates: readonly Uint8Array[];
  /** COSE_Sign1; undefined before there is one. */
  readonly committeeList: Uint8Array | undefined;
  /** The links between generations, oldest first; undefined before the first re-key. */
  readonly successions?: readonly Succession[] | undefined;
}

const readBundle = map<TrustBundle>({
  root: entry(KEY.root, bytes(1, MAXIMUM_X509_LENGTH)),
  crossCertificates: entry(KEY.crossCertificates, list(bytes(1, MAXIMUM_X509_LENGTH), 1, MAXIMUM_GENERATIONS)),
  committeeList: optional(KEY.committeeList, bytes(1, COMMITTEE_LIST_LIMITS.maximumLength)),
  successions: optional(KEY.successions, list(readSuccession, 1, MAXIMUM_GENERATIONS)),
});

export function encodeBundle({ root, crossCertificates, committeeList, successions }: TrustBundle): Uint8Array {
  const fields = new Map<number, CborValue>([
    [KEY.root, root],
    [KEY.crossCertificates, crossCertificates],
  ]);
  if (committeeList !== undefined) fields.set(KEY.committeeList, committeeList);
  if (successions !== undefined) fields.set(KEY.successions, successions.map(successionRow));
  return encodeCbor(fields);
}

/** Decodes without believing anything yet. @throws Refusal `malformed` */
export function decodeBundle(encoded: Uint8Array): TrustBundle {
  return readBundle(decodeCbor(encoded, "bundle", LIMITS), "bundle");
}

/** What a device must know from elsewhere to believe a bundle. */
export interface BundlePins {
  /** SHA-256 of the root certificate's DER: its usual fingerprint. */
  readonly rootFingerprint: Uint8Array;
  /** The mesh, where the root may certify several. */
  readonly meshId?: Uint8Array;
  /** The newest generation that this verifier has seen: it never goes back. */
  readonly minimumGeneration?: number;
  /** Seconds since 1970; undefined on a device without a clock. */
  readonly now: number | undefined;
}

/** A mesh that a verifier believes in: what all other checks take as `trust`. */
export interface MeshTrust extends CertificateTrust, HeadTrust, MeshFacts {
  readonly generation: number;
  readonly keys: GroupKeys;
  readonly former: FormerKeys | undefined;
  /** All generations that the bundle knows, the oldest first. */
  readonly generations: readonly KnownGeneration[];
  /** When the root and its word for the newest keys count; whoever keeps a trust for long looks at it again (`verifyBundle` has). */
  readonly validity: Validity;
  readonly committee: CommitteeList | undefined;
}

/** The trust that follows from certified facts. */
export function trustFrom(facts: MeshFacts): MeshFacts & HeadDomains {
  const { chainId, meshId, anchor, revocationList } = facts;
  return {
    ...facts,
    externalAad: domainSeparator({ chainId, meshId, verifyingContract: anchor }),
    revocations: domainSeparator({ chainId, meshId, verifyingContract: revocationList }),
  };
}

/**
 * Decodes a bundle and checks it from the pinned root down.
 * @throws Refusal `malformed`, `wrong-kind`, `wrong-mesh`, `bad-signature`, `generation-old`, `generation-unknown`, `not-yet-valid`
 * or `expired`
 */
export function verifyBundle(encoded: Uint8Array, pins: BundlePins, checks: SignatureChecks): MeshTrust {
  const bundle = decodeBundle(encoded);
  if (!equalBytes(sha256(bundle.root), pins.rootFingerprint)) {
    throw new Refusal("wrong-mesh", "the bundle's root certificate is not the pinned one", { field: "bundle.root" });
  }
  const root = verifyRootCertificate(bundle.root, checks.device);
  const certified = bundle.crossCertificates.map((certificate) =>
    verifyCrossCertificate(certificate, root, checks.device),
  );
  for (const [position, { generation, meshId }] of certified.entries()) {
    const before = certified[position - 1];
    if (before !== undefined && generation <= before.generation) {
      throw malformed("bundle.crossCertificates", `generation ${generation} follows ${before.generation}`);
    }
    const wanted = pins.meshId ?? certified[0]?.meshId ?? meshId;
    if (!equalBytes(meshId, wanted)) {
      throw new Refusal("wrong-mesh", "the bundle is of another mesh", { field: "bundle.crossCertificates" });
    }
  }
  const { notBefore, notAfter, ...newest } = certified.at(-1) as MeshFacts & Validity;
  const { externalAad } = trustFrom(newest);
  const generations = followSuccessions(certified, bundle.successions ?? [], externalAad, checks.bls);
  const { generation, keys } = generations.at(-1) as KnownGeneration;
  const facts = { ...newest, generation, keys };
  if (facts.generation < (pins.minimumGeneration ?? 0)) {
    const seen = pins.minimumGeneration;
    throw new Refusal("generation-old", `the bundle ends at generation ${facts.generation}, ${seen} was seen`);
  }
  if (pins.now !== undefined) {
    checkPeriod("root certificate", root, pins.now);
    checkPeriod("cross-certificate", { notBefore, notAfter }, pins.now);
  }
  const trust = { ...trustFrom(facts), former: formerOf(generations) };
  const committee =
    bundle.committeeList === undefined ? undefined : verifyCommitteeList(bundle.committeeList, trust, checks.bls);
  // The old keys may have signed new ones that never took office: only a committee that holds them shows that they did.
  if (committee === undefined && generation !== newest.generation) {
    throw malformed("bundle.committeeList", `is missing, and nothing else shows generation ${generation} in office`);
  }
  const validity = {
    notBefore: Math.max(root.notBefore, notBefore),
    notAfter: Math.min(root.notAfter, notAfter),
  };
  return { ...trust, generations, validity, committee };
}

function checkPeriod(what: string, { notBefore, notAfter }: Validity, now: number): void {
  // Written so that a time that is no number is refused.
  if (!(now >= notBefore - CLOCK_SKEW_SECONDS)) {
    throw new Refusal("not-yet-valid", `the ${what} begins at ${when(notBefore)}, it is ${when(now)}`);
  }
  if (!(now <= notAfter)) throw new Refusal("expired", `the ${what} ended at ${when(notAfter)}, it is ${when(now)}`);
}

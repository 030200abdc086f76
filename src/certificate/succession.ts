/**
 * Successions: the keys of one generation sign those of the next (docs/protocol.md, section 5). Whoever knows the keys of any
 * generation follows the chain from there, offline, without the root CA.
 */
import { equalBytes } from "../crypto/bytes.js";
import { blsKeyHash } from "../crypto/points.js";
import { HANDOVER_SECONDS } from "../statements/cose.js";
import { statementDigest } from "../statements/eip712.js";
import { bytes, tuple, uint } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import type { GroupKeys, SwarmSignatures } from "./signatures.js";

/** One link of the chain: the ledger's statement KeySuccession. */
export interface Succession {
  /** Of the keys that are signed. */
  readonly generation: number;
  /** The key ceremony that made them. */
  readonly ceremony: number;
  /** G1, compressed, 48 bytes. */
  readonly bls: Uint8Array;
  readonly ed25519: Uint8Array;
  /** Seconds since 1970: from then on at the latest the keys before sign nothing. */
  readonly since: number;
  /** By the BLS key of the generation before, 96 bytes. */
  readonly signature: Uint8Array;
}

export const readSuccession = tuple<Succession>({
  generation: uint(),
  ceremony: uint(),
  bls: bytes(48),
  ed25519: bytes(32),
  since: uint(),
  signature: bytes(96),
});

export function successionRow(link: Succession): (number | Uint8Array)[] {
  const { generation, ceremony, bls, ed25519, since, signature } = link;
  return [generation, ceremony, bls, ed25519, since, signature];
}

/**
 * What the keys before sign, 32 bytes.
 * @param anchor EIP-712 domain separator of the TrustAnchor.
 * @throws CryptoError if `bls` is no point of the group
 */
export function successionDigest(link: Omit<Succession, "signature">, anchor: Uint8Array): Uint8Array {
  const { generation, ceremony, bls, ed25519, since } = link;
  const values = { generation, ceremony, blsKeyHash: blsKeyHash(bls), edKey: ed25519, since };
  return statementDigest(anchor, "KeySuccession", values);
}

/** Keys that were replaced by plan, for as long as what they signed still counts. */
export interface FormerKeys {
  readonly generation: number;
  readonly keys: GroupKeys;
  /** Seconds since 1970: they signed nothing after this. */
  readonly since: number;
}

/** What a verifier knows of the group keys. */
export interface GenerationTrust {
  /** The newest generation. */
  readonly generation: number;
  readonly keys: GroupKeys;
  /** The generation before, if the newest followed by its signature. */
  readonly former?: FormerKeys | undefined;
}

/** @throws Refusal `generation-old` or `generation-unknown` */
export function checkGeneration(found: number, trusted: number): void {
  if (found < trusted) {
    throw new Refusal("generation-old", `signed under group keys of generation ${found}, and now it is ${trusted}`);
  }
  if (found > trusted) {
    throw new Refusal("generation-unknown", `signed under generation ${found}, known here up to ${trusted}`);
  }
}

/**
 * The keys that a certificate of generation `found` is checked with: those of the newest, or those before, until nothing that
 * they signed can last.
 * @param now seconds since 1970; undefined where `trust` has the keys before only while they count.
 * @throws Refusal `generation-old` or `generation-unknown`
 */
export function keysOf(found: number, trust: GenerationTrust, now: number | undefined): GroupKeys {
  const { former } = trust;
  if (former?.generation === found && (now === undefined || isHandover(former, now))) return former.keys;
  checkGeneration(found, trust.generation);
  return trust.keys;
}

/** Whether certificates of generation `found` count no more, and never will again. */
export function isReplaced(found: number, { generation, former }: GenerationTrust, now: number): boolean {
  if (former?.generation === found && isHandover(former, now)) return false;
  return found < generation;
}

/** Whether what the keys before signed still counts. */
export function isHandover({ since }: FormerKeys, now: number): boolean {
  // Written so that a time that is no number is none.
  return now < since + HANDOVER_SECONDS;
}

/** The keys of one generation, and who says so. */
export interface KnownGeneration {
  readonly generation: number;
  readonly keys: GroupKeys;
  /** The link that leads here from the generation before; undefined where the root CA alone says so. */
  readonly link: Succession | undefined;
}

/**
 * Follows the links from the generations that the root CA certifies.
 * @param certified of rising generations.
 * @param links of rising generations.
 * @param anchor EIP-712 domain separator of the TrustAnchor.
 * @returns all generations that are known now, the oldest first.
 * @throws Refusal `malformed`, `bad-signature`, `wrong-mesh`
 */
export function followSuccessions(
  certified: readonly { readonly generation: number; readonly keys: GroupKeys }[],
  links: readonly Succession[],
  anchor: Uint8Array,
  checks: SwarmSignatures,
): KnownGeneration[] {
  const known = new Map<number, KnownGeneration>(
    certified.map(({ generation, keys }) => [generation, { generation, keys, link: undefined }]),
  );
  for (const [position, link] of links.entries()) {
    const field = `bundle.successions[${position}]`;
    const { generation, bls, ed25519 } = link;
    const before = known.get(generation - 1);
    if (before === undefined || generation <= (links[position - 1]?.generation ?? 0)) {
      throw malformed(`${field}.generation`, `is ${generation}, which follows no generation of the bundle`);
    }
    if (!isSigned(link, before.keys, anchor, checks)) {
      throw new Refusal("bad-signature", `generation ${generation} is not signed by the keys of the one before`, {
        field,
      });
    }
    const keys = { bls, ed25519 };
    const other = known.get(generation)?.keys;
    if (other !== undefined && !isSameKeys(keys, other)) {
      throw new Refusal("wrong-mesh", `generation ${generation} has other keys by the root CA's word`, { field });
    }
    known.set(generation, { generation, keys, link });
  }
  return [...known.values()].toSorted((a, b) => a.generation - b.generation);
}

export function isSameKeys(a: GroupKeys, b: GroupKeys): boolean {
  return equalBytes(a.bls, b.bls) && equalBytes(a.ed25519, b.ed25519);
}

/** The keys before the newest, if these followed by their signature. */
export function formerOf(generations: readonly KnownGeneration[]): FormerKeys | undefined {
  const [before, newest] = generations.slice(-2);
  if (before === undefined || newest?.link === undefined) return undefined;
  return { generation: before.generation, keys: before.keys, since: newest.link.since };
}

function isSigned(link: Succession, { bls }: GroupKeys, anchor: Uint8Array, checks: SwarmSignatures): boolean {
  try {
    return checks.verify(bls, successionDigest(link, anchor), link.signature);
  } catch {
    // A key that is no point.
    return false;
  }
}

/**
 * The swarm-signed list of the committee: how devices find and recognise validators without reading the ledger
 * (docs/protocol.md, section 5). A deterministic function of a block, so that all members sign the same bytes.
 */
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { COSE_ALG, COSE_TYP } from "../statements/cose.js";
import { MAXIMUM_COMMITTEE } from "../statements/quorum.js";
import { isScope } from "../statements/scope.js";
import type { CertificateTrust } from "./certificate.js";
import { type CborLimits, decodeCbor, encodeCbor } from "./cbor.js";
import { bytesToSign, decodeSignedObject, encodeSignedObject } from "./cose.js";
import { bytes, entry, list, map, text, tuple, uint } from "./reader.js";
import { Refusal, malformed } from "./refusal.js";
import type { SwarmSignatures } from "./signatures.js";
import { checkGeneration } from "./succession.js";

export interface CommitteeMember {
  /** 1 to n, the Shamir index of its shares. */
  readonly seat: number;
  /** 20 bytes. */
  readonly account: Uint8Array;
  /** `host:port`, or empty if the ledger has none that is usable. */
  readonly endpoint: string;
  /** SHA-256 of the SPKI of its TLS key. */
  readonly tlsPin: Uint8Array;
  /** Where it serves, or empty. */
  readonly scope: string;
  /** Its share's public key in G1, 48 bytes: its partial signatures verify under it. */
  readonly blsKey: Uint8Array;
  /** Its share's public key on Ed25519, 32 bytes. */
  readonly ed25519Key: Uint8Array;
}

export interface CommitteeList {
  readonly generation: number;
  readonly epoch: number;
  /** The tick that it was made at. A higher one replaces a lower. */
  readonly tick: number;
  /** Seconds since 1970. */
  readonly issued: number;
  /** In ascending order of seat. */
  readonly members: readonly CommitteeMember[];
}

/** 32 members of 500 bytes, rounded up. */
export const COMMITTEE_LIST_LIMITS: CborLimits = { maximumLength: 24_576, maximumDepth: 3 };
const KIND = { typ: COSE_TYP.committeeList, algorithm: COSE_ALG.bls } as const;
const KEY = { generation: 1, epoch: 2, tick: 3, issued: 4, members: 5 } as const;

const HOST_AND_PORT = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$/;
const MAXIMUM_ENDPOINT_LENGTH = 255;

/**
 * What the list says of an endpoint or scope that the ledger has. One that cannot be used is listed as empty: a member must
 * not be able to make the list of all others unreadable by registering nonsense.
 */
export function listedEndpoint(registered: string): string {
  const usable = utf8ToBytes(registered).length <= MAXIMUM_ENDPOINT_LENGTH && HOST_AND_PORT.test(registered);
  return usable ? registered : "";
}

/** See `listedEndpoint`. */
export function listedScope(registered: string): string {
  return isScope(registered) ? registered : "";
}

const readMember = tuple<CommitteeMember>({
  seat: uint(MAXIMUM_COMMITTEE),
  account: bytes(20),
  endpoint: text("`host:port` or nothing", (endpoint) => endpoint === listedEndpoint(endpoint)),
  tlsPin: bytes(32),
  scope: text("a scope or nothing", (scope) => scope === listedScope(scope)),
  blsKey: bytes(48),
  ed25519Key: bytes(32),
});

const readList = map<CommitteeList>({
  generation: entry(KEY.generation, uint()),
  epoch: entry(KEY.epoch, uint()),
  tick: entry(KEY.tick, uint()),
  issued: entry(KEY.issued, uint()),
  members: entry(KEY.members, list(readMember, 1, MAXIMUM_COMMITTEE)),
});

/** The payload that members sign. Endpoints and scopes go through `listedEndpoint` and `listedScope`. */
export function committeeListPayload({ generation, epoch, tick, issued, members }: CommitteeList): Uint8Array {
  const rows = members.map(({ seat, account, endpoint, tlsPin, scope, blsKey, ed25519Key }) => [
    seat,
    account,
    listedEndpoint(endpoint),
    tlsPin,
    listedScope(scope),
    blsKey,
    ed25519Key,
  ]);
  return encodeCbor(
    new Map<number, number | typeof rows>([
      [KEY.generation, generation],
      [KEY.epoch, epoch],
      [KEY.tick, tick],
      [KEY.issued, issued],
      [KEY.members, rows],
    ]),
  );
}

export function committeeListToSign(externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return bytesToSign(KIND, externalAad, payload);
}

export function encodeCommitteeList(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeSignedObject({ ...KIND, payload, signature });
}

/** Decodes without believing anything yet. @throws Refusal `malformed` or `wrong-kind` */
export function decodeCommitteeList(
  encoded: Uint8Array,
): CommitteeList & { readonly payload: Uint8Array; readonly signature: Uint8Array } {
  const { payload, signature } = decodeSignedObject(
    encoded,
    "committeeList",
    COSE_TYP.committeeList,
    [COSE_ALG.bls],
    COMMITTEE_LIST_LIMITS,
  );
  const committee = readList(decodeCbor(payload, "committeeList", COMMITTEE_LIST_LIMITS), "committeeList");
  for (const [position, { seat }] of committee.members.entries()) {
    const before = committee.members[position - 1]?.seat ?? 0;
    if (seat <= before) {
      throw malformed(`committeeList.members[${position}].seat`, `is ${seat}, which does not follow seat ${before}`);
    }
  }
  return { ...committee, payload, signature };
}

/** @throws Refusal `malformed`, `wrong-kind`, `generation-old`, `generation-unknown` or `bad-signature` */
export function verifyCommitteeList(encoded: Uint8Array, trust: CertificateTrust, bls: SwarmSignatures): CommitteeList {
  const { payload, signature, ...committee } = decodeCommitteeList(encoded);
  checkGeneration(committee.generation, trust.generation);
  if (!bls.verify(trust.keys.bls, committeeListToSign(trust.externalAad, payload), signature)) {
    throw new Refusal("bad-signature", "the committee list is not signed by this mesh, chain and contract's group key");
  }
  return committee;
}

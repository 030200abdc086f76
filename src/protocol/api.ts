/**
 * Bodies of a validator's HTTP interface (docs/protocol.md, section 9): CBOR, deterministic, read strictly. The paths are here
 * too, so that asker and answerer share one list.
 */
import { type CborLimits, type CborValue, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import {
  type Reader,
  bytes,
  entry,
  list,
  map,
  nullable,
  oneOf,
  optional,
  text,
  tuple,
  uint,
  uint64,
} from "../certificate/reader.js";
import { malformed } from "../certificate/refusal.js";
import { STATEMENTS, type StatementName } from "../statements/eip712.js";
import { MAXIMUM_COMMITTEE } from "../statements/quorum.js";

export const PATH = {
  status: "/v1/status",
  bundle: "/v1/bundle",
  drlHead: "/v1/drl/head",
  drlProof: "/v1/drl/proof",
  issue: "/v1/issue",
  frostSign: "/v1/frost/sign",
  revoke: "/v1/revoke",
  revocations: "/v1/revocations",
  statement: "/v1/statement",
  candidacy: "/v1/candidacy",
  preSharedKeys: "/v1/psk",
  enrolmentCodes: "/v1/codes",
  log: "/v1/log",
  logEntries: "/v1/log/entries",
  /** Shards (src/protocol/shards.ts). */
  shardMap: "/v1/shard-map",
  shardMapSign: "/v1/shard-map/sign",
  shards: "/v1/shards",
  shardDelivery: "/v1/shards/deliver",
  shardSample: "/v1/shards/sample",
  /** Between members. */
  vote: "/v1/vote",
  frostCommit: "/v1/frost/commit",
  counters: "/v1/counters",
  frostResult: "/v1/frost/result",
  /** src/protocol/repair.ts. */
  repairCommit: "/v1/repair/commit",
  repairPart: "/v1/repair/part",
  repairSum: "/v1/repair/sum",
  /** src/protocol/presence.ts. */
  presence: "/v1/presence",
  /** Of candidates (src/protocol/probe.ts). */
  probeEcho: "/v1/probe/echo",
  probeWork: "/v1/probe/work",
  /** For TLS software: plain files, DER. */
  authority: "/x509/mesh.crt",
  crl: "/crl/mesh.crl",
  deltaCrl: "/crl/mesh-delta.crl",
} as const;

const SMALL: CborLimits = { maximumLength: 16_384, maximumDepth: 4 };
const LARGE: CborLimits = { maximumLength: 1 << 20, maximumDepth: 4 };
const seat = uint(MAXIMUM_COMMITTEE);
const U32 = 0xffff_ffff;

/** What a validator says of itself and its view of the ledger. */
export interface Status {
  /** Its clock, seconds since 1970. */
  readonly time: number;
  readonly finalisedBlock: number;
  /** Time of that block. */
  readonly blockTime: number;
  readonly certificatePeriodSeconds: number;
  /** 0 before the first. */
  readonly generation: number;
  readonly epoch: number;
  /** 0 if it has none. */
  readonly seat: number;
  /** Number of the newest head, 0 before the first. */
  readonly headNumber: number;
}

const STATUS_FIELDS = [
  "time",
  "finalisedBlock",
  "blockTime",
  "certificatePeriodSeconds",
  "generation",
  "epoch",
  "seat",
  "headNumber",
] as const;

const readStatus = tuple<Status>({
  time: uint(),
  finalisedBlock: uint(),
  blockTime: uint(),
  certificatePeriodSeconds: uint(),
  generation: uint(),
  epoch: uint(),
  seat,
  headNumber: uint(),
});

export function encodeStatus(status: Status): Uint8Array {
  return encodeCbor(STATUS_FIELDS.map((name) => status[name]));
}

/** @throws Refusal `malformed`, as every decoder here. */
export function decodeStatus(encoded: Uint8Array): Status {
  return readStatus(decodeCbor(encoded, "status", SMALL), "status");
}

/** A member's part of a BLS swarm signature. */
export interface PartialAnswer {
  readonly seat: number;
  /** 96 bytes. */
  readonly partial: Uint8Array;
  /** ES256 by the member's registered TLS key over PartialEvidence, 64 bytes: it names who signed what. */
  readonly evidence: Uint8Array;
}

const readPartial = tuple<PartialAnswer>({ seat, partial: bytes(96), evidence: bytes(64) });

export function encodePartialAnswer({ seat, partial, evidence }: PartialAnswer): Uint8Array {
  return encodeCbor([seat, partial, evidence]);
}

export function decodePartialAnswer(encoded: Uint8Array): PartialAnswer {
  return readPartial(decodeCbor(encoded, "partial", SMALL), "partial");
}

/** Round one of FROST: the session, and commitments to nonces that exist in that member's memory only. */
export interface CommitmentAnswer {
  readonly seat: number;
  /** 16 bytes. */
  readonly session: Uint8Array;
  readonly hiding: Uint8Array;
  readonly binding: Uint8Array;
}

const readCommitment = tuple<CommitmentAnswer>({ seat, session: bytes(16), hiding: bytes(32), binding: bytes(32) });

export function encodeCommitmentAnswer({ seat, session, hiding, binding }: CommitmentAnswer): Uint8Array {
  return encodeCbor([seat, session, hiding, binding]);
}

export function decodeCommitmentAnswer(encoded: Uint8Array): CommitmentAnswer {
  return readCommitment(decodeCbor(encoded, "commitment", SMALL), "commitment");
}

/** What a request for a certificate is answered with: a part of the compact form, and of the X.509 form where it is wanted. */
export interface IssueAnswer {
  readonly compact: PartialAnswer | CommitmentAnswer;
  readonly x509: CommitmentAnswer | undefined;
}

const readCompact: Reader<PartialAnswer | CommitmentAnswer> = (value, field) =>
  Array.isArray(value) && value.length === 3 ? readPartial(value, field) : readCommitment(value, field);
const readIssueAnswer = tuple({ compact: readCompact, x509: readCommitment });

/** Without an X.509 form the compact part alone. */
export function encodeIssueAnswer({ compact, x509 }: IssueAnswer): Uint8Array {
  const part = (answer: PartialAnswer | CommitmentAnswer): CborValue =>
    "partial" in answer
      ? [answer.seat, answer.partial, answer.evidence]
      : [answer.seat, answer.session, answer.hiding, answer.binding];
  return encodeCbor(x509 === undefined ? part(compact) : [part(compact), part(x509)]);
}

/** @param hasX509 whether the X.509 form was asked for. */
export function decodeIssueAnswer(encoded: Uint8Array, hasX509: boolean): IssueAnswer {
  const value = decodeCbor(encoded, "issueAnswer", SMALL);
  if (hasX509) return readIssueAnswer(value, "issueAnswer");
  return { compact: readCompact(value, "issueAnswer"), x509: undefined };
}

/** Round two of FROST: the session to go on with, and the commitments of all who sign. */
export interface FrostSignRequest {
  readonly session: Uint8Array;
  readonly commitments: readonly { readonly seat: number; readonly hiding: Uint8Array; readonly binding: Uint8Array }[];
}

const readFrostSign = tuple<FrostSignRequest>({
  session: bytes(16),
  commitments: list(tuple({ seat, hiding: bytes(32), binding: bytes(32) }), 1, MAXIMUM_COMMITTEE),
});

export function encodeFrostSignRequest({ session, commitments }: FrostSignRequest): Uint8Array {
  return encodeCbor([session, commitments.map(({ seat, hiding, binding }) => [seat, hiding, binding])]);
}

export function decodeFrostSignRequest(encoded: Uint8Array): FrostSignRequest {
  return readFrostSign(decodeCbor(encoded, "frostSign", SMALL), "frostSign");
}

/** A member's signature share of FROST. */
export interface ShareAnswer {
  readonly seat: number;
  /** 32 bytes. */
  readonly share: Uint8Array;
  /** As in `PartialAnswer`, over the share. */
  readonly evidence: Uint8Array;
}

const readShare = tuple<ShareAnswer>({ seat, share: bytes(32), evidence: bytes(64) });

export function encodeShareAnswer({ seat, share, evidence }: ShareAnswer): Uint8Array {
  return encodeCbor([seat, share, evidence]);
}

export function decodeShareAnswer(encoded: Uint8Array): ShareAnswer {
  return readShare(decodeCbor(encoded, "share", SMALL), "share");
}

/** Devices in one request to revoke. */
export const MAXIMUM_REVOKED_AT_ONCE = 1_024;

/** A request to revoke: by the fleet's registrar (RevocationRequest, section 2.1), or by the device itself (COSE). */
export type RevokeRequest =
  | {
      readonly by: "registrar";
      /** Ascending. */
      readonly indexes: readonly number[];
      readonly reason: number;
      readonly expiry: number;
      /** secp256k1, r | s | v, 65 bytes. */
      readonly signature: Uint8Array;
    }
  | { readonly by: "device"; readonly request: Uint8Array };

const readRevoke = map({
  registrar: optional(
    1,
    tuple({
      indexes: list(uint(), 1, MAXIMUM_REVOKED_AT_ONCE),
      reason: uint(0xff),
      expiry: uint(),
      signature: bytes(65),
    }),
  ),
  device: optional(2, bytes(1, 8_192)),
});

export function encodeRevokeRequest(request: RevokeRequest): Uint8Array {
  if (request.by === "device") return encodeCbor(new Map([[2, request.request]]));
  const { indexes, reason, expiry, signature } = request;
  return encodeCbor(new Map([[1, [indexes, reason, expiry, signature]]]));
}

export function decodeRevokeRequest(encoded: Uint8Array): RevokeRequest {
  const { registrar, device } = readRevoke(decodeCbor(encoded, "revoke", SMALL), "revoke");
  if (registrar !== undefined && device === undefined) {
    expectAscending(registrar.indexes, "revoke.registrar.indexes");
    return { by: "registrar", ...registrar };
  }
  if (device !== undefined && registrar === undefined) return { by: "device", request: device };
  throw malformed("revoke", "takes either key 1 (registrar) or key 2 (device)");
}

function expectAscending(numbers: readonly number[], field: string): void {
  const position = numbers.findIndex((number, i) => i > 0 && number <= (numbers[i - 1] as number));
  if (position >= 0) throw malformed(`${field}[${position}]`, "does not follow the one before it");
}

/** A revocation as the ledger takes it: words and masks of the bitmap, under a swarm signature. */
export interface SignedRevocation {
  /** Ascending. */
  readonly words: readonly number[];
  /** One for each word, 32 bytes, big-endian. */
  readonly masks: readonly Uint8Array[];
  readonly reason: number;
  readonly expiry: number;
  /** 96 bytes. */
  readonly signature: Uint8Array;
}

const readSignedRevocation = tuple<SignedRevocation>({
  words: list(uint(U32), 1, MAXIMUM_REVOKED_AT_ONCE),
  masks: list(bytes(32), 1, MAXIMUM_REVOKED_AT_ONCE),
  reason: uint(0xff),
  expiry: uint(),
  signature: bytes(96),
});

export function encodeSignedRevocation(revocation: SignedRevocation): Uint8Array {
  const { words, masks, reason, expiry, signature } = revocation;
  return encodeCbor([words, masks, reason, expiry, signature]);
}

export function decodeSignedRevocation(encoded: Uint8Array): SignedRevocation {
  const revocation = readSignedRevocation(decodeCbor(encoded, "revocation", LARGE), "revocation");
  expectAscending(revocation.words, "revocation.words");
  if (revocation.words.length !== revocation.masks.length)
    throw malformed("revocation.masks", "takes one for each word");
  return revocation;
}

/** Statements that members sign if their operators approved them (section 8). */
export const GOVERNED = [
  "Grant",
  "Admission",
  "Successor",
  "Rekey",
  "Resize",
  "RecoveryCancellation",
] as const satisfies readonly StatementName[];
export type GovernedStatement = (typeof GOVERNED)[number];

/** A statement by name, its fields in the order of its type. */
export interface StatementRequest {
  readonly name: GovernedStatement;
  readonly values: Readonly<Record<string, Uint8Array | bigint>>;
}

function fieldsOf(name: GovernedStatement): { readonly name: string; readonly read: Reader<Uint8Array | bigint> }[] {
  return STATEMENTS[name].split(",").map((field) => {
    const [type, label] = field.split(" ") as [string, string];
    if (type === "address") return { name: label, read: bytes(20) };
    return { name: label, read: type === "bytes32" ? bytes(32) : uint64 };
  });
}

const readStatement = map({
  name: entry(
    1,
    text(GOVERNED.join(", "), (name) => GOVERNED.some((known) => known === name)),
  ),
  values: entry(2, (value: CborValue, field: string) => {
    if (Array.isArray(value)) return value as readonly CborValue[];
    throw malformed(field, "takes an array");
  }),
});

export function encodeStatementRequest({ name, values }: StatementRequest): Uint8Array {
  const fields = fieldsOf(name).map(({ name: label }) => values[label] as Uint8Array | bigint);
  return encodeCbor(
    new Map<number, CborValue>([
      [1, name],
      [2, fields],
    ]),
  );
}

export function decodeStatementRequest(encoded: Uint8Array): StatementRequest {
  const { name, values } = readStatement(decodeCbor(encoded, "statement", SMALL), "statement");
  const fields = fieldsOf(name as GovernedStatement);
  if (values.length !== fields.length) throw malformed("statement.values", `takes ${fields.length} items`);
  return {
    name: name as GovernedStatement,
    values: Object.fromEntries(
      fields.map(({ name: label, read }, i) => [label, read(values[i] as CborValue, `statement.values.${label}`)]),
    ),
  };
}

/** Keys that one request to keep pre-shared keys may carry. */
export const MAXIMUM_PRE_SHARED_KEYS = 16_384;

/** One validator's keys of a fleet's devices, from the fleet's registrar. */
export interface PreSharedKeys {
  readonly fleetId: number;
  readonly expiry: number;
  /** Ascending by index; keys are this validator's own (`validatorPreSharedKey`), 32 bytes. */
  readonly keys: readonly { readonly index: number; readonly key: Uint8Array }[];
  /** By the registrar's account over PreSharedKeys, 65 bytes. */
  readonly signature: Uint8Array;
}

const readKeys = list(tuple({ index: uint(), key: bytes(32) }), 1, MAXIMUM_PRE_SHARED_KEYS);
const readPreSharedKeys = tuple<PreSharedKeys>({
  fleetId: uint(),
  expiry: uint(),
  keys: readKeys,
  signature: bytes(65),
});

/** The part whose keccak256 is signed: `keysHash` of the statement PreSharedKeys. */
export function encodeKeyList(keys: PreSharedKeys["keys"]): Uint8Array {
  return encodeCbor(keys.map(({ index, key }) => [index, key]));
}

export function encodePreSharedKeys({ fleetId, expiry, keys, signature }: PreSharedKeys): Uint8Array {
  return encodeCbor([fleetId, expiry, keys.map(({ index, key }) => [index, key]), signature]);
}

export function decodePreSharedKeys(encoded: Uint8Array): PreSharedKeys {
  const message = readPreSharedKeys(decodeCbor(encoded, "preSharedKeys", LARGE), "preSharedKeys");
  expectAscending(
    message.keys.map(({ index }) => index),
    "preSharedKeys.keys",
  );
  return message;
}

/** Ordered statements that members vote on, each a function of the finalised chain. */
export const VOTE_KIND = {
  head: 1,
  checkpoint: 2,
  committeeList: 3,
  activation: 4,
  beacon: 5,
  succession: 6,
} as const;
export type VoteKind = (typeof VOTE_KIND)[keyof typeof VOTE_KIND];

/** A member's vote on an ordered statement. */
export interface Vote extends PartialAnswer {
  readonly kind: VoteKind;
  /** The tick; of an activation, ceremony * 2^20 + attempt; of a beacon, the epoch; of a succession, the ceremony. */
  readonly number: number;
}

const readVote = tuple<{ kind: number; number: number; seat: number; partial: Uint8Array; evidence: Uint8Array }>({
  kind: uint(6),
  number: uint(),
  seat,
  partial: bytes(96),
  evidence: bytes(64),
});

export function encodeVote({ kind, number, seat, partial, evidence }: Vote): Uint8Array {
  return encodeCbor([kind, number, seat, partial, evidence]);
}

export function decodeVote(encoded: Uint8Array): Vote {
  const vote = readVote(decodeCbor(encoded, "vote", SMALL), "vote");
  if (vote.kind === 0) throw malformed("vote.kind", "takes 1 to 4");
  return { ...vote, kind: vote.kind as VoteKind };
}

/**
 * What members sign with the Ed25519 group key on one another's request. Each builds the message for itself: from the ledger for
 * the first four, of which `number` says which one, and from the request that comes along for a member's certificate.
 */
export const FROST_KIND = { head: 1, crl: 2, deltaCrl: 3, authority: 4, member: 5, standard: 6 } as const;
export type FrostKind = (typeof FROST_KIND)[keyof typeof FROST_KIND];

/** Between members: a commitment for an Ed25519 signature on something that both have built. */
export interface FrostCommitRequest {
  readonly kind: FrostKind;
  /** Of the head or list; the generation of the authority; 0 for others. */
  readonly number: number;
  /** The asking member's. */
  readonly seat: number;
  /** What the message follows from, where it is not the ledger alone. */
  readonly request: Uint8Array | undefined;
}

const readFrostCommit = tuple({
  kind: oneOf(...Object.values(FROST_KIND)),
  number: uint(),
  seat,
  request: nullable(bytes(1, 12_288)),
});

export function encodeFrostCommitRequest(commit: FrostCommitRequest): Uint8Array {
  const { kind, number, seat: asking, request } = commit;
  return encodeCbor([kind, number, asking, request ?? null]);
}

export function decodeFrostCommitRequest(encoded: Uint8Array): FrostCommitRequest {
  const { kind, request, ...rest } = readFrostCommit(decodeCbor(encoded, "frostCommit", SMALL), "frostCommit");
  return { ...rest, kind: kind as FrostKind, request: request ?? undefined };
}

/** A member's wish for its own certificate. Everything else in it is as the registry has it. */
export interface MemberWish {
  readonly account: Uint8Array;
  readonly period: number;
  readonly k: number;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly expires: number;
}

const readMemberWish = tuple<MemberWish>({
  account: bytes(20),
  period: uint(),
  k: uint(U32),
  notBefore: uint(),
  expires: uint(),
});

export function encodeMemberWish({ account, period, k, notBefore, expires }: MemberWish): Uint8Array {
  return encodeCbor([account, period, k, notBefore, expires]);
}

export function decodeMemberWish(encoded: Uint8Array): MemberWish {
  const wish = readMemberWish(decodeCbor(encoded, "memberWish", SMALL), "memberWish");
  if (wish.notBefore >= wish.expires) throw malformed("memberWish.expires", "is not after notBefore");
  return wish;
}

/** What a vote is answered with: the finished swarm signature where there is one already. */
export function encodeVoteAnswer(signature: Uint8Array | undefined): Uint8Array {
  return encodeCbor(signature ?? null);
}

export function decodeVoteAnswer(encoded: Uint8Array): Uint8Array | undefined {
  return nullable(bytes(96))(decodeCbor(encoded, "voteAnswer", SMALL), "voteAnswer") ?? undefined;
}

/** Kinds whose finished signatures members give to one another. */
export const SHARED_RESULTS = [FROST_KIND.head, FROST_KIND.crl, FROST_KIND.deltaCrl, FROST_KIND.authority] as const;

/** Between members: a finished Ed25519 signature. */
export interface FrostResult {
  readonly kind: (typeof SHARED_RESULTS)[number];
  readonly number: number;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

const readFrostResult = tuple({ kind: oneOf(...SHARED_RESULTS), number: uint(), signature: bytes(64) });

export function encodeFrostResult({ kind, number, signature }: FrostResult): Uint8Array {
  return encodeCbor([kind, number, signature]);
}

export function decodeFrostResult(encoded: Uint8Array): FrostResult {
  const { kind, ...rest } = readFrostResult(decodeCbor(encoded, "frostResult", SMALL), "frostResult");
  return { ...rest, kind: kind as FrostResult["kind"] };
}

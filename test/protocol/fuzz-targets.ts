import * as api from "../../src/protocol/api.js";
import { type EnrolmentCodes, decodeEnrolmentCodes, encodeEnrolmentCodes } from "../../src/protocol/enrolment-codes.js";
import {
  type StandardRequest,
  decodeStandardRequest,
  encodeStandardRequest,
} from "../../src/protocol/standard-issuance.js";
import * as counters from "../../src/protocol/counters.js";
import * as probe from "../../src/protocol/probe.js";
import * as repair from "../../src/protocol/repair.js";
import {
  type ShownPresence,
  type SignedPresence,
  decodePresence,
  decodePresenceAnswer,
  encodePresence,
  encodePresenceAnswer,
} from "../../src/protocol/presence.js";
import { type Report, decodeReport, encodeReport } from "../../src/protocol/measurement-round.js";
import { type FuzzTarget, fuzzTarget } from "../fuzz-target.js";

const word = new Uint8Array(32).fill(7);
const [partial, evidence] = [new Uint8Array(96).fill(1), new Uint8Array(64).fill(2)];
const key32 = new Uint8Array(32);
const commitment = { seat: 1, session: new Uint8Array(16), hiding: key32, binding: key32 };

const order: repair.RepairOrder = { ceremony: 3, late: 2, helpers: [1, 3, 4], nonce: new Uint8Array(16) };
const parts = { g1: [new Uint8Array(48), new Uint8Array(48).fill(1)], ed25519: [key32, word] };
const presence = encodePresence(
  { account: new Uint8Array(20), number: 5, nonce: new Uint8Array(16), isTaken: true },
  word,
  () => evidence,
);

function target<T>(
  name: string,
  values: readonly T[],
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): FuzzTarget {
  return fuzzTarget(name, values.map(encode), decode, encode);
}

/** Every decoder of src/protocol with inputs that it takes. */
export const protocolTargets: readonly FuzzTarget[] = [
  target(
    "decodeStatus",
    [
      {
        time: 1,
        finalisedBlock: 2,
        blockTime: 3,
        certificatePeriodSeconds: 4,
        generation: 5,
        epoch: 6,
        seat: 7,
        headNumber: 8,
      },
    ],
    api.encodeStatus,
    api.decodeStatus,
  ),
  target(
    "decodeCountersRequest",
    [{ ceremony: 3, offset: 16_384 }],
    counters.encodeCountersRequest,
    counters.decodeCountersRequest,
  ),
  target<counters.CountersAnswer>(
    "decodeCountersAnswer",
    [
      { records: [{ index: 5, period: 7, k: 1, digest: word }], next: null, known: "1/2/3" },
      { records: [], next: 16_384, known: null },
    ],
    counters.encodeCountersAnswer,
    counters.decodeCountersAnswer,
  ),
  target("decodeProbe", [{ epoch: 3, challenge: word }], probe.encodeProbe, probe.decodeProbe),
  target("decodeEcho", [word], probe.encodeEcho, probe.decodeEcho),
  target<probe.ProbeAnswer>(
    "decodeProbeAnswer",
    [{ work: word, signatures: Array.from({ length: 8 }, () => evidence) }],
    probe.encodeProbeAnswer,
    probe.decodeProbeAnswer,
  ),
  target<Report>(
    "decodeReport",
    [
      {
        epoch: 3,
        sample: { first: 64, sampled: 7 },
        qualities: [0, 15, 7],
        participation: [1, 2, 3, 4],
        salt: word,
      },
    ],
    encodeReport,
    decodeReport,
  ),
  target("decodePartialAnswer", [{ seat: 1, partial, evidence }], api.encodePartialAnswer, api.decodePartialAnswer),
  target(
    "decodeCommitmentAnswer",
    [{ seat: 1, session: new Uint8Array(16), hiding: word, binding: word }],
    api.encodeCommitmentAnswer,
    api.decodeCommitmentAnswer,
  ),
  target(
    "decodeFrostSignRequest",
    [{ session: new Uint8Array(16), commitments: [1, 2, 3].map((seat) => ({ seat, hiding: word, binding: word })) }],
    api.encodeFrostSignRequest,
    api.decodeFrostSignRequest,
  ),
  target("decodeShareAnswer", [{ seat: 1, share: word, evidence }], api.encodeShareAnswer, api.decodeShareAnswer),
  target<api.RevokeRequest>(
    "decodeRevokeRequest",
    [
      { by: "registrar", indexes: [1, 500], reason: 1, expiry: 9, signature: new Uint8Array(65) },
      { by: "device", request: word },
    ],
    api.encodeRevokeRequest,
    api.decodeRevokeRequest,
  ),
  target(
    "decodeSignedRevocation",
    [{ words: [1, 9], masks: [word, word], reason: 1, expiry: 9, signature: partial }],
    api.encodeSignedRevocation,
    api.decodeSignedRevocation,
  ),
  target<api.StatementRequest>(
    "decodeStatementRequest",
    [{ name: "Admission", values: { account: new Uint8Array(20), operator: word, expiry: 9n } }],
    api.encodeStatementRequest,
    api.decodeStatementRequest,
  ),
  target(
    "decodePreSharedKeys",
    [{ fleetId: 1, expiry: 9, keys: [{ index: 1, key: word }], signature: new Uint8Array(65) }],
    api.encodePreSharedKeys,
    api.decodePreSharedKeys,
  ),
  target<EnrolmentCodes>(
    "decodeEnrolmentCodes",
    [
      {
        fleetId: 1,
        expiry: 9,
        codes: [{ index: 1, codeHash: word, keyHash: word, deviceClass: 2, scope: "grp:city" }],
        signature: new Uint8Array(65),
      },
    ],
    encodeEnrolmentCodes,
    decodeEnrolmentCodes,
  ),
  target<StandardRequest>(
    "decodeStandardRequest",
    [
      { period: 1, k: 0, notBefore: 9, csr: word },
      { period: 1, k: 0, notBefore: 9, csr: word, certificate: partial },
      { period: 1, k: 0, notBefore: 9, csr: word, code: { index: 7, characters: "abc" } },
    ],
    encodeStandardRequest,
    decodeStandardRequest,
  ),
  target<api.Vote>("decodeVote", [{ kind: 1, number: 9, seat: 1, partial, evidence }], api.encodeVote, api.decodeVote),
  target<api.FrostCommitRequest>(
    "decodeFrostCommitRequest",
    [undefined, new Uint8Array(40)].map((request) => ({
      kind: 1,
      number: 9,
      seat: 2,
      request,
    })),
    api.encodeFrostCommitRequest,
    api.decodeFrostCommitRequest,
  ),
  target<Uint8Array | undefined>(
    "decodeVoteAnswer",
    [undefined, new Uint8Array(96)],
    api.encodeVoteAnswer,
    api.decodeVoteAnswer,
  ),
  target<api.FrostResult>(
    "decodeFrostResult",
    [{ kind: 1, number: 9, signature: new Uint8Array(64) }],
    api.encodeFrostResult,
    api.decodeFrostResult,
  ),
  target<api.MemberWish>(
    "decodeMemberWish",
    [{ account: new Uint8Array(20), period: 1, k: 0, notBefore: 1, expires: 2 }],
    api.encodeMemberWish,
    api.decodeMemberWish,
  ),
  target<api.IssueAnswer>(
    "decodeIssueAnswer",
    [
      { compact: { seat: 1, partial, evidence }, x509: commitment },
      { compact: commitment, x509: commitment },
    ],
    api.encodeIssueAnswer,
    (bytes) => api.decodeIssueAnswer(bytes, true),
  ),
  target<api.IssueAnswer>(
    "decodeIssueAnswer",
    [
      { compact: { seat: 1, partial, evidence }, x509: undefined },
      { compact: commitment, x509: undefined },
    ],
    api.encodeIssueAnswer,
    (bytes) => api.decodeIssueAnswer(bytes, false),
  ),
  fuzzTarget(
    "decodePresence",
    [presence],
    (bytes) => decodePresence(bytes, word),
    ({ account, number, nonce, isTaken, signature }: SignedPresence) =>
      encodePresence({ account, number, nonce, isTaken }, word, () => signature),
  ),
  target<ShownPresence | null>(
    "decodePresenceAnswer",
    [{ encoded: presence, tlsKey: new Uint8Array(91) }, null],
    encodePresenceAnswer,
    decodePresenceAnswer,
  ),
  target<repair.RepairOrder>("decodeRepairOrder", [order], repair.encodeRepairOrder, repair.decodeRepairOrder),
  target("decodePartCommitments", [parts], repair.encodePartCommitments, repair.decodePartCommitments),
  target<repair.SumRequest>(
    "decodeSumRequest",
    [{ order, commitments: [parts, parts] }],
    repair.encodeSumRequest,
    repair.decodeSumRequest,
  ),
  target("decodeSharePair", [{ g1: word, ed25519: key32 }], repair.encodeSharePair, repair.decodeSharePair),
];

/** The validator's HTTP interface (docs/protocol.md, section 9): paths to services, and how often each may be called. */
import { addressKey } from "../net/addresses.js";
import type { Exchange, Route } from "../net/server.js";
import { HttpError } from "../net/error-body.js";
import { expectToken } from "../net/server-errors.js";
import { TokenBuckets } from "../net/token-buckets.js";
import {
  PATH,
  VOTE_KIND,
  decodeFrostCommitRequest,
  decodeFrostSignRequest,
  decodeFrostResult,
  decodeVote,
  encodeCommitmentAnswer,
  encodePartialAnswer,
  encodeShareAnswer,
  encodeStatus,
  encodeVoteAnswer,
} from "../protocol/api.js";
import { MAXIMUM_REPAIR_BYTES } from "../protocol/repair.js";
import { encodeCbor } from "../certificate/cbor.js";
import { encodeSignedDrlHead } from "../certificate/drl.js";
import { COSE_ALG } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { currentBundle } from "./bundle.js";
import { coSignCandidacy } from "./candidacy.js";
import { type CalledRoute, expectMember, expectValidator, routesWithCaller, waysOf } from "./caller.js";
import type { CodeBook } from "./est/code-book.js";
import { coSignStatement } from "./governing.js";
import { holderRoutes } from "./holder-routes.js";
import type { Holding } from "./holding.js";
import type { Inheritance } from "./inheritance.js";
import { type IssuingOptions, issue } from "./issuing.js";
import { type FrostTopics, topicOf } from "./frost-signing.js";
import type { MapProver } from "./map-prover.js";
import { currentMap, signMap } from "./map-signing.js";
import type { InOfficeParts } from "./office.js";
import type { Presences } from "./presence.js";
import type { Probed } from "./probed.js";
import type { PskStore } from "./psk-store.js";
import type { RepairHelper } from "./repair-helper.js";
import { type RevokingOptions, coSignRevocation, submitRevocation } from "./revoking.js";
import { HealthStatements, signedDigests } from "./transparency.js";
import type { TlsIdentity } from "../net/tls-identity.js";
import type { Metrics } from "../runtime/metrics.js";
import type { Voting } from "./voting.js";
import type { HeadStore } from "./head-store.js";
import type { X509Files } from "./x509-files.js";
import { x509Routes } from "./x509-routes.js";

export interface RouteOptions {
  readonly issuing: IssuingOptions;
  readonly revoking: RevokingOptions;
  readonly psk: PskStore;
  readonly inheritance: Inheritance;
  readonly codes: CodeBook;
  readonly heads: HeadStore;
  readonly holding: Holding;
  readonly maps: MapProver;
  readonly probed: Probed;
  readonly presences: Presences;
  readonly repairs: RepairHelper;
  readonly files: X509Files;
  /** What this member signs with the Ed25519 group key on others' request. */
  readonly topics: () => FrostTopics;
  readonly identity: TlsIdentity;
  readonly rootCertificate: Uint8Array;
  readonly listPath: string;
  readonly approvals: string;
  readonly nowSeconds: () => number;
  /** What runs while in office. @throws SwarmkeepError `not-in-office`, `ledger-away` or `place-in-doubt` */
  readonly office: () => InOfficeParts;
  /** Votes on an activation that is under way. */
  readonly activating: () => Voting | undefined;
  readonly metrics: Metrics;
}

/** Requests that cost a transaction or a signature by hand: a few each minute and address. */
const COSTLY = { perSecond: 0.2, burst: 20 } as const;
/** Bytes of the largest list of pre-shared keys, and of shards. */
const LIST_BODY_BYTES = 1 << 20;

export function validatorRoutes(options: RouteOptions): Route[] {
  const { context, standing, checks, nowSeconds } = options.issuing;
  const calls = options.metrics.counter("swarmkeep_calls_total", "Requests, by how the caller has shown who it is", [
    "by",
  ]);
  const calling = { context, standing, signatures: checks.device, nowSeconds };
  return routesWithCaller(apiRoutes(options), calling, (caller) => calls.inc({ by: waysOf(caller) }));
}

function apiRoutes(options: RouteOptions): CalledRoute[] {
  const { issuing, revoking, psk, heads } = options;
  const { standing, context } = issuing;
  const costly = new TokenBuckets(COSTLY);
  const health = new HealthStatements(issuing.issued, options.identity, context.separators.anchor);
  const limited = ({ peer }: Exchange): void => {
    expectToken(costly.take(addressKey(peer.address)), "of this kind from this address");
  };
  return [
    {
      method: "GET",
      path: PATH.status,
      handle: () => ({
        body: encodeStatus({
          time: options.nowSeconds(),
          finalisedBlock: standing.finalised?.number ?? 0,
          blockTime: standing.finalised?.timestamp ?? 0,
          certificatePeriodSeconds: Number(standing.projection.genesis?.parameters.certificatePeriodSeconds ?? 0n),
          generation: standing.committee?.generation ?? 0,
          epoch: standing.committee?.epoch ?? 0,
          seat: standing.signer?.seat ?? 0,
          headNumber: heads.newest?.head.number ?? 0,
        }),
      }),
    },
    {
      method: "GET",
      path: PATH.bundle,
      handle: async () => ({
        body: await currentBundle(standing.projection, options.rootCertificate, options.listPath),
        maximumAge: 1,
      }),
    },
    {
      method: "GET",
      path: PATH.drlHead,
      handle: () => {
        if (heads.newest !== undefined) return { body: encodeSignedDrlHead(heads.newest), maximumAge: 1 };
        throw new SwarmkeepError("there is no signed revocation head yet", {
          kind: "network",
          code: "no-head",
          advice: "Try again in some seconds.",
        });
      },
    },
    {
      method: "GET",
      path: `${PATH.drlProof}/:index`,
      handle: ({ parameters, query }) => ({
        body: heads.proof(
          indexParameter(parameters["index"]),
          query.get("alg") === "ed25519" ? COSE_ALG.eddsa : COSE_ALG.bls,
        ),
        maximumAge: 1,
      }),
    },
    {
      method: "POST",
      path: PATH.issue,
      handle: async ({ body, peer }, caller) => {
        const device = caller.kind === "device" ? caller : undefined;
        return { body: await issue(issuing, body, { binding: peer.channelBinding, device }) };
      },
    },
    {
      method: "POST",
      path: PATH.frostSign,
      handle: ({ body }) => {
        const { signer } = standing.inOffice();
        const { session, commitments } = decodeFrostSignRequest(body);
        return { body: encodeShareAnswer(signer.share(session, commitments)) };
      },
    },
    {
      method: "POST",
      path: PATH.revoke,
      handle: (exchange) => {
        limited(exchange);
        return { body: encodePartialAnswer(coSignRevocation(revoking, exchange.body, exchange.peer.channelBinding)) };
      },
    },
    {
      method: "POST",
      path: PATH.revocations,
      bodyBytes: LIST_BODY_BYTES,
      handle: async (exchange) => {
        limited(exchange);
        return { body: encodeCbor(await submitRevocation(revoking, exchange.body)) };
      },
    },
    {
      method: "POST",
      path: PATH.statement,
      handle: async (exchange) => {
        limited(exchange);
        return {
          body: encodePartialAnswer(await coSignStatement(context, standing, options.approvals, exchange.body)),
        };
      },
    },
    {
      method: "POST",
      path: PATH.candidacy,
      handle: async (exchange) => {
        limited(exchange);
        return {
          body: encodePartialAnswer(await coSignCandidacy(issuing, exchange.body, exchange.peer.channelBinding)),
        };
      },
    },
    {
      method: "POST",
      path: PATH.preSharedKeys,
      bodyBytes: LIST_BODY_BYTES,
      handle: async (exchange) => {
        limited(exchange);
        return { body: encodeCbor(await psk.take(exchange.body, standing, options.nowSeconds())) };
      },
    },
    {
      method: "POST",
      path: PATH.enrolmentCodes,
      bodyBytes: LIST_BODY_BYTES,
      handle: async (exchange) => {
        limited(exchange);
        return { body: encodeCbor(await options.codes.take(exchange.body, standing, options.nowSeconds())) };
      },
    },
    {
      method: "GET",
      path: PATH.log,
      handle: ({ query }) => {
        // Its book may lack what another process signed.
        standing.expectPlace();
        return {
          body: health.statement(indexParameter(query.get("period")), options.nowSeconds()),
          maximumAge: 1,
        };
      },
    },
    {
      method: "GET",
      path: PATH.logEntries,
      handle: (exchange) => {
        limited(exchange);
        return { body: signedDigests(issuing.issued, indexParameter(exchange.query.get("period"))) };
      },
    },
    {
      method: "GET",
      path: `${PATH.shardMap}/:fleet/:subject`,
      handle: ({ parameters: { fleet, subject } }) => ({
        body: currentMap(issuing, indexParameter(fleet), indexParameter(subject)),
        maximumAge: 1,
      }),
    },
    {
      method: "POST",
      path: PATH.shardMapSign,
      handle: async ({ body }) => ({
        body: encodePartialAnswer(await signMap({ ...issuing, maps: options.maps }, body)),
      }),
    },
    ...holderRoutes(options.holding),
    {
      method: "POST",
      path: PATH.vote,
      handle: ({ body }, caller) => {
        const { account } = expectValidator(caller);
        const vote = decodeVote(body);
        const voting = vote.kind === VOTE_KIND.activation ? options.activating() : options.office().voting;
        if (voting !== undefined) return { body: encodeVoteAnswer(voting.receive(vote, account)) };
        throw new SwarmkeepError("no activation is under way here", {
          kind: "refused",
          code: "statement-unknown",
          advice: "Send the vote again when this member's ledger has come as far.",
        });
      },
    },
    {
      method: "POST",
      path: PATH.frostCommit,
      handle: async ({ body }, caller) => {
        const { signer } = standing.inOffice();
        const request = decodeFrostCommitRequest(body);
        const { tlsKey } = expectMember(caller, standing, request.seat);
        const { message, asker, claim } = await topicOf(options.topics(), request.kind)({ ...request, tlsKey });
        await claim?.();
        const { session, commitment } = signer.commit(message, `seat ${request.seat} ${asker ?? ""}`);
        return { body: encodeCommitmentAnswer({ ...commitment, session }) };
      },
    },
    {
      method: "POST",
      path: PATH.frostResult,
      handle: async ({ body }, caller) => {
        expectValidator(caller);
        await options.office().maker.frost.take(decodeFrostResult(body));
        return { body: encodeCbor(null) };
      },
    },
    {
      method: "POST",
      path: PATH.counters,
      handle: ({ body }, caller) => {
        expectValidator(caller);
        return { body: options.inheritance.answer(body) };
      },
    },
    {
      method: "POST",
      path: PATH.repairCommit,
      handle: ({ body }, caller) => ({ body: options.repairs.commit(body, caller) }),
    },
    {
      method: "POST",
      path: PATH.repairPart,
      handle: ({ body }, caller) => ({ body: options.repairs.part(body, caller) }),
    },
    {
      method: "POST",
      path: PATH.repairSum,
      bodyBytes: MAXIMUM_REPAIR_BYTES,
      handle: async ({ body, signal }, caller) => ({
        body: await options.repairs.sum(body, caller, options.office().peers, signal),
      }),
    },
    { method: "GET", path: PATH.presence, handle: () => ({ body: options.presences.current }) },
    {
      method: "POST",
      path: PATH.presence,
      handle: async ({ body }, caller) => ({ body: await options.presences.receive(body, caller) }),
    },
    {
      method: "POST",
      path: PATH.probeEcho,
      handle: ({ body }, caller) => ({ body: options.probed.echo(body, caller) }),
    },
    {
      method: "POST",
      path: PATH.probeWork,
      handle: async ({ body, peer }, caller) => ({
        body: await options.probed.work(body, caller, peer.channelBinding),
      }),
    },
    ...x509Routes(options.files),
  ];
}

function indexParameter(text: string | undefined): number {
  if (text !== undefined && /^(0|[1-9][0-9]{0,14})$/.test(text)) return Number(text);
  throw new HttpError(`${JSON.stringify((text ?? "").slice(0, 40))} is no index`, {
    status: 400,
    kind: "usage",
    code: "bad-request",
    advice: "Give a decimal number.",
  });
}

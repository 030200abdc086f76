/**
 * Certificates for clients of EST (docs/protocol.md, section 14.4). Two sides of one rule: what this member signs when another one
 * passes a request on, and how it gathers a certificate for a client of its own, which goes through the first side as well.
 */
import { createHash } from "node:crypto";

import { bytesToHex } from "@noble/hashes/utils.js";

import { signedBySwarm } from "../../certificate/x509-authority.js";
import { HttpError } from "../../net/error-body.js";
import { expectToken } from "../../net/server-errors.js";
import { FROST_KIND } from "../../protocol/api.js";
import { GatherError } from "../../protocol/gather.js";
import {
  type StandardOrder,
  type StandardProof,
  type StandardRequest,
  decodeStandardRequest,
  encodeStandardRequest,
  judgeStandard,
  repeatableFrom,
} from "../../protocol/standard-issuance.js";
import { SwarmkeepError } from "../../statements/errors.js";
import { neededAuthority } from "../authority.js";
import { type FrostTopic, type FrostTopicAnswer, claimCertificate, signByCommittee } from "../frost-signing.js";
import { type IssuingOptions, issuanceLedger } from "../issuing.js";
import type { InOfficeParts } from "../office.js";
import type { CodeBook, OpenCode } from "./code-book.js";
import type { RecentTerms } from "./recent-terms.js";
import { RETRY_SECONDS, type UseBook } from "./use-book.js";
import { formerKeys } from "../generations.js";

export interface EnrollingOptions extends IssuingOptions {
  readonly codes: CodeBook;
  readonly uses: UseBook;
  readonly terms: RecentTerms;
}

const hash = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash("sha256").update(bytes).digest());

function refused(code: string, message: string, advice: string): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice });
}

/** What this member signs for a client of EST that asked another one, or itself. */
export function standardTopic(options: EnrollingOptions): FrostTopic {
  return async ({ request }): Promise<FrostTopicAnswer> => {
    const { standing, prover, devices, issued, inheritance, terms, nowSeconds } = options;
    const decoded = decodeStandardRequest(request ?? new Uint8Array());
    const order = judge(options, decoded);
    const { slot, message } = order;
    expectUnused(options, decoded, order);
    expectToken(devices.take(String(slot.index)), `for device ${slot.index}`);
    inheritance.expectKnown(slot.period);
    await prover.prove(slot.index, standing.inOffice().finalised);
    return {
      message,
      asker: `device ${slot.index}`,
      async claim() {
        // The number first: one that is taken must not use up the code.
        await claimCertificate(issued, slot, message)();
        await use(options, decoded, order);
        terms.remember(hash(decoded.csr), decoded, nowSeconds());
      },
    };
  };
}

function judge(options: EnrollingOptions, request: StandardRequest): StandardOrder<OpenCode> {
  const { context, standing, checks, nodes, codes } = options;
  const { committee, projection, finalised } = standing.inOffice();
  const now = options.nowSeconds();
  return judgeStandard(request, {
    trust: {
      externalAad: context.separators.anchor,
      meshId: context.meshId,
      generation: committee.generation,
      keys: committee.keys,
      former: formerKeys(projection, committee.generation, now),
      crlUrl: neededAuthority(projection, committee.generation).facts.crlUrl,
    },
    ledger: issuanceLedger(projection, finalised),
    now,
    signatures: checks.device,
    findCode: (index, characters) => codes.find(index, characters, now),
    nodes,
  });
}

function expectUnused({ uses, nowSeconds }: EnrollingOptions, { csr }: StandardRequest, order: Order): void {
  const request = hash(csr);
  const now = nowSeconds();
  if (order.code !== undefined && uses.isUsed(order.code.codeHash, request, now)) throw codeUsed(order);
  if (uses.isUsed(request, request, now)) throw requestUsed();
}

type Order = StandardOrder<OpenCode>;

async function use({ uses, nowSeconds }: EnrollingOptions, { csr }: StandardRequest, order: Order): Promise<void> {
  const { code, fields } = order;
  const request = hash(csr);
  const now = nowSeconds();
  if (code !== undefined && !(await uses.use(code.codeHash, request, code.expiry, now))) throw codeUsed(order);
  if (!(await uses.use(request, request, repeatableFrom(fields), now))) throw requestUsed();
}

function codeUsed({ slot }: Order): SwarmkeepError {
  return refused(
    "code-used",
    `the one-time code of device ${slot.index} was used`,
    "Ask the fleet's registrar for another one.",
  );
}

function requestUsed(): SwarmkeepError {
  return refused(
    "request-used",
    "this very request has led to a certificate that is not half over",
    "Make a new request, such as with another challenge password, or ask again later.",
  );
}

/** Tries with the numbers of certificates that other members have free. */
const MAXIMUM_TRIES = 8;

export class EstEnrolment {
  readonly #options: EnrollingOptions;
  readonly #office: () => InOfficeParts;
  /** What was issued just now, by request and proof: whoever asks again because an answer was lost gets the same. */
  readonly #recent = new Map<string, { readonly certificate: Uint8Array; readonly until: number }>();
  /** Requests at work: two at once with one code are one. */
  readonly #working = new Set<string>();

  constructor(options: EnrollingOptions, office: () => InOfficeParts) {
    this.#options = options;
    this.#office = office;
  }

  /**
   * Has a certificate signed for a client. @returns DER.
   * @throws as `judgeStandard`; SwarmkeepError `code-used`, `request-used`, `too-few-validators`
   */
  async enrol(csr: Uint8Array, proof: StandardProof, signal: AbortSignal): Promise<Uint8Array> {
    const { nowSeconds, standing, issued, terms } = this.#options;
    const now = nowSeconds();
    for (const [name, { until }] of this.#recent) if (until <= now) this.#recent.delete(name);
    const { projection, finalised } = standing.inOffice();
    const seconds = Number(projection.genesis?.parameters.certificatePeriodSeconds ?? 1n);
    const period = Math.floor(finalised.timestamp / seconds);
    // Judged here before anybody else is asked: a bad request costs the others nothing.
    const order = judge(this.#options, { period, k: 0, notBefore: now, csr, ...proof });
    const name = bytesToHex(hash(csr));
    const recent = this.#recent.get(name);
    if (recent !== undefined && proof.code === undefined) return recent.certificate;
    if (recent !== undefined) throw codeUsed(order);
    expectUnused(this.#options, { period, k: 0, notBefore: now, csr, ...proof }, order);
    if (this.#working.has(name)) throw requestUsed();
    this.#working.add(name);
    try {
      const earlier = terms.find(hash(csr), now);
      const fresh = { period, k: issued.nextNumber(order.slot.index, period), notBefore: now };
      const chosen = earlier?.period === period ? earlier : fresh;
      const certificate = await this.#gather({ ...chosen, csr, ...proof }, signal);
      this.#recent.set(name, { certificate, until: now + RETRY_SECONDS });
      return certificate;
    } finally {
      this.#working.delete(name);
    }
  }

  async #gather(request: StandardRequest, signal: AbortSignal): Promise<Uint8Array> {
    let { k } = request;
    for (let attempt = 1; ; attempt++) {
      try {
        const order = { kind: FROST_KIND.standard, number: 0, request: encodeStandardRequest({ ...request, k }) };
        const { message, signature } = await signByCommittee(this.#office().signing, order, signal);
        return signedBySwarm(message, signature);
      } catch (error) {
        const refusals = refusalsIn(error);
        // The lowest: a liar can cost one more round with it, but not use up the device's quota.
        const taken = refusals.filter(({ code }) => code === "serial-taken");
        const next = Math.min(...taken.map(({ details }) => nextOf(details, k)));
        if (next === Infinity || attempt >= MAXIMUM_TRIES) throw this.#judged(error, refusals);
        k = next;
      }
    }
  }

  /** What more than f members say is so. */
  #judged(error: unknown, refusals: readonly SwarmkeepError[]): unknown {
    if (!(error instanceof GatherError)) return error;
    const f = this.#office().signing.committee.quorum.f;
    const said = refusals.find(({ code }) => refusals.filter((other) => other.code === code).length > f);
    if (said !== undefined && said.kind === "refused") return said;
    return new HttpError("too few validators answer to sign a certificate now", {
      status: 503,
      kind: "network",
      code: "too-few-validators",
      advice: "Send the same request again after the time in Retry-After.",
      retryAfter: 2,
      cause: error,
    });
  }
}

function refusalsIn(error: unknown): SwarmkeepError[] {
  const errors = error instanceof GatherError ? error.failures.map((failure) => failure.error) : [error];
  return errors.filter((one) => one instanceof SwarmkeepError);
}

function nextOf(details: Readonly<Record<string, unknown>>, k: number): number {
  const next = details["next"];
  return typeof next === "number" && Number.isSafeInteger(next) && next > k && next <= 0xffff ? next : Infinity;
}

/** Every error of a server as a typed one: those of its handlers, of the web framework, and of the HTTP parser. */
import type { Socket } from "node:net";

import { systemCode } from "../runtime/errors.js";
import { SwarmkeepError } from "../statements/errors.js";
import { HttpError, encodeError, statusOf } from "./error-body.js";

export function overloaded(retryAfter: number): HttpError {
  return new HttpError("the server has more to do than it can", {
    status: 503,
    kind: "network",
    code: "overloaded",
    advice: "Try again after the time in Retry-After, or ask another validator.",
    retryAfter,
  });
}

/** @param whose says in a few words which requests are too many. */
export function tooManyRequests(retryAfter: number, whose = "from this address"): HttpError {
  return new HttpError(`too many requests ${whose}`, {
    status: 429,
    kind: "network",
    code: "too-many-requests",
    advice: "Try again after the time in Retry-After.",
    retryAfter,
  });
}

/** Passes whoever need not wait, as `TokenBuckets` say it. @throws HttpError 429 */
export function expectToken(wait: number, whose?: string): void {
  if (wait > 0) throw tooManyRequests(wait, whose);
}

/** Statuses with which the framework and the parser of HTTP refuse a request, and what to say about them. */
const REFUSALS: ReadonlyMap<number, { code: string; message: string; advice: string }> = new Map([
  [400, { code: "bad-request", message: "the request is not HTTP/1.1 as it should be", advice: "Check the client." }],
  [408, { code: "timeout", message: "the request took too long to arrive", advice: "Send it faster." }],
  [413, { code: "body-too-large", message: "the body is larger than this path takes", advice: "Send less." }],
  [431, { code: "header-too-large", message: "the header is too large", advice: "Send fewer and shorter fields." }],
]);

function refusal(status: number, cause: unknown): HttpError {
  const known = REFUSALS.get(status) ?? REFUSALS.get(400);
  return new HttpError(known?.message ?? "", {
    status,
    kind: "usage",
    code: known?.code ?? "",
    advice: known?.advice ?? "",
    cause,
  });
}

export function typed(error: unknown, explain?: (error: unknown) => SwarmkeepError | undefined): SwarmkeepError {
  if (error instanceof SwarmkeepError) return error;
  const explained = explain?.(error);
  if (explained !== undefined) return explained;
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) return refusal(status, error);
  // What went wrong inside is for the log, not for strangers.
  return new SwarmkeepError("the server failed to answer", {
    kind: "internal",
    code: "internal",
    advice: "Try another validator, and tell the operator the request's id.",
    cause: error,
  });
}

const PARSER_STATUS: ReadonlyMap<string, number> = new Map([
  ["HPE_HEADER_OVERFLOW", 431],
  ["ERR_HTTP_REQUEST_TIMEOUT", 408],
]);

/** Answers bytes that are no request, where the connection still takes an answer, and closes it. */
export function answerBadRequest(error: Error & { code?: string }, socket: Socket): void {
  // Only what got as far as the HTTP parser can be answered; a failed handshake comes here as well.
  if (!socket.writable || !/^(HPE_|ERR_HTTP_)/.test(error.code ?? "")) {
    socket.destroy();
    return;
  }
  const answer = refusal(PARSER_STATUS.get(error.code ?? "") ?? 400, error);
  const body = encodeError(answer);
  const head = `HTTP/1.1 ${statusOf(answer)} ${answer.code}\r\ncontent-type: application/cbor\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head), body]));
}

/** Why a server cannot listen where it was told to. */
export function listenError(host: string, port: number, cause: unknown): SwarmkeepError {
  const known: Record<string, { code: string; problem: string; advice: string }> = {
    EADDRINUSE: { code: "port-in-use", problem: "is in use", advice: "Stop what uses it, or choose another port." },
    EACCES: { code: "port-forbidden", problem: "may not be used by this user", advice: "Choose a port above 1023." },
    EADDRNOTAVAIL: { code: "address-unknown", problem: "is not of this machine", advice: "Choose another address." },
  };
  const found = known[systemCode(cause) ?? ""];
  return new SwarmkeepError(`port ${port} of ${host} ${found?.problem ?? "cannot be listened on"}`, {
    kind: "environment",
    code: found?.code ?? "listen-failed",
    advice: found?.advice ?? "Check the address and the port.",
    details: { host, port },
    cause,
  });
}

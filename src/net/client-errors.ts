/** What goes wrong on the way to a server. */
import { SwarmkeepError } from "../statements/errors.js";
import { type Endpoint, formatEndpoint } from "./endpoint.js";

interface Explanation {
  readonly code: string;
  readonly problem: string;
  readonly advice: string;
}

const SYSTEM_ERRORS: ReadonlyMap<string, Explanation> = new Map([
  [
    "ECONNREFUSED",
    { code: "connection-refused", problem: "refuses connections", advice: "Check that the server runs and the port." },
  ],
  ["ENOTFOUND", { code: "host-unknown", problem: "has no address", advice: "Check the name and the name server." }],
  ["EAI_AGAIN", { code: "host-unknown", problem: "cannot be looked up now", advice: "Check the name server." }],
  ["EHOSTUNREACH", { code: "host-unreachable", problem: "cannot be reached", advice: "Check the network." }],
  ["ENETUNREACH", { code: "host-unreachable", problem: "cannot be reached", advice: "Check the network." }],
  ["ETIMEDOUT", { code: "timeout", problem: "does not answer", advice: "Try again, or another validator." }],
]);

const LOST: Explanation = {
  code: "connection-lost",
  problem: "closed the connection before it had answered",
  advice: "Try again, or another validator.",
};

function networkError(endpoint: Endpoint, { code, problem, advice }: Explanation, cause?: unknown): SwarmkeepError {
  const place = formatEndpoint(endpoint);
  return new SwarmkeepError(`${place} ${problem}`, {
    kind: "network",
    code,
    advice,
    details: { endpoint: place },
    cause,
  });
}

/** Any failure of a socket as a typed error; what is typed already stays as it is. */
export function connectionError(endpoint: Endpoint, cause: unknown, withKey: boolean): SwarmkeepError {
  if (cause instanceof SwarmkeepError) return cause;
  const code = String((cause as { code?: unknown } | null)?.code ?? "");
  const known = SYSTEM_ERRORS.get(code);
  if (known !== undefined) return networkError(endpoint, known, cause);
  if (code.startsWith("HPE_")) {
    const problem = "does not speak HTTP/1.1";
    return networkError(endpoint, { code: "not-http", problem, advice: "Check the endpoint." }, cause);
  }
  if (!/SSL|TLS|EPROTO/.test(code)) return networkError(endpoint, LOST, cause);
  // A server that knows the identity but has another key for it sees a binder that does not verify (RFC 8446, 4.2.11.2).
  if (withKey && /ILLEGAL_PARAMETER|DECRYPT/.test(code)) return keyRefused(endpoint, cause);
  return networkError(
    endpoint,
    {
      code: "tls-failed",
      problem: `does not agree on TLS 1.3 (${code})`,
      advice: "Check that the endpoint is a validator's.",
    },
    cause,
  );
}

/** The server does not share the key: it does not know the identity, or has another key for it. */
export function keyRefused(endpoint: Endpoint, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${formatEndpoint(endpoint)} does not have this pre-shared key`, {
    kind: "refused",
    code: "psk-refused",
    advice: "Check that the device was provisioned at this validator with this identity.",
    details: { endpoint: formatEndpoint(endpoint) },
    cause,
  });
}

export function wrongKey(endpoint: Endpoint, expected: Uint8Array, found: Uint8Array): SwarmkeepError {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  return new SwarmkeepError(`${formatEndpoint(endpoint)} has another TLS key than the one that is pinned`, {
    kind: "refused",
    code: "wrong-key",
    advice: "Do not connect: refresh the committee list, and check the endpoint if the key is still another one.",
    details: { endpoint: formatEndpoint(endpoint), expected: hex(expected), found: hex(found) },
  });
}

export function timedOut(endpoint: Endpoint, milliseconds: number): SwarmkeepError {
  return networkError(endpoint, {
    code: "timeout",
    problem: `did not answer within ${milliseconds} ms`,
    advice: "Try again, or another validator.",
  });
}

export function answerTooLarge(endpoint: Endpoint, maximumBytes: number): SwarmkeepError {
  return networkError(endpoint, {
    code: "answer-too-large",
    problem: `answers with more than ${maximumBytes} bytes`,
    advice: "Ask another validator.",
  });
}

/** Errors on the wire: CBOR {1: code, 2: message, 3: advice, 4: details} (docs/protocol.md, section 9). */
import { type CborValue, decodeCbor, encodeCbor } from "../certificate/cbor.js";
import { type ErrorKind, type ErrorOptions, SwarmkeepError } from "../statements/errors.js";

const STATUS: Readonly<Record<ErrorKind, number>> = {
  usage: 400,
  refused: 403,
  network: 502,
  environment: 503,
  internal: 500,
};

const MAXIMUM_TEXT = 500;

export interface HttpErrorOptions extends ErrorOptions {
  readonly status: number;
  /** Seconds after which another try makes sense. */
  readonly retryAfter?: number;
  /** WWW-Authenticate (RFC 9110, section 11.6.1), with status 401. */
  readonly challenge?: string;
  /** Allow (RFC 9110, section 10.2.1), with status 405. */
  readonly allow?: string;
}

/** An error with a status of its own. Any other `SwarmkeepError` gets that of its kind. */
export class HttpError extends SwarmkeepError {
  override readonly name: string = "HttpError";
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly challenge: string | undefined;
  readonly allow: string | undefined;

  constructor(message: string, options: HttpErrorOptions) {
    super(message, options);
    this.status = options.status;
    this.retryAfter = options.retryAfter;
    this.challenge = options.challenge;
    this.allow = options.allow;
  }
}

/** An error that the other side answered with. Its texts come from there: data, not truth. */
export class RemoteError extends HttpError {
  override readonly name = "RemoteError";
}

export function statusOf(error: SwarmkeepError): number {
  return error instanceof HttpError ? error.status : STATUS[error.kind];
}

export function encodeError(error: SwarmkeepError): Uint8Array {
  const details = new Map(
    Object.entries(error.details).flatMap(([name, value]): [string, CborValue][] =>
      value === undefined ? [] : [[name, detail(value)]],
    ),
  );
  return encodeCbor(
    new Map<number, CborValue>([
      [1, error.code],
      [2, error.message.slice(0, MAXIMUM_TEXT)],
      [3, error.advice.slice(0, MAXIMUM_TEXT)],
      [4, details],
    ]),
  );
}

function detail(value: unknown): CborValue {
  switch (typeof value) {
    case "bigint":
      return value >= -(2n ** 63n) && value < 2n ** 64n ? value : value.toString();
    case "boolean":
      return value;
    case "number":
      return Number.isSafeInteger(value) ? value : String(value);
    case "string":
      return value.slice(0, MAXIMUM_TEXT);
    default:
      return value instanceof Uint8Array && value.length <= MAXIMUM_TEXT ? value : null;
  }
}

/** What a server meant by an answer that is no success, whatever its body is. */
export function decodeError(status: number, retryAfter: number | undefined, body: Uint8Array): RemoteError {
  let fields: ReadonlyMap<unknown, unknown> = new Map();
  try {
    const value = decodeCbor(body, "error body");
    if (value instanceof Map) fields = value;
  } catch {
    // A proxy in between answers in its own way: then the status is all there is.
  }
  const text = (key: number, otherwise: string): string => {
    const value = fields.get(key);
    return typeof value === "string" ? printable(value) : otherwise;
  };
  const details = fields.get(4);
  const code = text(1, "");
  return new RemoteError(text(2, `the server answered with status ${status}`), {
    status,
    kind: status >= 500 || status === 429 || status === 408 ? "network" : "refused",
    code: /^[a-z][a-z0-9-]{0,63}$/.test(code) ? code : `status-${status}`,
    advice: text(3, status >= 500 || status === 429 ? "Try again later." : "Check the request."),
    details: details instanceof Map ? Object.fromEntries(details) : {},
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

/** Without control characters, which could rewrite a terminal. */
function printable(text: string): string {
  return text.slice(0, MAXIMUM_TEXT).replace(/\p{C}/gu, "?");
}

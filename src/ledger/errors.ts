/** Every way in which the ledger, or what stands between it and us, can fail. One class, told apart by `code`. */

export type LedgerErrorCode =
  /** Nothing listens at the endpoint, or the connection broke. */
  | "refused"
  /** The endpoint did not answer in time. */
  | "timeout"
  /** What answers is not JSON-RPC. */
  | "not-json-rpc"
  /** The endpoint asks us to slow down (HTTP 429 or JSON-RPC -32005). */
  | "rate-limited"
  /** The endpoint serves another chain. */
  | "wrong-chain"
  /** The endpoint answered with a JSON-RPC error; `details.data` holds revert data where there is some. */
  | "rpc"
  /** The endpoint's answer has the wrong shape. */
  | "bad-answer"
  /** A block's fields do not hash to its hash. */
  | "bad-header"
  /** A Merkle-Patricia proof does not prove what it is said to prove. */
  | "bad-proof"
  /** Two endpoints say different things about the finalised chain. */
  | "endpoints-disagree"
  /** An endpoint does not know a block that was acted upon before: it is still catching up. */
  | "behind"
  /** The finalised chain changed below a block already acted upon. */
  | "reorganised"
  /** Contract logs cannot be read: unknown event, or missing bytes. */
  | "bad-log"
  /** A contract refused a call. */
  | "reverted"
  /** A transaction cannot be sent as the limits stand: fee or gas above its cap, no funds. */
  | "unsendable"
  /** The local node ended, or did not start. */
  | "node-ended";

export class LedgerError extends Error {
  override readonly name = "LedgerError";
  readonly code: LedgerErrorCode;
  /** The values that were wrong, for logs and for tests; no secrets. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: LedgerErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** Faults of nodes and of the way to them, which can pass by themselves or by an operator's hand: worth another try later. */
const PASSING: ReadonlySet<LedgerErrorCode> = new Set([
  "refused",
  "timeout",
  "not-json-rpc",
  "rate-limited",
  "rpc",
  "bad-answer",
  "behind",
  "endpoints-disagree",
]);

/** Whether waiting and trying again can help. */
export function isPassing(error: unknown): boolean {
  return error instanceof LedgerError && PASSING.has(error.code);
}

/** Every way in which the ledger, or what stands between it and us, can fail. One class, told apart by `code`. */
import { SwarmkeepError, type ErrorKind } from "../statements/errors.js";

const CODES = {
  /** Nothing listens at the endpoint, or the connection broke. */
  refused: ["network", "Check that the node is running and that its address is right."],
  timeout: ["network", "Check the load of the node and the way to it."],
  /** What answers is not JSON-RPC. */
  "not-json-rpc": ["network", "Check the endpoint's address: something else answers there."],
  /** HTTP 429 or JSON-RPC -32005. */
  "rate-limited": ["network", "Use a node of your own, or a larger plan."],
  "wrong-chain": ["usage", "Use an endpoint of the mesh's chain."],
  /** The endpoint answered with a JSON-RPC error; `details.data` holds revert data where there is some. */
  rpc: ["network", "Use a node that serves this request."],
  /** The endpoint's answer has the wrong shape. */
  "bad-answer": ["network", "Use another node: this one breaks the rules of JSON-RPC."],
  /** A block's fields do not hash to its hash. */
  "bad-header": ["network", "Do not trust this endpoint; if it is your own node, its fork is newer than this program."],
  /** A Merkle-Patricia proof does not prove what it is said to prove. */
  "bad-proof": ["network", "Do not trust this endpoint: use a node of your own."],
  "too-few-endpoints": ["usage", "Name a node of your own, or two endpoints that have nothing to do with one another."],
  "endpoints-disagree": ["network", "Find out which one is wrong; nothing is signed until they agree."],
  /** An endpoint does not have something that was seen elsewhere: it is still catching up. */
  behind: ["network", "Wait until the node has caught up."],
  /** The finalised chain changed below a block already acted upon. */
  reorganised: [
    "network",
    "Sign nothing, and find out whether the chain broke its finality or the endpoint serves another.",
  ],
  /** A contract's log cannot be read. */
  "bad-log": ["internal", "Use the version of this program that the mesh was deployed with."],
  /** There is no mesh at the address. */
  "no-mesh": ["usage", "Give the address of a TrustAnchor that accepted its genesis."],
  /** A contract refused a call; `details.error` is the name of its error. */
  reverted: [
    "refused",
    "See the error in the contract's interface (contracts/interfaces), which says what it asks for.",
  ],
  /** A transaction does not fit its limits: fee or gas above the cap, no funds. */
  unsendable: ["environment", "Fund the account, or raise the limit."],
  /** The local node ended, or did not start. */
  "node-ended": [
    "environment",
    "Mend what it says and start again; `swarmkeep start --fresh` begins anew at another port, with the old data set aside.",
  ],
} as const satisfies Record<string, readonly [ErrorKind, advice: string]>;

export type LedgerErrorCode = keyof typeof CODES;

export class LedgerError extends SwarmkeepError {
  override readonly name = "LedgerError";
  declare readonly code: LedgerErrorCode;

  constructor(
    code: LedgerErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    const [kind, advice] = CODES[code];
    super(message, { kind, code, advice, details, cause });
  }
}

/** Faults of nodes and of the way to them, which can pass by themselves or by an operator's hand. */
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

/** Why a member cannot go on with a ceremony. A bad dealing, a false complaint or a late member is no error: see effects. */
export type CeremonyErrorCode =
  /** An event that cannot follow the ones before it: some are missing, or belong to another ceremony. */
  | "order"
  /** What was read does not have the hash that the ledger keeps: the node that served it lies or is broken. */
  | "ledger-mismatch"
  /** The ledger's sizes are not those of docs/protocol.md, section 1. */
  | "sizes"
  /** The dealings of a resharing lead to other group keys than the mesh has. */
  | "keys-changed"
  /** A stored state that does not decode. */
  | "state";

export class CeremonyError extends Error {
  readonly code: CeremonyErrorCode;

  constructor(code: CeremonyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CeremonyError";
    this.code = code;
  }
}

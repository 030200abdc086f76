import { LedgerError } from "../../../src/ledger/errors.js";

/** The LedgerError that `promise` rejects with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<LedgerError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
  throw new Error(`expected a LedgerError, got ${String(value)}`);
}

/** Money on a chain of one's own: development nodes hold unlocked, funded accounts. */
import type { Endpoint } from "../ledger/endpoint.js";
import { LedgerError } from "../ledger/errors.js";

/** Sends `wei` from the node's first account to each of `accounts`. @throws LedgerError `unsendable` on any other chain. */
export async function fundFromNode(endpoint: Endpoint, accounts: readonly string[], wei: bigint): Promise<void> {
  const unlocked = (await endpoint.send("eth_accounts").catch(() => [])) as readonly string[];
  const from = unlocked[0];
  if (from === undefined) {
    throw new LedgerError("unsendable", `${endpoint.label} has no unlocked account: it is no development node`);
  }
  const value = `0x${wei.toString(16)}`;
  const hashes: unknown[] = [];
  for (const to of accounts) hashes.push(await endpoint.send("eth_sendTransaction", [{ from, to, value }]));
  for (const hash of hashes) {
    while ((await endpoint.send("eth_getTransactionReceipt", [hash])) === null) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** What a contract meant when it refused a call: its custom error by name and arguments, in one sentence. */
import { AbiCoder, type ErrorDescription } from "ethers";

import { CONTRACT_NAMES, INTERFACES } from "./contracts.js";
import { LedgerError } from "./errors.js";
import { plainFields } from "./events.js";

/** `Error(string)` and `Panic(uint256)`, which the compiler makes. */
const ERROR_STRING = "0x08c379a0";
const PANIC = "0x4e487b71";

/** "InvalidStake(amount: 1, minimum: 5)" for "the contract refused: ...". */
function describe(error: ErrorDescription): string {
  const args = plainFields(error.fragment.inputs, error.args);
  const list = Object.entries(args).map(([name, value]) => `${name}: ${String(value)}`);
  return `${error.name}(${list.join(", ")})`;
}

/**
 * @param data revert data in hex, where the node gave some.
 * @param action what was tried, for the message: "register the validator".
 */
export function revertError(data: string | undefined, action: string, cause?: unknown): LedgerError {
  const message = (reason: string): string => `the ledger refused to ${action}: ${reason}`;
  if (data === undefined || data === "0x") {
    return new LedgerError("reverted", message("no reason given"), {}, cause);
  }
  if (data.startsWith(ERROR_STRING) || data.startsWith(PANIC)) {
    const type = data.startsWith(PANIC) ? "uint256" : "string";
    const reason = String(AbiCoder.defaultAbiCoder().decode([type], `0x${data.slice(10)}`)[0]);
    return new LedgerError("reverted", message(reason), { error: type === "string" ? "Error" : "Panic" }, cause);
  }
  for (const name of CONTRACT_NAMES) {
    const error = INTERFACES[name].parseError(data);
    if (error === null) continue;
    const args = plainFields(error.fragment.inputs, error.args);
    return new LedgerError("reverted", message(describe(error)), { error: error.name, args }, cause);
  }
  return new LedgerError("reverted", message(`unknown error ${data.slice(0, 10)}`), { data }, cause);
}

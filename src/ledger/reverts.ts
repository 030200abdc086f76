/** What a contract meant when it refused a call: the sentence that its source has for the custom error, with the arguments. */
import { AbiCoder, type ErrorDescription } from "ethers";

import { CONTRACT_NAMES, INTERFACES } from "./contracts.js";
import { ERROR_NOTICES } from "./error-notices.js";
import { LedgerError } from "./errors.js";
import { plainFields } from "./events.js";

/** `Error(string)` and `Panic(uint256)`, which the compiler makes. */
const ERROR_STRING = "0x08c379a0";
const PANIC = "0x4e487b71";

/** States and phases by their numbers, as the contracts count them, by error and argument. */
const STATES = ["none", "admitted", "active", "exiting", "exited"];
const PHASES = ["none", "accept", "deal", "complain", "acknowledge", "active", "abandoned"];
const ROUND_PHASES = ["none", "commit", "reveal", "settle", "settled"];
const STAGES = ["none", "requested", "cancelled", "begun"];
const NAMES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "WrongState(address,uint8,uint8)": { state: STATES, expected: STATES },
  "WrongPhase(uint8,uint8)": { actual: PHASES, expected: PHASES },
  "WrongPhase(uint64,uint8,uint8)": { phase: ROUND_PHASES, expected: ROUND_PHASES },
  "WrongStage(uint8,uint8)": { stage: STAGES, expected: STAGES },
};

/** "grp:x lies in none of the grant's scopes (ScopeNotGranted)" for "the ledger refused to ...: ...". */
function describe({ name, signature }: ErrorDescription, args: Readonly<Record<string, unknown>>): string {
  const argumentsOf = (text: string): string[] => [...text.matchAll(/`(\w+)`/g)].map((match) => match[1] as string);
  const notice = ERROR_NOTICES[name]?.find((text) => argumentsOf(text).every((argument) => argument in args));
  if (notice === undefined) {
    const list = Object.entries(args).map(([argument, value]) => `${argument}: ${String(value)}`);
    return `${name}(${list.join(", ")})`;
  }
  const valueOf = (argument: string): string => {
    const word = NAMES[signature]?.[argument]?.[Number(args[argument])];
    return word === undefined ? String(args[argument]) : JSON.stringify(word);
  };
  const sentence = notice.replace(/`(\w+)`/g, (_, argument: string) => valueOf(argument)).replace(/\.$/, "");
  // What the sentence does not say, such as the field of a policy.
  const said = argumentsOf(notice);
  const rest = said.length > 0 ? [] : Object.entries(args).map(([argument, value]) => `${argument} ${String(value)}`);
  return `${sentence.replace(/[{}]/g, "")} (${rest.length === 0 ? name : `${name}: ${rest.join(", ")}`})`;
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
    return new LedgerError("reverted", message(describe(error, args)), { error: error.name, args }, cause);
  }
  return new LedgerError("reverted", message(`unknown error ${data.slice(0, 10)}`), { data }, cause);
}

/** Events of the mesh's contracts as one typed union, decoded from logs. Argument names and types are those of the ABIs. */
import type { LogDescription, ParamType } from "ethers";

import type { TypedContractEvent } from "../../typechain-types/common.js";
import { CONTRACT_NAMES, INTERFACES, type ContractName, type MeshAddresses, type MeshContracts } from "./contracts.js";
import { LedgerError } from "./errors.js";
import type { LedgerLog } from "./source.js";

/** What a decoded value is: structs become plain objects by field name, arrays stay arrays. */
export type Plain<T> = T extends bigint | string | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? number extends T["length"]
      ? readonly Plain<Item>[]
      : { readonly [K in Exclude<keyof T, keyof unknown[] | `${number}`>]: Plain<T[K]> }
    : { readonly [K in keyof T]: Plain<T[K]> };

type Filters<C extends ContractName> = MeshContracts[C]["filters"];
/** Names of a contract's events; the generated types list each by its signature as well. */
type EventName<C extends ContractName> = Exclude<keyof Filters<C>, `${string}(${string}`> & string;

export interface LedgerEventOf<C extends ContractName, N extends EventName<C>> {
  readonly contract: C;
  readonly name: N;
  readonly args: Filters<C>[N] extends TypedContractEvent<infer _Input, infer _Tuple, infer Args> ? Plain<Args> : never;
  readonly blockNumber: number;
  readonly transactionHash: string;
  /** Position in the block. */
  readonly logIndex: number;
}

/** Told apart by `contract` and `name`. */
export type LedgerEvent = {
  [C in ContractName]: { [N in EventName<C>]: LedgerEventOf<C, N> }[EventName<C>];
}[ContractName];

/** An event of one name, whichever contract has it. */
export type LedgerEventNamed<N extends LedgerEvent["name"]> = Extract<LedgerEvent, { name: N }>;

/**
 * Makes the decoder of a mesh's logs.
 * @returns a function that throws LedgerError `bad-log` for a log that is not of these contracts and their ABIs.
 */
export function eventDecoder(addresses: MeshAddresses): (log: LedgerLog) => LedgerEvent {
  const contractOf = new Map(CONTRACT_NAMES.map((name) => [addresses[name].toLowerCase(), name]));
  return (log) => {
    const contract = contractOf.get(log.address);
    if (contract === undefined) throw badLog(log, "comes from no contract of the mesh");
    let parsed: LogDescription | null;
    try {
      parsed = INTERFACES[contract].parseLog(log);
    } catch (cause) {
      throw badLog(log, "does not decode", cause);
    }
    if (parsed === null) throw badLog(log, `is no event that ${contract} has`);
    const { blockNumber, transactionHash, logIndex } = log;
    const args = plainFields(parsed.fragment.inputs, parsed.args);
    // The ABI that decoded `args` is the one that the types were generated from.
    return { contract, name: parsed.name, args, blockNumber, transactionHash, logIndex } as unknown as LedgerEvent;
  };
}

function badLog(log: LedgerLog, what: string, cause?: unknown): LedgerError {
  const { address, blockNumber, logIndex } = log;
  const message = `log ${logIndex} of block ${blockNumber}, by ${address}, ${what}`;
  return new LedgerError("bad-log", message, { address, blockNumber, logIndex, topic: log.topics[0] }, cause);
}

/**
 * Names and decoded values as a plain object; used for errors' arguments too. A contract takes any bytes for a text, an endpoint
 * for instance; what is no UTF-8 is read as the empty text, or one member could stop every reader of the ledger with it.
 */
export function plainFields(inputs: readonly ParamType[], values: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(inputs.map((input, index) => [input.name, plain(input, valueAt(input, values, index))]));
}

/** ethers throws what it could not decode when it is looked at. */
function valueAt(input: ParamType, values: readonly unknown[], index: number): unknown {
  try {
    return values[index];
  } catch (cause) {
    if (input.baseType === "string") return "";
    throw cause;
  }
}

function plain(type: ParamType, value: unknown): unknown {
  const { arrayChildren, components } = type;
  if (arrayChildren !== null) return (value as readonly unknown[]).map((item) => plain(arrayChildren, item));
  if (components !== null) return plainFields(components, value as readonly unknown[]);
  return value;
}

/**
 * Logs and calls of the mesh's contracts by name, as plain JSON: numbers as decimal text, bytes in hexadecimal, structs by
 * field. What strangers wrote is cut to a length that can be shown; the raw bytes stay on the chain.
 */
import { EventFragment, FunctionFragment, type Interface, type ParamType, type Result } from "ethers";

import { CONTRACT_NAMES, INTERFACES, type ContractName, type MeshAddresses } from "../ledger/contracts.js";
import type { Args, Json } from "./json.js";

export interface Mention {
  /** `address`, or the kind that `REFERENCES` has. */
  readonly kind: string;
  readonly key: string;
}

export interface Decoded {
  readonly contract: ContractName | undefined;
  /** Of the event, function or error; undefined where the ABI has none. */
  readonly name: string | undefined;
  readonly args: Args;
  readonly mentions: readonly Mention[];
}

/** Arguments that name a thing with a page of its own, whatever contract they come from. */
export const REFERENCES: Readonly<Record<string, string>> = {
  ceremony: "ceremony",
  fleetId: "fleet",
  grantId: "grant",
  epoch: "epoch",
  generation: "generation",
};

/** Characters of a text, and bytes of a byte string, that are kept. */
const MAXIMUM_TEXT = 512;
const MAXIMUM_BYTES = 1_008;
const MAXIMUM_ITEMS = 256;

/** Control characters, and those that turn the direction of writing or join invisibly: they make one text look like another. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A stranger's text as it may be shown. */
export function shownText(text: string): string {
  const clean = text.slice(0, MAXIMUM_TEXT).replace(INVISIBLE, "\ufffd");
  return text.length > MAXIMUM_TEXT ? `${clean}… (${text.length} characters)` : clean;
}

function shownBytes(hex: string): string {
  const length = (hex.length - 2) / 2;
  return length > MAXIMUM_BYTES ? `${hex.slice(0, 2 + 2 * MAXIMUM_BYTES)}… (${length} bytes)` : hex;
}

export class Decoder {
  readonly addresses: MeshAddresses;
  readonly #names: ReadonlyMap<string, ContractName>;

  constructor(addresses: MeshAddresses) {
    this.addresses = addresses;
    this.#names = new Map(CONTRACT_NAMES.map((name) => [addresses[name].toLowerCase(), name]));
  }

  contractAt(address: string | null | undefined): ContractName | undefined {
    return this.#names.get(address?.toLowerCase() ?? "");
  }

  log(log: { address: string; topics: readonly string[]; data: string }): Decoded {
    const contract = this.contractAt(log.address);
    return attempt(contract, (abi, { events }) => {
      const fragment = events.get(log.topics[0] ?? "");
      return fragment && { fragment, values: abi.decodeEventLog(fragment, log.data, log.topics) };
    });
  }

  call(to: string | undefined, input: string): Decoded {
    const contract = this.contractAt(to);
    return attempt(contract, (abi, { functions }) => {
      const fragment = functions.get(input.slice(0, 10));
      return fragment && { fragment, values: abi.decodeFunctionData(fragment, input) };
    });
  }
}

interface Parsed {
  readonly fragment: EventFragment | FunctionFragment;
  readonly values: Result;
}

/** What an ABI has, by topic and by selector: ethers, asked for one, hashes the signatures of all of them each time. */
interface Fragments {
  readonly events: ReadonlyMap<string, EventFragment>;
  readonly functions: ReadonlyMap<string, FunctionFragment>;
}

function fragmentsOf(abi: Interface): Fragments {
  const events = abi.fragments.filter((fragment) => fragment instanceof EventFragment);
  const functions = abi.fragments.filter((fragment) => fragment instanceof FunctionFragment);
  return {
    events: new Map(events.map((fragment) => [fragment.topicHash, fragment])),
    functions: new Map(functions.map((fragment) => [fragment.selector, fragment])),
  };
}

const FRAGMENTS = new Map(CONTRACT_NAMES.map((name) => [name, fragmentsOf(INTERFACES[name])]));

function attempt(
  contract: ContractName | undefined,
  parse: (abi: Interface, fragments: Fragments) => Parsed | undefined,
): Decoded {
  const fragments = contract && FRAGMENTS.get(contract);
  if (contract !== undefined && fragments !== undefined) {
    try {
      const parsed = parse(INTERFACES[contract], fragments);
      if (parsed !== undefined) {
        const mentions: Mention[] = [];
        const { fragment, values } = parsed;
        return { contract, name: fragment.name, args: fieldsOf(fragment.inputs, values, mentions), mentions };
      }
    } catch {
      // Bytes that only look like this function's or event's: shown raw.
    }
  }
  return { contract, name: undefined, args: {}, mentions: [] };
}

/** Decoded values by name; unnamed ones by position. */
export function fieldsOf(inputs: readonly ParamType[], values: Result, mentions: Mention[] = []): Record<string, Json> {
  return Object.fromEntries(
    inputs.map((input, index) => [input.name || `value ${index + 1}`, json(input, valueAt(values, index), mentions)]),
  );
}

/** ethers throws what it could not decode when it is looked at: a text that is no UTF-8 is shown as empty. */
function valueAt(values: Result, index: number): unknown {
  try {
    return values[index];
  } catch {
    return "";
  }
}

function json(type: ParamType, value: unknown, mentions: Mention[]): Json {
  const { arrayChildren, components, baseType, name } = type;
  if (arrayChildren !== null) {
    const items = value as Result;
    const shown = Array.from({ length: Math.min(items.length, MAXIMUM_ITEMS) }, (_, i) =>
      json(arrayChildren, valueAt(items, i), mentions),
    );
    return items.length > MAXIMUM_ITEMS ? [...shown, `… (${items.length} in all)`] : shown;
  }
  if (components !== null) return fieldsOf(components, value as Result, mentions);
  if (baseType === "address") {
    const address = String(value);
    if (!/^0x0{40}$/.test(address)) mentions.push({ kind: "address", key: address.toLowerCase() });
    return address;
  }
  if (typeof value === "boolean") return value;
  if (typeof value === "bigint") {
    const kind = REFERENCES[name];
    if (kind !== undefined) mentions.push({ kind, key: value.toString() });
    return value.toString();
  }
  const text = String(value);
  return baseType.startsWith("bytes") ? shownBytes(text) : shownText(text);
}

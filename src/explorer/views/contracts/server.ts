/** Shows contracts from their ABIs, and calls their functions that read. The node runs the call; nothing is ever sent. */
import type { FunctionFragment, ParamType } from "ethers";

import { CONTRACT_NAMES, INTERFACES, type ContractName } from "../../../ledger/contracts.js";
import { LedgerError } from "../../../ledger/errors.js";
import { revertError } from "../../../ledger/reverts.js";
import { hexNumber } from "../../../ledger/source.js";
import { fieldsOf } from "../../decoding.js";
import { words } from "../../purposes.js";
import { type Query, badParameter } from "../../query.js";
import type { ViewContext, ViewServer } from "../../view.js";
import { type ContractDetail, type ContractLine, type ReadAnswer, manifest } from "./view.js";

const MAXIMUM_ARGUMENTS = 16;
const MAXIMUM_ARGUMENT = 4_096;
const MAXIMUM_DEPTH = 6;
const MAXIMUM_ITEMS = 256;

function lineOf({ database, addresses }: ViewContext, name: ContractName): ContractLine {
  const { events = 0 } =
    database.get<{ events: number }>("SELECT count(*) AS events FROM events WHERE contract = ?", name) ?? {};
  return { name, title: words(name), address: addresses[name], events };
}

function nameOf(query: Query): ContractName {
  return query.oneOf("name", CONTRACT_NAMES, "" as ContractName);
}

const parameter = ({ name, type }: ParamType, index: number) => ({ name: name || `value ${index + 1}`, type });

function detailOf(context: ViewContext, name: ContractName): ContractDetail {
  const functions: FunctionFragment[] = [];
  const [emits, errors]: [string[], string[]] = [[], []];
  const abi = INTERFACES[name];
  abi.forEachFunction((fragment) => functions.push(fragment));
  abi.forEachEvent((fragment) => emits.push(fragment.format("full").replace(/^event /, "")));
  abi.forEachError((fragment) => errors.push(fragment.format("full").replace(/^error /, "")));
  const reads = functions.filter(({ constant }) => constant);
  return {
    ...lineOf(context, name),
    reads: reads
      .map((fragment) => ({
        signature: fragment.format("sighash"),
        name: fragment.name,
        inputs: fragment.inputs.map(parameter),
        outputs: fragment.outputs.map(parameter),
      }))
      .toSorted((a, b) => a.inputs.length - b.inputs.length || a.name.localeCompare(b.name)),
    writes: functions
      .filter(({ constant }) => !constant)
      .map((fragment) => fragment.format("full").replace(/^function /, "")),
    emits,
    errors,
  };
}

/** Arguments come as texts; lists and structs as JSON. */
function argumentOf(type: ParamType, given: unknown, name: string, depth = 0): unknown {
  if (depth > MAXIMUM_DEPTH) throw badParameter(name, "lists and structs of few levels", "more");
  const isComposed = type.arrayChildren !== null || type.components !== null;
  if (!isComposed) {
    if (type.baseType === "bool") return given === true || given === "true";
    if (typeof given !== "string" && typeof given !== "number")
      throw badParameter(name, type.type, JSON.stringify(given));
    return String(given).trim();
  }
  let value: unknown = given;
  if (typeof given === "string") {
    try {
      value = JSON.parse(given);
    } catch {
      throw badParameter(name, `${type.type} as JSON`, given);
    }
  }
  const children = type.arrayChildren;
  if (children !== null) {
    if (!Array.isArray(value) || value.length > MAXIMUM_ITEMS)
      throw badParameter(name, `a JSON list of at most ${MAXIMUM_ITEMS}`, JSON.stringify(value));
    return value.map((item: unknown) => argumentOf(children, item, name, depth + 1));
  }
  const fields = type.components ?? [];
  return fields.map((part, i) =>
    argumentOf(
      part,
      (value as Record<string, unknown> | null)?.[Array.isArray(value) ? i : part.name],
      `${name}.${part.name}`,
      depth + 1,
    ),
  );
}

async function read({ endpoint, addresses, status }: ViewContext, query: Query): Promise<ReadAnswer> {
  const name = nameOf(query);
  const { signature, args } = (query.body ?? {}) as { signature?: unknown; args?: unknown };
  const fragment = typeof signature === "string" ? INTERFACES[name].getFunction(signature.slice(0, 200)) : null;
  if (fragment === null || !fragment.constant)
    throw badParameter("signature", "a function of this contract that reads", String(signature));
  if (!Array.isArray(args) || args.length !== fragment.inputs.length || args.length > MAXIMUM_ARGUMENTS) {
    throw badParameter("args", `a list of ${fragment.inputs.length}`, JSON.stringify(args));
  }
  const long = args.find((value) => JSON.stringify(value)?.length > MAXIMUM_ARGUMENT);
  if (long !== undefined) throw badParameter("args", `at most ${MAXIMUM_ARGUMENT} characters each`, "more");
  let data: string;
  try {
    const values = fragment.inputs.map((input, i) => argumentOf(input, args[i], input.name || `argument ${i + 1}`));
    data = INTERFACES[name].encodeFunctionData(fragment, values);
  } catch (error) {
    if (error instanceof Error && "argument" in error) {
      throw badParameter(String(error.argument), "a value of its type", String((error as { value?: unknown }).value));
    }
    throw error;
  }
  const { block } = status();
  try {
    const answer = (await endpoint.send("eth_call", [{ to: addresses[name], data }, hexNumber(block)])) as string;
    return { block, values: fieldsOf(fragment.outputs, INTERFACES[name].decodeFunctionResult(fragment, answer)) };
  } catch (error) {
    if (error instanceof LedgerError && error.code === "rpc" && error.details["data"] !== undefined) {
      throw revertError(error.details["data"] as string, `answer ${fragment.name}`, error);
    }
    throw error;
  }
}

export const view: ViewServer = {
  manifest,
  routes: [
    {
      path: "/contracts",
      answer: (context): { items: ContractLine[] } => ({ items: CONTRACT_NAMES.map((name) => lineOf(context, name)) }),
    },
    { path: "/contracts/:name", answer: (context, query): ContractDetail => detailOf(context, nameOf(query)) },
    { path: "/contracts/:name/read", method: "POST", answer: read },
  ],
  search(_context, text) {
    const wanted = text.toLowerCase().replace(/\s/g, "");
    return CONTRACT_NAMES.filter((name) => wanted.length > 2 && name.toLowerCase().includes(wanted)).map((name) => ({
      kind: "Contract",
      title: words(name),
      path: `/contracts/${name}`,
    }));
  },
};

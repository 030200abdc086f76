/** `swarmkeep beacon ...`: the mesh's random values, checked by anyone. */
import type { Command } from "commander";

import { nobleBls } from "../crypto/bls.js";
import {
  type BeaconChain,
  expectBeaconKeys,
  formatBeaconChain,
  parseBeaconChain,
  verifyBeaconChain,
} from "../protocol/beacon-chain.js";
import { beaconChainOf, readRotationHistory } from "../operator/rotation-history.js";
import { PUBLIC_FILE, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type CommandContext, action, parseHex, readInput } from "./command.js";
import { meshFileOf, text, withLedger } from "./sessions.js";

/** A file of the longest chain that is taken. */
const MAXIMUM_FILE = 1 << 26;

interface VerifyOptions {
  readonly mesh?: string;
  readonly file?: string;
  readonly key?: readonly string[];
  readonly out?: string;
}

export function register(group: Command): void {
  group
    .command("verify")
    .description("check the whole chain of beacons, from the ledger or, offline, from a file")
    .option("--mesh <file>", "mesh.json, to read the ledger; by default that of the operator's folder")
    .option("--file <file>", "a chain that was written before; - is the standard input")
    .option(
      "--key <hex...>",
      "group keys of which those of the chain have to be, 48 bytes each, in the order of their generations; the file's or the ledger's if not given",
    )
    .option("--out <file>", "write the chain there, to be checked without the ledger")
    .action(action<VerifyOptions>(verify));
}

async function verify(context: CommandContext, options: VerifyOptions): Promise<void> {
  // Before anybody is asked for anything.
  const expected = options.key?.map((key) => parseHex(key, "--key", 48));
  const chain = options.file === undefined ? await fromLedger(context, options) : await fromFile(options.file, options);
  if (expected !== undefined) expectBeaconKeys(chain, expected);
  verifyBeaconChain(chain, nobleBls);
  if (options.out !== undefined) await writeAtomically(options.out, formatBeaconChain(chain), PUBLIC_FILE);

  const { links, keys, meshId } = chain;
  const last = links.at(-1);
  const facts = {
    verified: links.length,
    meshId,
    firstEpoch: links[0]?.epoch ?? null,
    lastEpoch: last?.epoch ?? null,
    lastBeacon: last?.value ?? null,
    keys: keys.map(({ fromEpoch, blsKey }) => ({ fromEpoch, blsKey })),
  };
  const isFileAlone = options.file !== undefined && options.key === undefined;
  const signer = isFileAlone
    ? "the key that the file names (compare it with a trust bundle, or give --key)"
    : "the swarm";
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  context.print(
    facts,
    last === undefined
      ? "There is no beacon yet: the first committee changes when its epoch is over."
      : [
          `${links.length} beacons, of epochs ${links[0]?.epoch} to ${last.epoch}: each follows from the one before, and ${signer} signed it`,
          `last beacon  ${hex(last.value)}`,
          ...keys.map(({ fromEpoch, blsKey }) => `group key    ${hex(blsKey)} from epoch ${fromEpoch} on`),
        ].join("\n"),
  );
}

async function fromLedger(context: CommandContext, { mesh }: VerifyOptions): Promise<BeaconChain> {
  const file = await meshFileOf(context, mesh);
  return withLedger(file, async (ledger) => beaconChainOf(ledger, await readRotationHistory(ledger)));
}

async function fromFile(path: string, { mesh }: VerifyOptions): Promise<BeaconChain> {
  if (mesh !== undefined) {
    throw new SwarmkeepError("--file and --mesh are two places to take the chain from", {
      kind: "usage",
      code: "conflicting-options",
      advice: "Give one of them; a file is held to a group key by --key.",
    });
  }
  const chain = parseBeaconChain(text(await readInput(path, MAXIMUM_FILE)));
  if (chain.links.length > 0) return chain;
  throw new SwarmkeepError("the file has no beacon, so there is nothing to check", {
    kind: "refused",
    code: "no-beacon",
    advice: "Write it again with --out, once the first committee has changed.",
  });
}

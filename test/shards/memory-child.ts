/** Rebuilds a key, holds it until it is told to go on, and lives on without it: what memory.test.ts looks into. */
import { once } from "node:events";
import { readFileSync } from "node:fs";

import { checkEntry, decodePlacedEntry } from "../../src/shards/entry.js";
import { withSeed } from "../../src/shards/reconstruct.js";

interface Given {
  readonly root: string;
  readonly meshId: string;
  readonly mapRoot: string;
  readonly placed: string;
  readonly sealed: readonly string[];
}

const given = JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as Given;
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const context = { meshId: bytes(given.meshId), device: 0, version: 1 };
const entry = checkEntry(decodePlacedEntry(bytes(given.placed)), bytes(given.mapRoot), context);
const root = bytes(given.root);

await withSeed(root, context, { entry, sealed: new Map(given.sealed.map(bytes).entries()) }, async () => {
  process.stdout.write("in use\n");
  await once(process.stdin, "data");
});
process.stdout.write("done\n");
setInterval(() => undefined, 60_000);

/** The rebuilt key in a process's memory, seen from outside: there while it is used, and nowhere after. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";

import { expect } from "chai";

import { hmac } from "../../src/shards/bytes.js";
import { type KeySource, deviceRoot, nextChain } from "../../src/shards/derivation.js";
import { EntryTree, checkEntry, decodePlacedEntry, encodePlacedEntry, entryLeaf } from "../../src/shards/entry.js";
import { generateDevice } from "../../src/shards/generate.js";
import { withSeed } from "../../src/shards/reconstruct.js";
import { SCHEME } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const child = fileURLToPath(new URL("memory-child.ts", import.meta.url));
const meshId = new Uint8Array(32).fill(7);
const source: KeySource = { mac: (message) => hmac(new Uint8Array(32).fill(1), message), close: () => undefined };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const PIECE = 1 << 20;

/** How often a secret is in the writable memory of a process. */
async function countIn(pid: number, secret: Uint8Array): Promise<number> {
  const maps = await readFile(`/proc/${pid}/maps`, "utf8");
  const memory = await open(`/proc/${pid}/mem`, "r");
  const buffer = Buffer.alloc(PIECE + secret.length);
  let count = 0;
  try {
    for (const [, from, to] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
      for (let at = Number(`0x${from}`); at < Number(`0x${to}`); at += PIECE) {
        const length = Math.min(buffer.length, Number(`0x${to}`) - at);
        // A region may be gone since the list was read.
        const read = await memory.read(buffer, 0, length, at).catch(() => ({ bytesRead: 0 }));
        const seen = buffer.subarray(0, read.bytesRead);
        for (let i = seen.indexOf(secret); i >= 0; i = seen.indexOf(secret, i + 1)) count++;
      }
    }
  } finally {
    await memory.close();
  }
  return count;
}

async function line(process: ChildProcess, wanted: string): Promise<void> {
  let said = "";
  while (!said.includes(wanted)) said += String((await once(process.stdout as NodeJS.ReadableStream, "data"))[0]);
}

describe("a key in memory", () => {
  let process_: ChildProcess | undefined;
  afterEach(() => void process_?.kill("SIGKILL"));
  after(removeScratchFolders);

  for (const [name, sharing] of Object.entries({
    Shamir: { scheme: SCHEME.shamir, threshold: 3, shards: 5 } as const,
    segments: { scheme: SCHEME.segments, threshold: 4, shards: 4 } as const,
  })) {
    it(`from ${name} is found from outside while it is in use, and not a second after`, async function () {
      if (!existsSync("/proc/self/mem")) this.skip();
      const context = { meshId, device: 0, version: 1 };
      const chain = await nextChain(source, meshId, 1);
      const oneTime = { count: 0, type: KEY_TYPE.ed25519 };
      const { entry, shards } = await generateDevice(context, { source, chain, sharing, oneTime });
      const tree = new EntryTree(entryLeaf(entry));
      const placed = encodePlacedEntry({ entry, position: 0, count: 1, path: tree.path(0) });
      const root = await deviceRoot(source, meshId, 0);
      const sealed = shards.map(({ bytes }) => bytes);
      const fetched = {
        entry: checkEntry(decodePlacedEntry(placed), tree.root(), context),
        sealed: new Map(sealed.entries()),
      };
      const seed = await withSeed(root, context, fetched, (rebuilt) => rebuilt.slice());

      const file = join(await scratchFolder(), "given.json");
      const given = { root: hex(root), meshId: hex(meshId), mapRoot: hex(tree.root()), placed: hex(placed) };
      await writeFile(file, JSON.stringify({ ...given, sealed: sealed.map(hex) }));
      process_ = spawn(process.execPath, ["--import", "tsx", child, file], { stdio: ["pipe", "pipe", "inherit"] });
      await line(process_, "in use");
      expect(await countIn(process_.pid as number, seed), "while it is in use").to.be.above(0);
      process_.stdin?.write("go on\n");
      await line(process_, "done");
      await wait(1_000);
      expect(await countIn(process_.pid as number, seed), "a second after").to.equal(0);
    });
  }
});

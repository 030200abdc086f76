/** What the generator of shards keeps: the ratchet goes on only, runs are resumed as they were left, and damage is told. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import {
  type Run,
  chainFor,
  keptRuns,
  openEntryFile,
  readRun,
  runFolder,
  saveRun,
} from "../../src/operator/shard-folder.js";
import { hasGrown, isDue } from "../../src/operator/shard-service.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { hmac } from "../../src/shards/bytes.js";
import { type KeySource, nextChain } from "../../src/shards/derivation.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const meshId = new Uint8Array(32).fill(7);
const source: KeySource = { mac: (message) => hmac(new Uint8Array(32).fill(1), message), close: () => undefined };
const name = (version: number) => ({ fleetId: 3, subject: 0, version });
const RUN: Run = {
  ...name(1),
  scheme: 2,
  threshold: 3,
  shards: 5,
  replicas: 3,
  oneTimeKeys: 4,
  oneTimeType: 1,
  validSeconds: 60,
  graceSeconds: 5,
  validFrom: 0,
  root: "",
  holders: "0x80",
  devices: [
    [256, 2],
    [512, 1],
  ],
  generated: 2,
  placed: 0,
  isOnLedger: false,
};

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (raised: unknown) => raised,
  );
  expect(error).to.be.instanceOf(SwarmkeepError);
  return (error as SwarmkeepError).code;
}

describe("the folder of the generator of shards", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  it("moves the ratchet on, keeps the newest chain sealed, and never goes back", async () => {
    const sealer = await openSealer(join(folder, "seal.json"), "passphrase", LIGHT_KDF);
    const first = await chainFor(sealer, folder, source, meshId, name(1));
    expect(first).to.deep.equal(await nextChain(source, meshId, 1));
    const third = await chainFor(sealer, folder, source, meshId, name(3));
    expect(third).to.deep.equal(await nextChain(source, meshId, 3, await nextChain(source, meshId, 2, first)));
    expect(await chainFor(sealer, folder, source, meshId, name(3))).to.deep.equal(third);
    expect(await codeOf(chainFor(sealer, folder, source, meshId, name(2)))).to.equal("chain-moved");
    const content = await readFile(join(folder, "chain-3-0.sealed"));
    for (const chain of [first, third]) {
      expect(content.includes(Buffer.from(chain))).to.equal(false);
      expect(content.includes(Buffer.from(chain).toString("hex"))).to.equal(false);
    }
    sealer.wipe();
  });

  it("gives back a run as it was left, and its entries up to what holders have", async () => {
    const path = runFolder(folder, RUN);
    const entries = await openEntryFile(path, { ...RUN, generated: 0 });
    await entries.append([Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of(3)]);
    await entries.close();
    await saveRun(path, RUN);
    expect(await readRun(path)).to.deep.equal(RUN);
    expect(await keptRuns(folder)).to.deep.equal([RUN]);
    const again = await openEntryFile(path, RUN);
    expect(await again.read(0, 9)).to.deep.equal([Uint8Array.of(1), Uint8Array.of(2, 2)]);
    await again.close();
  });

  it("says which file is damaged", async () => {
    const path = runFolder(folder, RUN);
    await mkdir(path);
    for (const text of [
      "{",
      "null",
      JSON.stringify({ ...RUN, scheme: 3 }),
      JSON.stringify({ ...RUN, devices: [["a"]] }),
    ]) {
      await writeFile(join(path, "run.json"), text);
      expect(await codeOf(readRun(path)), text).to.equal("folder-damaged");
    }
  });
});

describe("the next version of shards", () => {
  const ledgerOf = (version: bigint, terms: object = {}, invalidated = false) =>
    ({
      ledger: {
        contracts: {
          shards: {
            latestVersion: async () => version,
            mapOf: async () => ({
              terms: { validFrom: 1_000n, validUntil: 2_000n, rotationSeconds: 800n, ...terms },
              invalidated,
            }),
          },
        },
      },
    }) as unknown as Parameters<typeof isDue>[0];

  it("is due where there is none, before the last one ends, and at once where that was shortened or invalidated", async () => {
    expect(await isDue(ledgerOf(0n), 1, 0)).to.equal(true);
    expect(await isDue(ledgerOf(1n), 1, 1_799)).to.equal(false);
    expect(await isDue(ledgerOf(1n), 1, 1_800)).to.equal(true);
    expect(await isDue(ledgerOf(1n, { validUntil: 1_100n }), 1, 1_079)).to.equal(false);
    expect(await isDue(ledgerOf(1n, { validUntil: 1_100n }), 1, 1_080)).to.equal(true);
    expect(await isDue(ledgerOf(1n, {}, true), 1, 1_001)).to.equal(true);
  });

  it("is made as soon as devices joined the fleet, by whoever made the last one", async () => {
    const folder = await scratchFolder();
    const grown = (batches: readonly (readonly [bigint, bigint])[]): Promise<boolean> => {
      const queryFilter = async () => batches.map(([base, count]) => ({ args: { base, count } }));
      const fleets = { filters: { BatchAppended: () => undefined }, queryFilter };
      const { contracts } = ledgerOf(1n).ledger;
      const ledger = { contracts: { ...contracts, fleets }, mesh: { deployedBlock: 0 } };
      return hasGrown({ ledger, folder } as unknown as Parameters<typeof hasGrown>[0], RUN.fleetId);
    };
    const [first, second, third] = [
      [256n, 2n],
      [512n, 1n],
      [768n, 1n],
    ] as const;
    expect(await grown([first, second, third]), "it was made elsewhere").to.equal(false);
    await mkdir(runFolder(folder, name(1)));
    await saveRun(runFolder(folder, name(1)), RUN);
    expect(await grown([first, second])).to.equal(false);
    expect(await grown([first, second, third])).to.equal(true);
  });
});

/** Shard maps in the explorer, on a real chain in this process: what is in force is what the contract says, whatever was done to it. */
import { expect } from "chai";
import { getBytes, hexlify, randomBytes } from "ethers";
import { network } from "hardhat";

import { type RunningExplorer, startExplorer } from "../../src/explorer/explorer.js";
import type { Page } from "../../src/explorer/lines.js";
import type { Sentence } from "../../src/explorer/sentence.js";
import type {
  LimitLine,
  Place,
  Schedule,
  ShardsOf,
  VersionDetail,
  VersionLine,
} from "../../src/explorer/views/shards/view.js";
import { encodeHolders } from "../../src/certificate/shard-map.js";
import { holdersOf } from "../../src/shards/placement.js";
import { PARAMETERS, type Mesh, registrationOf, secretOf, word } from "../contracts/mesh.js";
import { BATCH, mapHash, mapOf, withFleet } from "../contracts/shard-map-fixture.js";
import { getFrom, untilIndexed } from "./api.js";
import { Proxy } from "../ledger/support/proxy.js";
import { serve, type Served } from "../ledger/support/serve.js";

const STATUS = ["none", "pending", "active", "grace", "ended", "invalidated"];
const OFFERED = new Uint8Array(32).fill(0xee);
const UNKNOWN = new Uint8Array(32).fill(0xdd);

describe("the explorer's shard maps", () => {
  let mesh: Mesh;
  let served: Served;
  let proxy: Proxy;
  let explorer: RunningExplorer;
  let now: number;
  let validatorPin: Uint8Array;
  let holders: { readonly tlsPin: Uint8Array; readonly endpoint: string }[];

  before(async () => {
    mesh = await withFleet(await network.create());
    const { time } = mesh.on.networkHelpers;
    now = await time.latest();
    served = await serve(mesh.on.provider);
    proxy = await new Proxy(served.url).start();
    const [member] = mesh.members;
    const registration = await registrationOf(mesh, member!.address, secretOf(100n), 1n);
    await mesh.registry.connect(member).register(registration, { value: PARAMETERS.minimumStake });
    validatorPin = getBytes((await mesh.registry.validator(member!.address)).tlsPin);
    holders = [
      { tlsPin: validatorPin, endpoint: "validator.example:8443" },
      { tlsPin: OFFERED, endpoint: "gateway.example:8443" },
      { tlsPin: UNKNOWN, endpoint: "nobody.example:8443" },
    ];
    explorer = await startExplorer({
      rpc: proxy.url,
      anchor: await mesh.anchor.getAddress(),
      chainId: 31337n,
      firstBlock: 1,
      port: 0,
      pollMs: 30,
      now: () => now,
    });
    const shards = mesh.shards.connect(mesh.registrar);
    await shards.addHolder(BATCH, 299, OFFERED, "gateway.example:8443");
    const valid = { replicas: 2n, validFrom: BigInt(now), validUntil: BigInt(now + 3_600) };
    await shards.rotate(1, mapOf(valid), encodeHolders(holders));
    const next = { validFrom: BigInt(now + 3_000), validUntil: BigInt(now + 9_000), graceSeconds: 60n, root: word(78) };
    await shards.rotate(1, mapOf({ ...valid, ...next, version: 2n }), encodeHolders(holders));
    await shards.rotateDevice(BATCH, 7, mapOf({ ...valid, scheme: 1n, threshold: 5n }), encodeHolders(holders));
  });

  after(async () => {
    await explorer.close();
    await proxy.stop();
    await served.close();
  });

  const get = <T>(path: string): Promise<T> => getFrom<T>(explorer, path);
  const upToDate = (): Promise<void> => untilIndexed(explorer, mesh.on.ethers.provider);

  async function wordsOf(hash: string): Promise<string> {
    const { words, events } = await get<{ words: Sentence; events: { words: Sentence }[] }>(`/transactions/${hash}`);
    const told = (parts: Sentence): string =>
      parts.map((part) => (typeof part === "string" ? part : (part.label ?? part.value))).join("");
    return [words, ...events.map((event) => event.words)].map(told).join("; ");
  }

  /** Each version that the explorer has, against the contract, at times before, within and after all of them. */
  async function expectAsOnLedger(subject: number): Promise<void> {
    const begun = now;
    for (const later of [-10, 0, 2_999, 3_000, 3_599, 3_600, 3_700, 9_000, 9_059, 9_060, 20_000]) {
      now = begun + later;
      const { items } = await get<Page<VersionLine>>(`/shard-versions/1/${subject}`);
      expect(items.length).to.equal(Number(await mesh.shards.latestVersion(1, subject)));
      for (const { version, status, root, threshold } of items) {
        const wanted = await mesh.shards.statusAt(1, subject, version, now);
        expect(status, `version ${version} after ${later} s`).to.equal(STATUS[Number(wanted)]);
        const { terms } = await mesh.shards.mapOf(1, subject, version);
        expect([root, threshold]).to.deep.equal([terms.root, Number(terms.threshold)]);
      }
      const served = items.find(({ status }) => status === "active" || status === "grace");
      const schedule = await get<Schedule>(`/shards/1/${subject}`);
      expect(schedule.current?.version, `in force after ${later} s`).to.equal(served?.version);
    }
    now = begun;
  }

  it("says which version is in force for a fleet and for a device with its own map, and when it rotates", async () => {
    await upToDate();
    await expectAsOnLedger(0);
    await expectAsOnLedger(8);
    const device = await get<ShardsOf>("/shards-of/device/5");
    expect(device.schedule).to.nested.include({ subject: "0", "current.version": 1, "turn.kind": "begins" });
    expect(device.schedule?.turn?.at).to.equal(now + 3_000);
    const own = await get<ShardsOf>("/shards-of/device/7");
    expect(own.schedule).to.nested.include({ subject: "8", "current.scheme": "segments", "turn.kind": "due" });
    expect(own.schedule?.turn?.at).to.equal(now + 3_000);
    const { items } = await get<Page<Schedule>>("/shards");
    expect(items.map(({ subject }) => subject)).to.deep.equal(["8", "0"]);
    const { findings, deadlines } = await get<{
      findings: { title: string; level: string }[];
      deadlines: { path: string }[];
    }>("/overview");
    expect(findings.find(({ title }) => title === "Shards")?.level).to.equal("good");
    expect(deadlines.map(({ path }) => path)).to.include("/shards/1/0");
  });

  it("says who keeps the shards, and of any shard's id who keeps that", async () => {
    await upToDate();
    const { keepers } = await get<VersionDetail>("/shards/1/0/1");
    const who = new Map(keepers?.map((keeper) => [keeper.endpoint, keeper.who]));
    expect(who.get("validator.example:8443")).to.deep.equal({
      kind: "validator",
      value: mesh.members[0]!.address.toLowerCase(),
    });
    expect(who.get("gateway.example:8443")).to.deep.equal({ kind: "device", value: "299" });
    expect(who.get("nobody.example:8443")).to.equal(undefined);
    const id = randomBytes(32);
    const { items } = await get<Page<Place>>(`/shards/ids/${hexlify(id)}`);
    expect(items.map(({ subject, version }) => `${subject}/${version}`)).to.deep.equal(["8/1", "0/2", "0/1"]);
    const wanted = holdersOf(id, holders, 2).map(({ endpoint }) => endpoint);
    for (const place of items) expect(place.keepers.map(({ endpoint }) => endpoint)).to.deep.equal(wanted);
  });

  it("finds a map by its root, a holder by the hash of its key, and a shard by its id", async () => {
    await upToDate();
    const found = async (text: string) => (await get<{ items: { path: string }[] }>(`/search?q=${text}`)).items;
    const paths = async (text: string) => (await found(text)).map(({ path }) => path);
    expect(await paths(word(78))).to.deep.equal(["/shards/1/0/2"]);
    expect(await paths(hexlify(validatorPin))).to.deep.equal([`/validators/${mesh.members[0]!.address.toLowerCase()}`]);
    const id = hexlify(randomBytes(32));
    expect(await paths(id)).to.deep.equal([`/shards/ids/${id}`]);
    expect(await paths(id.slice(2).toUpperCase())).to.deep.equal([`/shards/ids/${id}`]);
    expect(await paths("shards 1")).to.include("/shards/1/0");
  });

  it("a version that is shortened or invalidated, and devices that are cut off, with the transactions that did it", async () => {
    const shards = mesh.shards.connect(mesh.registrar);
    const shortened = await shards.shorten(1, 0, 1, now + 3_500, 10);
    const replaced = await shards.replaceHolders(1, 0, 1, encodeHolders(holders.slice(1)));
    const invalidated = await shards.invalidate(1, 0, 2);
    const limited = await shards.limitDevice(BATCH, 5, now + 100);
    const scoped = await shards.limitScope(1, "geo:u33d", now + 200);
    await upToDate();
    await expectAsOnLedger(0);
    expect(await wordsOf(shortened.hash)).to.match(
      /^had version 1 of the shards of fleet 1 end sooner, at .*; Version 1/,
    );
    expect(await wordsOf(replaced.hash)).to.contain("named other holders of version 1 of the shards of fleet 1");
    expect(await wordsOf(invalidated.hash)).to.contain("Version 2 of the shards of fleet 1 was invalidated");
    expect(await wordsOf(limited.hash)).to.match(/^cut device 5 of fleet 1 off from its shards after .*; Device 5 of/);
    expect(await wordsOf(scoped.hash)).to.contain("certified within geo:u33d get no shards after");
    const version = await get<VersionDetail>("/shards/1/0/1");
    expect(version.keepers?.length).to.equal(2);
    expect(version.keepersSource.hash).to.equal(replaced.hash);
    const { items: changes } = await get<Page<{ hash: string }>>("/shard-changes/1/0");
    expect(changes.slice(0, 3).map(({ hash }) => hash)).to.deep.equal([
      invalidated.hash,
      replaced.hash,
      shortened.hash,
    ]);
    const { items: limits } = await get<Page<LimitLine>>("/shard-limits/1");
    expect(limits.map(({ name, source }) => [name, source.hash])).to.deep.equal([
      ["geo:u33d", scoped.hash],
      ["5", limited.hash],
    ]);
    const bites = async () => (await get<ShardsOf>("/shards-of/device/5")).limits.map((limit) => limit.bites);
    expect(await bites()).to.deep.equal([false, false]);
    now += 150;
    expect(await bites()).to.deep.equal([true, false]);
    now -= 150;
    expect((await get<ShardsOf>("/shards-of/device/6")).limits.length).to.equal(1);
  });

  it("goes back with the chain: what a reorganisation undid is as it was before", async () => {
    const shards = mesh.shards.connect(mesh.registrar);
    await upToDate();
    const views = [
      "/shards/1/0",
      "/shard-versions/1/0",
      "/shards/1/0/1",
      "/shard-limits/1",
      "/shard-offers/1",
      "/shards",
    ];
    const before = await Promise.all(views.map((path) => get(path)));
    const snapshot = await mesh.on.provider.request({ method: "evm_snapshot" });
    const valid = { validFrom: BigInt(now), validUntil: BigInt(now + 3_600) };
    await shards.rotate(1, mapOf({ ...valid, version: 3n }), encodeHolders(holders));
    await shards.invalidate(1, 0, 1);
    await shards.limitDevice(BATCH, 9, now + 100);
    await shards.limitDevice(BATCH, 5, now + 50);
    await shards.removeHolder(BATCH, 299);
    await upToDate();
    expect(await Promise.all(views.map((path) => get(path)))).to.not.deep.equal(before);
    expect((await get<Schedule>("/shards/1/0")).current?.version).to.equal(3);
    await mesh.on.provider.request({ method: "evm_revert", params: [snapshot] });
    await mesh.on.provider.request({ method: "evm_increaseTime", params: [7] });
    for (let i = 0; i < 8; i++) await mesh.on.provider.request({ method: "evm_mine", params: [] });
    await upToDate();
    expect(await Promise.all(views.map((path) => get(path)))).to.deep.equal(before);
  });

  it("a list of holders that is none, and subjects that nobody has, stop nothing", async () => {
    const junk = randomBytes(8_192);
    const valid = { validFrom: BigInt(now), validUntil: BigInt(now + 3_600) };
    await mesh.shards.connect(mesh.registrar).rotateDevice(BATCH, 9, mapOf(valid), junk);
    const most = 2n ** 64n - 1n;
    const map = mapOf(valid);
    const list = encodeHolders(holders);
    const expiry = BigInt(now + 100_000);
    const statement = { fleetId: 1n, subject: most, mapHash: getBytes(mapHash(map, list)), expiry };
    const signature = await mesh.swarmSign(mesh.shards, "ShardMapRoot", statement);
    await mesh.shards.connect(mesh.stranger).rotateBySwarm(1, most, map, list, expiry, signature);
    await upToDate();
    const bad = await get<VersionDetail>("/shards/1/10/1");
    expect(bad).to.not.have.property("keepers");
    expect(await get<ShardsOf>("/shards-of/device/9")).to.have.nested.property("schedule.current.version", 1);
    expect(await get<Schedule>(`/shards/1/${most}`)).to.have.nested.property("latest.subject", String(most));
    expect((await get<Page<Place>>(`/shards/ids/${hexlify(randomBytes(32))}`)).items[1]?.keepers).to.deep.equal([]);
    for (const path of [
      "/shards/1/x",
      "/shards/1/00",
      "/shards/1/-1",
      "/shards/ids/0x12",
      `/shards/1/${"9".repeat(21)}`,
    ]) {
      expect((await fetch(`${explorer.url}/api${path}`)).status, path).to.equal(400);
    }
    for (const path of ["/shards/2/0", "/shards/1/3", "/shards/1/0/99", "/shards-of/device/300"]) {
      expect((await fetch(`${explorer.url}/api${path}`)).status, path).to.equal(404);
    }
  });
});

/** The explorer's index and its interface, on a real chain in this process: what it answers, and what a changing chain does to it. */
import { expect } from "chai";
import { getBytes, toBeHex } from "ethers";
import { network } from "hardhat";

import { type RunningExplorer, startExplorer } from "../../src/explorer/explorer.js";
import { decodeDrlProof, isListed, verifyDrlHead } from "../../src/certificate/drl.js";
import { HeadMemory } from "../../src/certificate/head-memory.js";
import { nobleSignatures } from "../../src/certificate/signatures.js";
import { DrlTree } from "../../src/certificate/drl-tree.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { domainSeparator } from "../../src/statements/eip712.js";
import {
  GROUP_SECRET,
  PARAMETERS,
  SCOPES,
  type Mesh,
  addressBytes,
  openMesh,
  registrationOf,
  secretOf,
  word,
} from "../contracts/mesh.js";
import { contractsOf, hold, member } from "../contracts/measurement-fixture.js";
import { awaitTick } from "../contracts/ticks.js";
import { serve, type Served } from "../ledger/support/serve.js";
import { getFrom, untilIndexed } from "./api.js";
import { Proxy } from "../ledger/support/proxy.js";
import { eventually } from "../e2e/waiting.js";

const POLICY = { scopes: ["grp:city/lamps"], maximumLifetime: 3600, quota: 4, joinMethods: 3, graceSeconds: 60 };

describe("explorer", () => {
  let mesh: Mesh;
  let served: Served;
  let proxy: Proxy;
  let explorer: RunningExplorer;

  before(async () => {
    mesh = await openMesh(await network.create());
    served = await serve(mesh.on.provider);
    proxy = await new Proxy(served.url).start();
    explorer = await startExplorer({
      rpc: proxy.url,
      anchor: await mesh.anchor.getAddress(),
      chainId: 31337n,
      firstBlock: 1,
      port: 0,
      pollMs: 30,
    });
    const [member] = mesh.members;
    const registration = await registrationOf(mesh, member!.address, secretOf(100n), 1n);
    await mesh.registry.connect(member).register(registration, { value: PARAMETERS.minimumStake });
    await mesh.fleets.connect(mesh.registrar).registerFleet(1, SCOPES, POLICY, word(1), 0, 300);
  });

  after(async () => {
    await explorer.close();
    await proxy.stop();
    await served.close();
  });

  const get = <T = Record<string, unknown>>(path: string): Promise<T> => getFrom<T>(explorer, path);
  const upToDate = (): Promise<void> => untilIndexed(explorer, mesh.on.ethers.provider);

  async function refused(path: string, init?: RequestInit): Promise<{ status: number; code: string }> {
    const response = await fetch(`${explorer.url}/api${path}`, init);
    const { error } = (await response.json()) as { error: { code: string; message: string; advice: string } };
    expect(error.message).to.be.a("string");
    expect(error.advice).to.be.a("string");
    return { status: response.status, code: error.code };
  }

  it("tells blocks, transactions, events, calls and history by name, each with its transaction", async () => {
    // A ledger whose last block is old is not well. The clock of a simulated chain stands where the test process began.
    const { time } = mesh.on.networkHelpers;
    await time.increaseTo(Math.max(Math.floor(Date.now() / 1000), (await time.latest()) + 1));
    await upToDate();
    const account = mesh.members[0]!.address.toLowerCase();
    const validator = await get<{ state: string; stake: string; endpoint: string; source: { hash: string } }>(
      `/validators/${account}`,
    );
    const known = await mesh.registry.validator(account);
    expect(validator).to.include({ state: "active", stake: known.stake.toString(), endpoint: known.endpoint });
    const transaction = await get<{ method: string; ok: boolean; words: unknown[]; events: { name: string }[] }>(
      `/transactions/${validator.source.hash}`,
    );
    expect(transaction).to.include({ method: "register", ok: true });
    expect(transaction.words).to.deep.equal(["registered as a validator"]);
    expect(transaction.events.map(({ name }) => name)).to.deep.equal(["ValidatorRegistered"]);
    const fleet = await get<{ devices: number; registrar: string; grant: { left: number; indexes: number } }>(
      "/fleets/1",
    );
    expect(fleet).to.include({ devices: 300, registrar: mesh.registrar.address.toLowerCase() });
    const [, , remaining] = await mesh.fleets.grantOf(1);
    expect(fleet.grant.left).to.equal(Number(remaining));
    const history = await get<{ items: { source: string }[] }>(`/addresses/${mesh.registrar.address}/history`);
    expect(history.items.map(({ source }) => source)).to.include.members(["event", "transaction"]);
    const overview = await get<{ office: { epoch: number }; findings: { title: string; level: string }[] }>(
      "/overview",
    );
    expect(overview.office.epoch).to.equal(1);
    expect(overview.findings.find(({ title }) => title === "Ledger")?.level).to.equal("good");
  });

  it("a history read in single pages is the whole history", async () => {
    await upToDate();
    type Lines = { items: { order: number; source: string }[]; next?: number };
    const path = `/addresses/${mesh.registrar.address}/history`;
    const { items } = await get<Lines>(path);
    const read: Lines["items"] = [];
    for (let cursor: number | undefined = 1e15 - 1; cursor !== undefined;) {
      const page: Lines = await get<Lines>(`${path}?limit=1&cursor=${cursor}`);
      read.push(...page.items);
      cursor = page.next;
    }
    const places = (list: Lines["items"]) => list.map(({ order, source }) => `${source} ${order}`);
    expect(new Set(items.map(({ source }) => source))).to.deep.equal(new Set(["event", "transaction"]));
    expect(places(read)).to.deep.equal(places(items));
  });

  it("searches for all that has a page", async () => {
    await upToDate();
    const account = mesh.members[0]!.address.toLowerCase();
    const block = await get<{ hash: string }>("/blocks/3");
    const kinds = async (text: string): Promise<string[]> =>
      (await get<{ items: { kind: string }[] }>(`/search?q=${encodeURIComponent(text)}`)).items.map(({ kind }) => kind);
    expect(await kinds(account)).to.include.members(["Validator", "Address"]);
    expect(await kinds(block.hash)).to.deep.equal(["Block"]);
    expect(await kinds(`${account.slice(0, 8)}…${account.slice(-4)}`), "as pages shorten it").to.include("Validator");
    const { items } = await get<{ items: { hash: string }[] }>("/transactions");
    const hash = items[0]?.hash ?? "";
    for (const text of [hash, hash.slice(2), `${hash.slice(0, 8)}…${hash.slice(-4)}`])
      expect(await kinds(text), text).to.include("Transaction");
    expect(await kinds("1")).to.include.members(["Block", "Device", "Fleet"]);
    expect(await kinds(mesh.registrar.address)).to.include("Tenant");
    expect(await kinds("fleets")).to.deep.equal(["Contract"]);
    expect(await kinds("' OR 1=1 --")).to.deep.equal([]);
  });

  it("says since when a device is revoked and by which transaction, and makes a proof that verifies", async () => {
    const [words, masks] = [[0], [1n << 5n]];
    await mesh.fleets.connect(mesh.registrar).appendBatch(1, word(2), 512, 10);
    const revoke = await mesh.revocations
      .connect(mesh.registrar)
      .hold({ fleetId: 1n, batch: 0n, manifestRoot: word(1), base: 0n, count: 300n }, words, masks);
    const tree = new DrlTree(3);
    tree.setWord(0, getBytes(toBeHex(1n << 5n, 32)));
    await awaitTick(mesh.on, mesh.anchor, 1n);
    const newest = (await mesh.on.ethers.provider.getBlock("latest"))!;
    const head = {
      number: 1,
      root: tree.root(),
      words: 3,
      issued: newest.timestamp,
      expires: newest.timestamp + 600,
      blockNumber: newest.number,
    };
    await mesh.revocations.postHead(head, await mesh.swarmSign(mesh.revocations, "DrlHead", head));
    await upToDate();
    const device = await get<{
      held: boolean;
      revoked: boolean;
      changes: { kind: string; source: { hash: string } }[];
    }>("/devices/5");
    expect(device).to.include({ held: true, revoked: false });
    expect(device.changes.map(({ kind, source }) => [kind, source.hash])).to.deep.equal([["held", revoke.hash]]);
    const { proof } = await get<{ proof: string }>("/revocation/proofs/5");
    const decoded = decodeDrlProof(new Uint8Array(Buffer.from(proof, "hex")));
    expect(isListed(decoded.word, 5)).to.equal(true);
    expect(isListed(decoded.word, 4)).to.equal(false);
    const domain = (verifyingContract: Uint8Array) =>
      domainSeparator({
        chainId: 31337n,
        meshId: new Uint8Array(Buffer.from(mesh.meshId.slice(2), "hex")),
        verifyingContract,
      });
    const trust = {
      revocations: domain(addressBytes(await mesh.revocations.getAddress())),
      externalAad: domain(addressBytes(await mesh.anchor.getAddress())),
      keys: { bls: nobleBls.publicKey(GROUP_SECRET), ed25519: new Uint8Array(32) },
    };
    const memory = new HeadMemory(undefined, () => undefined);
    verifyDrlHead(decoded, trust, newest.timestamp, memory, { bls: nobleBls, device: nobleSignatures });
    expect((await refused("/revocation/proofs/768")).code).to.equal("bad-parameter");
  });

  it("reads contracts by the names of their functions, and says what a contract refuses", async () => {
    await upToDate();
    const read = async (contract: string, signature: string, args: unknown[]) =>
      fetch(`${explorer.url}/api/contracts/${contract}/read`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ signature, args }),
      });
    const answer = (await (await read("fleets", "grantOf(uint64)", ["1"])).json()) as {
      values: Record<string, string>;
    };
    expect(answer.values["registrar"]).to.equal(mesh.registrar.address);
    const wrong = await read("fleets", "grantOf(uint64)", ["ten"]);
    expect(wrong.status).to.equal(400);
    const writes = await read("fleets", "appendBatch(uint64,bytes32,uint64,uint64)", ["1", word(3), "768", "1"]);
    expect(writes.status).to.equal(400);
  });

  it("tells what was measured, and who was paid for what, and forgets it with the blocks that it was in", async () => {
    const snapshot = await mesh.on.provider.request({ method: "evm_snapshot" });
    const measured = await contractsOf(mesh);
    const { reputation, pool, committee } = measured;
    const view = { qualities: [15, 0, 4], participation: [15, 15, 3, 0] };
    await hold(measured, new Map([1, 2, 3].map((seat) => [seat, view])));
    await reputation.credit(1n, committee);
    await pool.connect(mesh.registrar).payIn(1n, { value: 10n ** 18n });
    await pool.allot(1n, committee);
    await pool.connect(member(mesh, 2)).claim();
    await upToDate();

    const share = 10n ** 16n / 4n;
    const { round } = await get<{ round: { seats: object[]; candidates: { quality: number }[] } }>("/rounds/1");
    expect(round).to.include({ state: "measured", committed: 3, reported: 3, sampled: 8 });
    expect(round.seats[2]).to.deep.include({ seat: 3, reported: true, participated: 3 });
    expect(round.candidates.map(({ quality }) => quality)).to.deep.equal([8, 0, 2, 0, 0, 0, 0, 0]);
    const [first, second] = committee.map((account) => account.toLowerCase());
    const served = await get<{ items: object[] }>(`/service-of/${first}`);
    expect(served).to.include({ quality: 8, reputation: 12, earned: String(share), owed: String(share) });
    expect(served.items[0]).to.include({ epoch: 1, participated: 15, score: 12, earned: String(share) });
    expect(await get(`/service-of/${second}`)).to.include({ quality: 0, earned: String(share), owed: "0" });
    const owed = share + share / 5n;
    const left = String(10n ** 18n - share - owed);
    expect(await get("/service")).to.deep.equal({
      rewardBps: 100,
      paidIn: String(10n ** 18n),
      unallotted: left,
      owed: String(owed),
      claimed: String(share),
    });
    const { items } = await get<{ items: object[] }>("/validators");
    expect(items[0]).to.include({ account: first, quality: 8, reputation: 12 });

    await mesh.on.provider.request({ method: "evm_revert", params: [snapshot] });
    await mesh.on.networkHelpers.mine();
    await upToDate();
    expect(await get("/rounds/1")).to.deep.equal({});
    expect(await get(`/service-of/${first}`)).to.include({ quality: 0, reputation: 8, earned: "0" });
    expect(await get("/service")).to.include({ paidIn: "0", claimed: "0" });
  });

  it("follows a reorganisation: what was undone is gone, what came instead is there", async () => {
    await upToDate();
    const snapshot = await mesh.on.provider.request({ method: "evm_snapshot" });
    const undone = await mesh.fleets.connect(mesh.registrar).appendBatch(1, word(4), 768, 7);
    await mesh.on.provider.request({ method: "hardhat_mine", params: ["0x3"] });
    await upToDate();
    expect(await get("/devices/770")).to.have.nested.property("batch.count", 7);
    await mesh.on.provider.request({ method: "evm_revert", params: [snapshot] });
    await mesh.on.provider.request({ method: "evm_increaseTime", params: [7] });
    await mesh.fleets.connect(mesh.registrar).appendBatch(1, word(5), 768, 9);
    await mesh.on.provider.request({ method: "hardhat_mine", params: ["0x5"] });
    await upToDate();
    expect(await get("/devices/770")).to.have.nested.property("batch.count", 9);
    expect((await refused(`/transactions/${undone.hash}`)).code).to.equal("not-found");
    expect(explorer.status().reorganisations).to.be.at.least(1);
  });

  it("reads many blocks in few requests, and one by one from a node that takes no batches", async () => {
    for (let i = 0; i < 128; i++) await mesh.on.provider.request({ method: "evm_mine", params: [] });
    await upToDate();
    const { block } = explorer.status();
    for (const batches of [true, false]) {
      // Of its own: the other explorer asks as well.
      const counted = await new Proxy(served.url).start();
      counted.batches = batches;
      const anchor = await mesh.anchor.getAddress();
      const again = await startExplorer({ rpc: counted.url, anchor, chainId: 31337n, port: 0, pollMs: 60_000 });
      try {
        await eventually("all is indexed", async () => (again.status().phase === "live" ? true : undefined));
        expect(again.status().block).to.be.at.least(block);
        if (batches) expect(counted.requests).to.be.below(block / 5);
        else expect(counted.requests).to.be.above(block);
      } finally {
        await again.close();
        await counted.stop();
      }
    }
  });

  it("says that the node is gone, keeps what it knows, and goes on when it is back", async () => {
    await upToDate();
    await proxy.stop();
    await eventually("it says so", async () => (explorer.status().phase === "rpc-gone" ? true : undefined));
    expect(await get("/fleets/1")).to.have.property("devices");
    const overview = await get<{ findings: { title: string; level: string }[] }>("/overview");
    expect(overview.findings[0]).to.include({ title: "Ledger", level: "bad" });
    await proxy.start();
    await upToDate();
  });

  it("says that the node serves another chain", async () => {
    proxy.lie = ({ method }, result) => (method === "eth_chainId" ? "0x1" : result);
    await proxy.stop();
    await eventually("the node is gone", async () => (explorer.status().phase === "rpc-gone" ? true : undefined));
    await proxy.start();
    await eventually("it says so", async () => (explorer.status().phase === "wrong-network" ? true : undefined));
    proxy.lie = (_call, result) => result;
    await upToDate();
  });

  it("survives a restart, and is made again from the chain where it is of another mesh", async () => {
    const { Database } = await import("../../src/explorer/database.js");
    const { Follower } = await import("../../src/explorer/follower.js");
    const { Endpoint } = await import("../../src/ledger/endpoint.js");
    const { loadViews } = await import("../../src/explorer/views/index.js");
    const database = await Database.open(":memory:");
    const views = await loadViews();
    const endpoint = new Endpoint({ url: served.url, chainId: 31337n });
    const follow = (anchor: string) =>
      new Follower({ endpoint, anchor, database, views, firstBlock: 1, pollMs: 30, onChange: () => undefined });
    const anchor = await mesh.anchor.getAddress();
    const first = follow(anchor);
    const ran = first.run();
    await eventually("it is up to date", async () => (first.status.phase === "live" ? true : undefined));
    first.close();
    await ran;
    const second = follow(anchor);
    expect(second.status.block).to.equal(first.status.block);
    expect(second.mesh?.addresses.anchor).to.equal(anchor);
    const other = follow("0x00000000000000000000000000000000000000aa");
    expect(other.status.block).to.equal(-1);
    endpoint.close();
    database.close();
  });

  describe("hostile requests", () => {
    it("each parameter has a form and a limit, and what is wrong is named", async () => {
      for (const path of [
        "/blocks?limit=0",
        "/blocks?limit=201",
        "/blocks?cursor=-1",
        "/validators?state=asleep",
        "/validators/0x12",
        "/transactions/0xzz",
        `/events?name=${"x".repeat(400)}`,
        "/contracts/nothing",
        "/devices/1e9",
      ]) {
        const { status, code } = await refused(path);
        expect([status, code], path).to.deep.equal([400, "bad-parameter"]);
      }
      expect((await refused("/nothing")).status).to.equal(404);
      expect((await refused("/blocks/%E0%A4%A")).status).to.be.oneOf([400, 404]);
      const large = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `"${"x".repeat(70_000)}"`,
      };
      expect((await refused("/contracts/fleets/read", large)).status).to.equal(413);
    });

    it("answers to loopback's names alone, with a strict policy, and never with a file of this machine", async () => {
      const { request } = await import("node:http");
      const { hostname, port } = new URL(explorer.url);
      const raw = (path: string, host: string): Promise<{ status: number; text: string; policy: string }> =>
        new Promise((resolve, reject) => {
          const asked = request({ hostname, port, path, headers: { host } }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (part: string) => (text += part));
            response.on("end", () => {
              const policy = String(response.headers["content-security-policy"]);
              resolve({ status: response.statusCode ?? 0, text, policy });
            });
          });
          asked.once("error", reject).end();
        });
      expect((await raw("/api/status", "evil.example")).status).to.equal(421);
      const page = await raw("/", `127.0.0.1:${port}`);
      expect(page.policy)
        .to.contain("default-src 'none'")
        .and.to.contain("script-src 'self'")
        .and.not.to.contain("unsafe");
      for (const path of [
        "/../package.json",
        "/%2e%2e/package.json",
        "/assets/../../package.json",
        "/assets/..%2f..%2fpackage.json",
      ]) {
        expect((await raw(path, `127.0.0.1:${port}`)).text, path).not.to.contain('"swarmkeep"');
      }
    });
  });

  it("a chain that was begun anew is noticed: with nothing in common, and no mesh on it", async () => {
    await upToDate();
    const other = await network.create();
    await other.provider.request({ method: "hardhat_mine", params: ["0x40", "0x1"] });
    const empty = await serve(other.provider);
    proxy.retarget(empty.url);
    await eventually("it says so", async () => (explorer.status().phase === "no-mesh" ? true : undefined));
    expect(explorer.status().resets).to.equal(1);
    expect(explorer.status().problem?.message).to.contain("no trust anchor");
    proxy.retarget(served.url);
    await upToDate();
    await empty.close();
  });
});

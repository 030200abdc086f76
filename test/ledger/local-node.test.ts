import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { Endpoint } from "../../src/ledger/endpoint.js";
import { Follower } from "../../src/ledger/follower.js";
import { LOCAL_CHAIN_ID, availableKinds, startLocalNode, type LocalNode } from "../../src/ledger/local-node.js";
import { LedgerSource } from "../../src/ledger/source.js";
import { deployRecorder } from "./support/chain.js";
import { failure } from "./support/failure.js";

/** Inputs of the precompiles that a mesh needs, and what they answer: EIP-2537 G1ADD of infinities, EIP-7951 of nothing. */
const PRECOMPILES: readonly [name: string, address: string, input: string, output: string][] = [
  ["EIP-2537", `0x${"0b".padStart(40, "0")}`, `0x${"00".repeat(256)}`, `0x${"00".repeat(128)}`],
  [
    // RFC 6979, appendix A.2.5: P-256, SHA-256, message "sample".
    "EIP-7951",
    `0x${"100".padStart(40, "0")}`,
    "0xaf2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf" +
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8" +
      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    `0x${"1".padStart(64, "0")}`,
  ],
];

describe("local node", () => {
  const nodes: LocalNode[] = [];
  const folder = mkdtempSync(join(tmpdir(), "swarmkeep-node-"));

  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.stop();
  });

  after(() => rmSync(folder, { recursive: true }));

  async function start(options: Parameters<typeof startLocalNode>[0]): Promise<LocalNode> {
    const node = await startLocalNode(options);
    nodes.push(node);
    return node;
  }

  function sourceOf(node: LocalNode): LedgerSource {
    const endpoint = new Endpoint({ url: node.url, webSocketUrl: node.webSocketUrl, chainId: LOCAL_CHAIN_ID });
    return new LedgerSource({ endpoints: [endpoint], ownNode: true, finalityBlocks: 0 });
  }

  /** The first finalised block after `number`. */
  async function finalisedAfter(source: LedgerSource, number: number): Promise<{ number: number; hash: string }> {
    const follower = new Follower({ source, addresses: [`0x${"0".repeat(40)}`], cursor: { number }, decode: String });
    for await (const { through } of follower) return through;
    throw new Error("the follower ended");
  }

  for (const kind of ["anvil", "hardhat"] as const) {
    describe(kind, function () {
      before(function () {
        if (!availableKinds().includes(kind)) this.skip();
      });

      it("makes finalised blocks by itself, whose headers hash right, and has the precompiles", async () => {
        const source = sourceOf(await start({ kind }));
        const first = await finalisedAfter(source, 0);
        expect((await finalisedAfter(source, first.number)).number).to.be.above(first.number);
        for (const [name, to, data, output] of PRECOMPILES) {
          expect(await source.endpoints[0]?.send("eth_call", [{ to, data }, "latest"]), name).to.equal(output);
        }
        source.close();
      });

      it("says when it ends by itself, and not when it was stopped", async () => {
        const crashed = await start({ kind });
        process.kill(crashed.pid, "SIGKILL");
        const reason = await crashed.ended;
        expect(reason?.code).to.equal("node-ended");
        expect(reason?.message).to.include("SIGKILL");
        const stopped = await start({ kind });
        await stopped.stop();
        expect(await stopped.ended).to.equal(undefined);
      });

      it("does not start on a port that is taken, and says so", async () => {
        const first = await start({ kind });
        const error = await failure(startLocalNode({ kind, port: Number(new URL(first.url).port) }));
        expect(error.code).to.equal("node-ended");
        expect(JSON.stringify(error.details)).to.match(/in use/i);
      });
    });
  }

  it("anvil goes on where it was after a restart, with blocks, logs and its state", async function () {
    if (!availableKinds().includes("anvil")) this.skip();
    const stateFile = join(folder, "chain.json");
    const before = await start({ kind: "anvil", stateFile });
    const source = sourceOf(before);
    const [endpoint] = source.endpoints;
    const rpc = (method: string, ...params: unknown[]): Promise<unknown> => (endpoint as Endpoint).send(method, params);
    const { address, record } = await deployRecorder({ rpc });
    const transaction = await record(1n, 42n);
    const known = await finalisedAfter(source, Number(await rpc("eth_blockNumber")));
    source.close();
    await before.stop();
    const { historical_states: past } = JSON.parse(await readFile(stateFile, "utf8")) as { historical_states: unknown };
    expect(past ?? [], "whole states of past blocks").to.be.empty;
    const after = sourceOf(await start({ kind: "anvil", stateFile, port: Number(new URL(before.url).port) }));
    expect((await after.block(known.number)).hash).to.equal(known.hash);
    // The state of blocks before the restart is gone.
    const restarted = Number(await after.endpoints[0]?.send("eth_blockNumber"));
    expect(restarted).to.be.above(known.number);
    const later = await finalisedAfter(after, restarted);
    expect(await after.storage(address, [1n], await after.block(later.number))).to.deep.equal([42n]);
    expect(await after.logs([address], 0, known.number)).to.have.length(1);
    expect((await after.transaction(transaction)).to).to.equal(address);
    expect(await after.endpoints[0]?.send("ots_getApiLevel"), "Otterscan's interface").to.be.a("number");
    after.close();
  });

  it("anvil says which file of the chain's state is damaged", async function () {
    if (!availableKinds().includes("anvil")) this.skip();
    const stateFile = join(folder, "damaged.json");
    await writeFile(stateFile, "{");
    const { code, message, advice } = await failure(start({ kind: "anvil", stateFile }));
    expect(code).to.equal("node-ended");
    expect(message).to.include(stateFile).and.include("damaged");
    expect(advice).to.include("--fresh");
  });
});

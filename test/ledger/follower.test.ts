import { expect } from "chai";

import { LedgerError } from "../../src/ledger/errors.js";
import { Follower, type Batch, type Cursor, type FollowerHealth } from "../../src/ledger/follower.js";
import { LedgerSource, type LedgerLog } from "../../src/ledger/source.js";
import { deployRecorder, endpointOf, startChain, type Recorder, type TestChain } from "./support/chain.js";
import { failure } from "./support/failure.js";
import { Proxy, type Lie } from "./support/proxy.js";

/** The recorder's key. */
const keyOf = (log: LedgerLog): number => Number(BigInt(log.topics[0] ?? "0x0"));

interface Setup {
  readonly source: LedgerSource;
  readonly follower: Follower<number>;
  readonly stop: AbortController;
  /** Resolves at the next health report that satisfies the condition. */
  healthy(condition: (health: FollowerHealth) => boolean): Promise<FollowerHealth>;
  /** The next `count` events, and the last cursor. */
  take(count: number): Promise<{ events: number[]; cursor: Cursor; batches: Batch<number>[] }>;
}

describe("ledger follower", () => {
  let chain: TestChain;
  let recorder: Recorder;
  let start: Cursor;
  const open: Setup[] = [];
  const proxies: Proxy[] = [];

  beforeEach(async () => {
    chain = await startChain();
    recorder = await deployRecorder(chain);
    start = { number: Number(await chain.rpc("eth_blockNumber")) };
  });

  afterEach(async () => {
    for (const { stop, source } of open.splice(0)) {
      stop.abort();
      source.close();
    }
    for (const proxy of proxies.splice(0)) await proxy.stop();
    await chain.close();
  });

  async function proxyOf(): Promise<Proxy> {
    const proxy = await new Proxy(chain.url).start();
    proxies.push(proxy);
    return proxy;
  }

  function follow(
    urls: readonly string[],
    cursor = start,
    options: { rangeBlocks?: number; finality?: number } = {},
  ): Setup {
    const endpoints = urls.map((url) => endpointOf(url, { webSocketUrl: chain.webSocketUrl }));
    const source = new LedgerSource({
      endpoints,
      ownNode: endpoints.length === 1,
      finalityBlocks: options.finality ?? 0,
    });
    const stop = new AbortController();
    const watchers = new Set<(health: FollowerHealth) => void>();
    const follower = new Follower<number>({
      source,
      addresses: [recorder.address],
      cursor,
      decode: keyOf,
      signal: stop.signal,
      pollMs: 50,
      ...(options.rangeBlocks === undefined ? {} : { rangeBlocks: options.rangeBlocks }),
      onHealth: (health) => watchers.forEach((watcher) => watcher(health)),
    });
    const iterator = follower[Symbol.asyncIterator]();
    const setup: Setup = {
      source,
      follower,
      stop,
      healthy: (condition) =>
        new Promise((resolve) => {
          const watcher = (health: FollowerHealth): void => {
            if (!condition(health)) return;
            watchers.delete(watcher);
            resolve(health);
          };
          watchers.add(watcher);
        }),
      take: async (count) => {
        const batches: Batch<number>[] = [];
        const events: number[] = [];
        while (events.length < count) {
          const next = await iterator.next();
          if (next.done === true) break;
          batches.push(next.value);
          events.push(...next.value.events);
        }
        return { events, cursor: batches.at(-1)?.through ?? cursor, batches };
      },
    };
    open.push(setup);
    return setup;
  }

  async function record(from: number, to: number): Promise<void> {
    for (let key = from; key <= to; key++) await recorder.record(BigInt(key), 1n);
  }

  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index);

  it("delivers each log once and in order: those before it began and those that come", async () => {
    await record(1, 5);
    const { take } = follow([chain.url]);
    expect((await take(5)).events).to.deep.equal(range(1, 5));
    const next = take(3);
    await record(6, 8);
    expect((await next).events).to.deep.equal(range(6, 8));
  });

  it("goes on from a cursor, after a restart in the middle of history", async () => {
    await record(1, 9);
    const first = follow([chain.url], start, { rangeBlocks: 4 });
    const { events, cursor } = await first.take(1);
    first.stop.abort();
    const rest = await follow([chain.url], cursor).take(9 - events.length);
    expect([...events, ...rest.events]).to.deep.equal(range(1, 9));
  });

  it("asks for smaller ranges where the endpoint refuses large ones", async () => {
    await record(1, 12);
    const proxy = await proxyOf();
    const answered: number[] = [];
    proxy.refuse = ({ method, params }) => {
      if (method !== "eth_getLogs") return undefined;
      const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
      const blocks = Number(toBlock) - Number(fromBlock) + 1;
      if (blocks > 3) return "query returned more than 3 blocks";
      answered.push(blocks);
      return undefined;
    };
    expect((await follow([proxy.url]).take(12)).events).to.deep.equal(range(1, 12));
    expect(Math.max(...answered)).to.equal(3);
  });

  it("delivers nothing above the finalised block", async () => {
    await record(1, 4);
    const { take } = follow([chain.url], start, { finality: 3 });
    const first = await take(1);
    expect(first.events).to.deep.equal([1]);
    await chain.mine(2);
    expect((await take(2)).events).to.deep.equal([2, 3]);
  });

  it("waits out an endpoint that is away, says so, and misses nothing", async () => {
    const proxy = await proxyOf();
    await record(1, 2);
    const setup = follow([proxy.url]);
    await setup.take(2);
    expect(setup.follower.health.ok).to.equal(true);
    const away = setup.healthy((health) => !health.ok);
    const next = setup.take(2);
    await proxy.stop();
    await record(3, 4);
    expect((await away).error?.code).to.equal("refused");
    const back = setup.healthy((health) => health.ok);
    await proxy.start();
    await back;
    expect((await next).events).to.deep.equal([3, 4]);
  });

  it("ends when the finalised chain has changed below the cursor", async () => {
    const snapshot = await chain.rpc("evm_snapshot");
    await record(1, 3);
    const { take } = follow([chain.url]);
    await take(3);
    const next = take(1);
    await chain.rpc("evm_revert", snapshot);
    await record(11, 15);
    expect((await failure(next)).code).to.equal("reorganised");
  });

  it("ends at once with a cursor of another history", async () => {
    await record(1, 2);
    const { take } = follow([chain.url], { number: start.number, hash: `0x${"7".repeat(64)}` });
    expect((await failure(take(1))).code).to.equal("reorganised");
  });

  it("holds still while an endpoint is behind the cursor", async () => {
    await record(1, 1);
    const head = Number(await chain.rpc("eth_blockNumber"));
    const setup = follow([chain.url], { number: head + 5 });
    const behind = setup.healthy((health) => !health.ok);
    void setup.take(1);
    expect((await behind).error?.code).to.equal("behind");
  });

  describe("two endpoints", () => {
    const lies: readonly [string, Lie][] = [
      ["hides a log", ({ method }, result) => (method === "eth_getLogs" ? (result as unknown[]).slice(1) : result)],
      [
        "alters a log",
        ({ method }, result) =>
          method === "eth_getLogs"
            ? (result as { data: string }[]).map((log) => ({ ...log, data: log.data.replace(/1$/, "2") }))
            : result,
      ],
      [
        "adds a log",
        ({ method }, result) =>
          method === "eth_getLogs"
            ? [...(result as object[]), { ...(result as object[])[0], logIndex: "0x9" }]
            : result,
      ],
    ];
    for (const [name, lie] of lies) {
      it(`one ${name}: nothing is delivered and both are named`, async () => {
        await record(1, 3);
        const liar = await proxyOf();
        liar.lie = lie;
        const setup = follow([chain.url, liar.url]);
        const told = setup.healthy((health) => !health.ok);
        const next = setup.take(3);
        const { error } = await told;
        expect(error?.code).to.equal("endpoints-disagree");
        expect(error?.message).to.include(chain.url).and.to.include(liar.url);
        liar.lie = (_call, result) => result;
        expect((await next).events).to.deep.equal([1, 2, 3]);
      });
    }

    it("of different chains disagree on the finalised block", async () => {
      const other = await startChain();
      await other.mine(3);
      await record(1, 3);
      const setup = follow([chain.url, other.url]);
      const told = setup.healthy((health) => !health.ok);
      void setup.take(1);
      expect((await told).error?.code).to.equal("endpoints-disagree");
      setup.stop.abort();
      setup.source.close();
      await other.close();
    });

    it("one away: nothing is delivered until it is back", async () => {
      await record(1, 2);
      const second = await proxyOf();
      await second.stop();
      const setup = follow([chain.url, second.url]);
      const told = setup.healthy((health) => !health.ok);
      const next = setup.take(2);
      expect((await told).error?.code).to.equal("refused");
      await second.start();
      expect((await next).events).to.deep.equal([1, 2]);
    });

    it("one slower: the lower finalised block counts", async () => {
      await record(1, 4);
      const slow = await proxyOf();
      const earlier = await chain.rpc("eth_getBlockByNumber", `0x${(start.number + 2).toString(16)}`, false);
      slow.lie = ({ method, params }, result) =>
        method === "eth_getBlockByNumber" && params[0] === "finalized" ? earlier : result;
      expect((await follow([chain.url, slow.url]).take(2)).cursor.number).to.equal(start.number + 2);
    });

    it("a single endpoint that is not the validator's own is refused", () => {
      const endpoint = endpointOf(chain.url);
      const make = (): LedgerSource => new LedgerSource({ endpoints: [endpoint], ownNode: false, finalityBlocks: 0 });
      expect(make).to.throw(LedgerError, /two or more/);
      endpoint.close();
    });
  });
});

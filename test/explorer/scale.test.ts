/** A large mesh in the index: no page is answered by reading all of it. What counts is the plan of each query, not the clock. */
import { expect } from "chai";

import { Database, type Value } from "../../src/explorer/database.js";
import { Decoder } from "../../src/explorer/decoding.js";
import { Indexer } from "../../src/explorer/indexer.js";
import { Query } from "../../src/explorer/query.js";
import { CORE_TABLES } from "../../src/explorer/schema.js";
import type { ViewContext, ViewServer } from "../../src/explorer/view.js";
import { loadViews } from "../../src/explorer/views/index.js";
import { ADDRESSES, REGISTRAR, accountOf, largeChain } from "./large-chain.js";

const SIZES = { blocks: 100_000, validators: 10_000, devices: 1_000_000 };

/** Sums over the whole mesh that overviews show; each reads an index alone, one entry for a word, batch or validator. */
const SUMS = /^SELECT (count|sum|state, count|day, purpose)\b/;

describe("explorer at scale", function () {
  this.timeout(240_000);
  let database: Database;
  let views: readonly ViewServer[];
  let context: ViewContext;
  const asked: { sql: string; values: Value[]; rows: number }[] = [];

  before(async () => {
    database = await Database.open(":memory:");
    views = await loadViews();
    database.exec(CORE_TABLES);
    for (const { tables } of views) if (tables !== undefined) database.exec(tables);
    const decoder = new Decoder(ADDRESSES);
    const indexer = new Indexer({ chain: largeChain(SIZES), database, decoder, views, firstBlock: 1 });
    while ((await indexer.advance()).blocks > 0);
    context = {
      database: recording(database),
      endpoint: undefined as unknown as ViewContext["endpoint"],
      addresses: ADDRESSES,
      decoder,
      views: new Set(views.map(({ manifest }) => manifest.name)),
      status: () => ({
        phase: "live",
        chainId: "1",
        anchor: ADDRESSES.anchor,
        node: "",
        block: SIZES.blocks,
        blockTime: 0,
        head: SIZES.blocks,
        reorganisations: 0,
        resets: 0,
      }),
      now: () => 1_700_000_000 + 12 * SIZES.blocks,
    };
  });

  after(() => database.close());

  /** The database, which also notes what it is asked. */
  function recording(of: Database): Database {
    return new Proxy(of, {
      get(target, name) {
        if (name !== "all" && name !== "get") return Reflect.get(target, name) as unknown;
        return (sql: string, ...values: Value[]) => {
          const answer = target[name](sql, ...values);
          asked.push({ sql, values, rows: Array.isArray(answer) ? answer.length : 1 });
          return answer;
        };
      },
    });
  }

  async function answer(view: string, path: string, values: Record<string, string> = {}): Promise<unknown> {
    const route = views.find(({ manifest }) => manifest.name === view)?.routes.find((one) => one.path === path);
    if (route === undefined) throw new Error(`${view} has no ${path}`);
    return route.answer(context, new Query(values));
  }

  it("has all of it", async () => {
    const counts = database.get<{ blocks: number }>("SELECT count(*) AS blocks FROM blocks");
    expect(counts?.blocks).to.equal(SIZES.blocks);
    expect(await answer("validators", "/validator-counts")).to.include({
      all: SIZES.validators,
      active: SIZES.validators,
    });
    const totals = (await answer("fleets", "/fleet-totals")) as { devices: number };
    expect(totals.devices).to.be.at.least(SIZES.devices);
    expect(await answer("fleets", "/devices/:index", { index: "999999" })).to.have.property("index", 999_999);
    const slashed = await answer("validators", "/validators/:account", { account: accountOf(0) });
    expect(slashed).to.have.property("stake", (9n * 10n ** 17n).toString());
  });

  it("each list comes in pages, and the last page takes no longer way than the first", async () => {
    type Listed = { items: unknown[]; next?: number };
    for (const [view, path, values] of [
      ["blocks", "/blocks", {}],
      ["blocks", "/blocks", { cursor: "60000" }],
      ["blocks", "/blocks", { show: "mesh", cursor: "60000" }],
      ["transactions", "/transactions", {}],
      ["events", "/events", {}],
      ["events", "/events", { name: "Revoked" }],
      ["events", "/events", { contract: "fleets", cursor: "900000000" }],
      ["validators", "/validators", {}],
      ["validators", "/validators", { state: "active", cursor: "100000000" }],
      ["fleets", "/fleets", {}],
      ["fleets", "/grants", {}],
      ["revocation", "/revocation/changes", {}],
      ["shards", "/shards", {}],
      ["shards", "/shards/ids/:id", { id: "ab".repeat(32), cursor: "90000000000" }],
      ["addresses", "/addresses/:address/history", { address: REGISTRAR }],
    ] as const) {
      asked.length = 0;
      const { items, next } = (await answer(view, path, values)) as Listed;
      expect(items.length, path).to.be.within(1, 50);
      if (path !== "/grants" && path !== "/fleets") expect(next, path).to.be.a("number");
      expect(Math.max(...asked.map(({ rows }) => rows)), path).to.be.at.most(51);
      expectIndexed(path);
    }
  });

  it("each single thing is found by an index", async () => {
    const hash = database.get<{ hash: string }>("SELECT hash FROM transactions ORDER BY id DESC LIMIT 1")?.hash ?? "";
    for (const [view, path, values] of [
      ["overview", "/overview", {}],
      ["gas", "/gas", {}],
      ["revocation", "/revocation", {}],
      ["blocks", "/blocks/:id", { id: "77777" }],
      ["transactions", "/transactions/:hash", { hash }],
      ["validators", "/validators/:account", { account: accountOf(5_000) }],
      ["fleets", "/fleets/:fleet", { fleet: "3" }],
      ["fleets", "/tenants/:account", { account: REGISTRAR }],
      ["fleets", "/devices/:index", { index: "654321" }],
      ["shards", "/shard-totals", {}],
      ["shards", "/shards/:fleet/:subject/:version", { fleet: "1", subject: "2000", version: "1" }],
      ["shards", "/shards-of/device/:index", { index: "1999" }],
      ["shards", "/shard-versions/:fleet/:subject", { fleet: "1", subject: "2000" }],
      ["shards", "/shard-changes/:fleet/:subject", { fleet: "1", subject: "2000" }],
      ["shards", "/shard-limits/:fleet", { fleet: "1" }],
      ["shards", "/shard-offers/:fleet", { fleet: "1" }],
      ["addresses", "/addresses/:address", { address: accountOf(1) }],
      ["contracts", "/contracts", {}],
    ] as const) {
      asked.length = 0;
      await answer(view, path, values);
      expectIndexed(path);
    }
    asked.length = 0;
    for (const view of views)
      for (const text of [
        "654321",
        hash,
        accountOf(7),
        `0x${"ab".repeat(32)}`,
        "v77.example:8443",
        "0x0000000000000000000000000000000000",
      ])
        view.search?.(context, text);
    expectIndexed("search");
  });

  /** No query that was asked reads a table from one end to the other, or sorts what it found. */
  function expectIndexed(what: string): void {
    for (const { sql, values } of asked) {
      const plan = database.plan(sql, ...values).join("; ");
      const message = `${what}: ${sql} -> ${plan}`;
      if (SUMS.test(sql.trim())) expect(plan, message).to.match(/INDEX|SEARCH|SCAN (fleets|grants)/);
      else expect(plan, message).not.to.match(/\bSCAN (?!c\b)(?!.*(INDEX|PRIMARY KEY))/);
    }
  }
});

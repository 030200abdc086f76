/** What the overview says of members and ceremonies, and a ceremony told from its events. */
import { expect } from "chai";

import { Database } from "../../src/explorer/database.js";
import type { EventRow } from "../../src/explorer/records.js";
import { CORE_TABLES, rowNumber } from "../../src/explorer/schema.js";
import { tellStory } from "../../src/explorer/views/ceremonies/story.js";
import { type Facts, findings } from "../../src/explorer/views/overview/health.js";
import type { Finding, Overview, Seat } from "../../src/explorer/views/overview/view.js";

const account = (i: number): string => `0x${String(i).padStart(40, "0")}`;
const SOURCE = { hash: "0x01", block: 10, time: 1_000 };

describe("a ceremony told from its events", () => {
  const OFFENCE = { missingDealing: "0" };
  let database: Database;
  let next: { block: number; place: number };
  before(async () => {
    database = await Database.open(":memory:");
    database.exec(CORE_TABLES);
    next = { block: 1, place: 0 };
  });
  after(() => database.close());

  /** The events of one transaction, in their order. */
  function mined(...events: readonly (readonly [name: string, args: object])[]): readonly EventRow[] {
    const block = next.block++;
    return events.map(([name, args], place) => {
      const contract = name === "Slashed" ? "registry" : "ceremony";
      const id = rowNumber(block, place, "event");
      const row = { id, block, time: block, place, hash: `0x${block}`, contract, name, args: JSON.stringify(args) };
      database.run(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        row.id,
        row.block,
        row.time,
        row.place,
        row.hash,
        row.contract,
        row.name,
        row.args,
      );
      return row;
    });
  }

  it("counts a fine once, for the attempt that it is of, where one transaction ends it and begins the next", () => {
    const accounts = [account(1), account(2)];
    const of = (attempt: number, more: object = {}) => ({ ceremony: "1", attempt: String(attempt), ...more });
    const slashed = { account: account(2), offence: OFFENCE.missingDealing, amount: "50", stake: "950" };
    const rows = [
      ...mined(
        ["CeremonyStarted", { ceremony: "1", kind: "0", seats: "2", threshold: "2" }],
        ["Invited", of(1, { accounts })],
      ),
      ...mined(["Accepted", of(1, { account: account(1) })], ["Accepted", of(1, { account: account(2) })]),
      ...mined(["Seated", of(1, { accounts, deadline: "9" })]),
      ...mined(["Dealt", of(1, { dealer: "1" })]),
      ...mined(["Slashed", slashed], ["AttemptFailed", of(1)], ["Invited", of(2, { accounts })]),
      ...mined(["Accepted", of(2, { account: account(2) })]),
    ].filter(({ contract }) => contract === "ceremony");
    const story = tellStory(database, rows);
    const told = story?.attempts.map(({ failures }) =>
      failures.map(({ account: who, seat, words, cost }) => [who, seat, words, cost]),
    );
    expect(told).to.deep.equal([[[account(2), 2, "did not deal in time", "50"]], []]);
  });

  it("names a receiver that never said whether its shares are good", () => {
    const accounts = [account(1), account(2), account(3)];
    const of = (more: object = {}) => ({ ceremony: "2", attempt: "1", ...more });
    const rows = [
      ...mined(["CeremonyStarted", { ceremony: "2", kind: "0", seats: "3", threshold: "2" }]),
      ...mined(["Invited", of({ accounts })], ["Seated", of({ accounts })]),
      ...mined(...["1", "2", "3"].map((dealer) => ["Dealt", of({ dealer })] as const), ["Dealings", of()]),
      ...mined(["Acknowledged", of({ receiver: "1" })], ["ComplaintUpheld", of({ receiver: "2", dealer: "3" })]),
      ...mined(["Closed", of({ counted: "6" })]),
    ];
    const [attempt] = tellStory(database, rows)?.attempts ?? [];
    expect(attempt?.failures.map(({ seat, words }) => [seat, words])).to.deep.equal([
      [3, "dealt a bad share to seat 2"],
      [3, "did not say in time whether its shares are good"],
    ]);
    // It was of an outcome of the bad dealing too.
    expect(attempt?.participants[0]?.acknowledged).to.equal(undefined);
  });
});

describe("whether a mesh is healthy", () => {
  const seat = (i: number, more: Partial<Seat> = {}): Seat => {
    return { seat: i, account: account(i), endpoint: "", scope: "", sound: true, words: "in office", ...more };
  };
  const office = (more: Partial<NonNullable<Overview["office"]>> = {}): NonNullable<Overview["office"]> => {
    const seats = [1, 2, 3, 4, 5, 6, 7].map((i) => seat(i));
    return { generation: 1, epoch: 4, n: 7, t: 5, f: 2, seats, margin: 2, until: 2_000, source: SOURCE, ...more };
  };
  const facts = (more: Partial<Facts> = {}): Facts => ({
    now: 1_500,
    status: { phase: "live", block: 10, blockTime: 1_499, head: 10 } as Facts["status"],
    began: 900,
    office: office(),
    candidates: { eligible: 9, seats: 7 },
    ceremony: undefined,
    head: { number: 3, issued: 1_495, expires: 1_535 } as Facts["head"],
    headSeconds: 10,
    certified: true,
    certifiedUntil: 1e9,
    successor: undefined,
    shards: [],
    ...more,
  });
  const found = (title: string, more: Partial<Facts>): Finding | undefined =>
    findings(facts(more)).find((one) => one.title === title);

  it("is, where everybody did its part", () => {
    expect(findings(facts()).map(({ level }) => level)).to.deep.equal(["good", "good", "good", "good"]);
  });

  it("names a member in office that was silent when it was last asked, and how many more may fail", () => {
    const silent = "did not deal in time (ceremony 8, attempt 1)";
    const seats = office().seats.map((one) => (one.seat === 2 ? { ...one, silent } : one));
    const finding = found("Member", { office: office({ seats }) });
    expect(finding).to.deep.include({ level: "warning", path: `/validators/${account(2)}` });
    expect(finding?.detail).to.equal(`Seat 2 of 7 ${silent}: without it, 1 may fail.`);
    const many = seats.map((one) => (one.seat > 4 ? { ...one, silent } : one));
    expect(found("Members", { office: office({ seats: many }) })?.detail).to.contain(
      "without them nothing can be signed",
    );
  });

  it("says that an epoch's time is over, and warns when its patience is", () => {
    expect(found("Epoch", {})).to.equal(undefined);
    expect(found("Epoch", { now: 2_001 })).to.deep.include({ level: "note" });
    const late = found("Epoch", { now: 3_001 });
    expect(late?.level).to.equal("warning");
    expect(late?.detail).to.contain("Epoch 4 ended 17 min ago");
  });

  it("tells time that is left from time that is over", () => {
    const ceremony = { ceremony: "8", kind: "resharing", attempts: 1, phase: "accept", failures: 1, deadline: 1_510 };
    const detail = (now: number): string | undefined =>
      found("Ceremony", { now, ceremony: ceremony as Facts["ceremony"] & object })?.detail;
    expect(detail(1_500)).to.contain("10 s left. 1 failure so far.");
    expect(detail(1_528)).to.contain("its deadline passed 18 s ago");
    expect(detail(1_600)).to.contain("nobody has moved it on");
  });

  it("is being founded before it has keys, and not healthy when that takes too long", () => {
    expect(found("Committee", { office: undefined })?.level).to.equal("note");
    expect(found("Committee", { office: undefined, now: 6_000 })?.level).to.equal("bad");
  });

  it("guesses nothing of what came since where the node is away", () => {
    const problem = { message: "the node does not answer", advice: "Start it." };
    const status = { ...facts().status, phase: "rpc-gone", problem } as Facts["status"];
    const away = findings(facts({ now: 90_000, status }));
    expect(away.map(({ title, level }) => `${title} ${level}`)).to.deep.equal([
      "Ledger bad",
      "Committee good",
      "Group keys good",
      "Revocation list good",
    ]);
  });
});

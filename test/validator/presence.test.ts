/** Presences: what members remember of one another's processes, and what nobody can make another one believe. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { getBytes, hexlify } from "ethers";

import { Projection, type Office } from "../../src/ledger/projection.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { formatEndpoint } from "../../src/net/endpoint.js";
import { MemberServers } from "../../src/net/member-servers.js";
import { type RunningServer, startServer } from "../../src/net/server.js";
import { type TlsIdentity, generateTlsKey, signWithTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { PATH } from "../../src/protocol/api.js";
import {
  decodePresence,
  decodePresenceAnswer,
  encodePresence,
  encodePresenceAnswer,
} from "../../src/protocol/presence.js";
import { FakeClock } from "../../src/runtime/clock.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { silentLogger } from "../../src/runtime/log.js";
import type { SwarmkeepError } from "../../src/statements/errors.js";
import type { Caller } from "../../src/validator/caller.js";
import { routesWithCaller } from "../../src/validator/caller.js";
import type { Committee } from "../../src/validator/committee.js";
import { PresenceBook } from "../../src/validator/presence-book.js";
import { Presences } from "../../src/validator/presence.js";
import { Standing } from "../../src/validator/standing.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { address } from "./addresses.js";
import { context } from "./est-world.js";

const separator = context.separators.anchor;
const ACCOUNTS = [1, 2, 3, 4].map((number) => address(100 + number));
const [OWN = "", SECOND = "", THIRD = "", AWAY = ""] = ACCOUNTS;
const OFFICE = { generation: 1n, epoch: 2n, ceremony: 3n } as Office;
const NEXT_OFFICE = { generation: 1n, epoch: 3n, ceremony: 4n } as Office;
const PERIOD_SECONDS = 60;

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error: unknown) => (error as SwarmkeepError).code,
  );
}

describe("presences", function () {
  this.timeout(20_000);
  const identities = new Map<string, TlsIdentity>();
  const servers: RunningServer[] = [];
  const open: Presences[] = [];
  /** What another member answers in place of what it knows. */
  const lies = new Map<string, () => Uint8Array>();
  const clock = new FakeClock();
  const projection = new Projection();
  const committee = {
    generation: 1,
    epoch: 2,
    accounts: new Map(ACCOUNTS.map((account, i) => [i + 1, account])),
    keys: { verificationKeys: ACCOUNTS },
  } as unknown as Committee;
  const identityOf = (account: string): TlsIdentity => identities.get(account) as TlsIdentity;
  const apply = (name: string, args: object): void =>
    projection.apply({ contract: "registry", blockNumber: 1, name, args } as unknown as LedgerEvent);

  interface Process {
    readonly standing: Standing;
    readonly presences: Presences;
    readonly book: PresenceBook;
  }

  /** A member's process from the folder at `path`. */
  async function processOf(account: string, path: string): Promise<Process> {
    const standing = new Standing(projection);
    standing.committee = committee;
    Object.defineProperty(standing, "finalised", { get: () => ({ timestamp: clock.now() / 1000 }) });
    const identity = identityOf(account);
    const book = await PresenceBook.open(join(path, "presence.cbor"));
    const presences = new Presences({
      standing,
      book,
      identity,
      account,
      separator,
      channel: {
        credentials: () => ({ key: identity.key, chain: [identity.certificate] }),
        servers: new MemberServers({
          trust: () => undefined,
          nowSeconds: () => 0,
          signatures: nativeSignatures,
          bareAfterEnd: true,
        }),
      },
      signatures: nativeSignatures,
      clock,
      log: silentLogger,
    });
    open.push(presences);
    return { standing, presences, book };
  }

  /** One that has found nobody at its own endpoint, and sits in a committee. */
  async function seated(path: string, office = OFFICE): Promise<Process> {
    const process = await processOf(OWN, path);
    await process.presences.expectAlone(undefined);
    process.presences.begin(office, committee, true);
    return process;
  }

  async function serve(account: string, presences: Presences): Promise<RunningServer> {
    const calling = { context, standing: new Standing(projection), signatures: nativeSignatures, nowSeconds: () => 0 };
    const server = await startServer({
      port: 0,
      identity: identityOf(account),
      log: silentLogger,
      routes: routesWithCaller(
        [
          { method: "GET", path: PATH.presence, handle: () => ({ body: presences.current }) },
          {
            method: "POST",
            path: PATH.presence,
            handle: async ({ body }, caller) => ({
              body: lies.get(account)?.() ?? (await presences.receive(body, caller)),
            }),
          },
        ],
        calling,
      ),
    });
    servers.push(server);
    return server;
  }

  function presenceOf(
    account: string,
    number: number,
    nonce: number,
    { isTaken = true, signer = account, mesh = separator } = {},
  ): Uint8Array {
    const presence = { account: getBytes(account), number, nonce: new Uint8Array(16).fill(nonce), isTaken };
    return encodePresence(presence, mesh, (message) => signWithTlsKey(identityOf(signer), message));
  }

  const callerOf = (account: string): Caller => ({
    kind: "validator",
    account,
    tlsKey: identityOf(account).spki,
    by: "identity-key",
  });

  /**
   * Lets connections and disks come as far as they do in a second: they take time of their own, and more of it on a machine that has other
   * things to do, on which a timer alone would be over before them.
   */
  async function settle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 8));
    const isWriting = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"));
    for (let turn = 0; turn < 20 || isWriting(); turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Lets time go on, a second at a time, until something has come about. */
  async function until(what: string, isSo: () => boolean, seconds = 60): Promise<void> {
    for (let passed = 0; !isSo(); passed++) {
      if (passed > seconds) throw new Error(`it did not come about that ${what}`);
      await settle();
      await clock.advance(1_000);
    }
  }
  async function pass(seconds: number): Promise<void> {
    const end = clock.now() + 1_000 * seconds;
    await until(`${seconds} seconds are over`, () => clock.now() >= end, seconds);
  }
  const confirmed = ({ standing }: Process): Promise<void> =>
    until("it may sign", () => standing.doubts() === undefined);
  const disputed = ({ standing }: Process): Promise<void> => until("its place is disputed", () => standing.isDisputed);
  const hasTold = (process: Process, number: number): Promise<void> =>
    until(`number ${number} is taken`, () => process.book.number >= number);

  before(async () => {
    for (const account of ACCOUNTS) identities.set(account, await tlsIdentity(await generateTlsKey()));
    Object.assign(projection, {
      genesis: { parameters: { certificatePeriodSeconds: BigInt(PERIOD_SECONDS) } },
    });
    for (const account of ACCOUNTS) apply("ValidatorAdmitted", { account, operator: account });
  });
  beforeEach(async () => {
    for (const account of ACCOUNTS) {
      // The others start anew in each test: they know nobody.
      const isUp = account === SECOND || account === THIRD;
      const { presences } = await processOf(account, await scratchFolder());
      const endpoint = isUp ? formatEndpoint(await serve(account, presences)) : "127.0.0.1:1";
      const tlsPin = hexlify(identityOf(account).pin);
      apply("ValidatorRegistered", { account, stake: 1n, tlsPin, endpoint, scope: "", blsKey: {} });
    }
  });
  afterEach(async () => {
    for (const presences of open.splice(0)) presences.close();
    for (const server of servers.splice(0)) await server.close(0);
    lies.clear();
  });
  after(removeScratchFolders);

  it("are taken from the one that they name, by its key, and kept as the newest that came", async () => {
    const { presences, standing } = await processOf(THIRD, await scratchFolder());
    const told = async (body: Uint8Array): Promise<number | null> => {
      const shown = decodePresenceAnswer(await presences.receive(body, callerOf(SECOND)));
      return shown === null ? null : decodePresence(shown.encoded, separator).number;
    };
    expect(await codeOf(told(presenceOf(THIRD, 5, 1)))).to.equal("bad-presence");
    expect(await codeOf(told(presenceOf(SECOND, 5, 1, { signer: THIRD })))).to.equal("bad-presence");
    expect(await codeOf(told(presenceOf(SECOND, 5, 1, { mesh: new Uint8Array(32) })))).to.equal("bad-presence");
    expect(await codeOf(presences.receive(presenceOf(SECOND, 5, 1), { kind: "anyone" }))).to.equal("not-a-validator");

    expect(await told(presenceOf(SECOND, 5, 1))).to.equal(null);
    expect(await told(presenceOf(SECOND, 5, 1)), "again").to.equal(null);
    expect(await told(presenceOf(SECOND, 5, 2)), "another nonce").to.equal(5);
    expect(await told(presenceOf(SECOND, 4, 1)), "older").to.equal(5);
    expect(await told(presenceOf(SECOND, 5, 3, { isTaken: false })), "a restart asks").to.equal(null);
    expect(await told(presenceOf(SECOND, 4, 3, { isTaken: false })), "an old folder asks").to.equal(5);
    expect(await told(presenceOf(SECOND, 9, 3, { isTaken: false })), "asking takes nothing").to.equal(null);
    expect(await told(presenceOf(SECOND, 6, 3))).to.equal(null);

    standing.committee = undefined;
    expect(await codeOf(told(presenceOf(SECOND, 7, 3))), "not in office").to.equal("statement-unknown");
  });

  it("outlive the process that was told them, as its own number does", async () => {
    const path = await scratchFolder();
    const { presences, book } = await processOf(THIRD, path);
    await presences.receive(presenceOf(SECOND, 5, 1), callerOf(SECOND));
    const again = await processOf(THIRD, path);
    const shown = decodePresenceAnswer(await again.presences.receive(presenceOf(SECOND, 5, 2), callerOf(SECOND)));
    expect(shown?.tlsKey).to.deep.equal(identityOf(SECOND).spki);
    await Promise.all([book.next(), book.dispute("1/2/3", 1), book.next()]);
    const last = await PresenceBook.open(join(path, "presence.cbor"));
    expect([last.number, last.isDisputed("1/2/3"), last.isDisputed("1/2/4")]).to.deep.equal([2, true, false]);

    await writeFile(join(path, "presence.cbor"), "no presences");
    expect(await codeOf(processOf(THIRD, path))).to.equal("presence-file-damaged");
  });

  it("nothing is signed until enough members know of nobody else; a restart is none the worse", async () => {
    const path = await scratchFolder();
    const process = await processOf(OWN, path);
    expect(process.standing.doubts()).to.match(/has not looked yet/);
    await process.presences.expectAlone(undefined);
    expect(process.standing.doubts(), "it does not sit in a committee").to.equal(undefined);
    process.presences.begin(OFFICE, committee, true);
    expect(process.standing.doubts()).to.match(/asks the other members/);
    await confirmed(process);
    await hasTold(process, 4);
    process.presences.begin(NEXT_OFFICE, committee, true);
    expect(process.standing.doubts(), "the same process in another office").to.equal(undefined);
    process.presences.close();

    for (let start = 0; start < 3; start++) {
      const restarted = await seated(path);
      await confirmed(restarted);
      restarted.presences.close();
      expect(restarted.standing.isDisputed).to.equal(false);
    }
  });

  it("an old folder is told, however often it is started, and signs again in another office", async () => {
    const path = await scratchFolder();
    const newest = await seated(path);
    await confirmed(newest);
    await hasTold(newest, 5);
    newest.presences.close();
    // The last one may not have been told any more.
    const told = newest.book.number - 1;

    const oldPath = await scratchFolder();
    await (await PresenceBook.open(join(oldPath, "presence.cbor"))).next();
    for (let start = 0; start < 3; start++) {
      const old = await seated(oldPath);
      await disputed(old);
      expect(old.standing.doubts()).to.match(/an old one, or a copy/);
      expect(await codeOf(Promise.resolve().then(() => old.standing.expectPlace()))).to.equal("place-in-doubt");
      expect(old.presences.wasDisputed(OFFICE)).to.equal(true);
      old.presences.close();
    }
    const next = await seated(oldPath, NEXT_OFFICE);
    await confirmed(next);
    expect(next.book.number).to.be.greaterThan(told);
    expect(next.presences.wasDisputed(NEXT_OFFICE)).to.equal(false);
  });

  it("of two that start from one folder at most one signs, and the other goes on a period after that one ended", async () => {
    const [path, copyPath] = [await scratchFolder(), await scratchFolder()];
    const original = await seated(path);
    await confirmed(original);
    original.presences.close();
    const book = await PresenceBook.open(join(copyPath, "presence.cbor"));
    while (book.number < original.book.number) await book.next();

    const [again, copy] = [await seated(path), await seated(copyPath)];
    await until("one of them is told", () => again.standing.isDisputed || copy.standing.isDisputed);
    const silent = again.standing.isDisputed ? again : copy;
    const other = silent === again ? copy : again;
    if (!other.standing.isDisputed) await confirmed(other);
    expect(silent.standing.doubts()).to.match(/a copy of one that is in use/);

    await pass(2 * PERIOD_SECONDS + 60);
    expect(silent.standing.isDisputed, "the other one still signs").to.equal(true);
    other.presences.close();
    await until("the other one has been gone for a period", () => !silent.standing.isDisputed, PERIOD_SECONDS + 400);
    await confirmed(silent);
  }).timeout(60_000);

  it("whoever is not heard by enough members for a minute falls silent, until they hear it again", async () => {
    const process = await seated(await scratchFolder());
    await confirmed(process);
    lies.set(SECOND, () => new Uint8Array(3));
    const { number } = process.book;
    await until("it is silent", () => process.standing.doubts() !== undefined, 90);
    expect(process.standing.doubts()).to.match(/too few of the other members have heard/);
    expect(process.book.number, "it tells the same number again").to.be.at.most(number + 1);
    lies.clear();
    await confirmed(process);
  });

  it("too few answers settle nothing, and what a liar shows that this validator did not sign counts for nothing", async () => {
    // Of two that are needed one answers what cannot be read, and then what nobody signed.
    lies.set(SECOND, () => new Uint8Array(3));
    const process = await seated(await scratchFolder());
    await pass(20);
    expect(process.standing.doubts()).to.match(/asks the other members/);
    expect(process.book.number).to.equal(0);

    const { spki } = identityOf(OWN);
    const forged = [
      { encoded: presenceOf(OWN, 9_000, 7, { signer: SECOND }), tlsKey: spki },
      { encoded: presenceOf(OWN, 9_000, 7, { signer: SECOND }), tlsKey: identityOf(SECOND).spki },
      { encoded: presenceOf(SECOND, 9_000, 7), tlsKey: identityOf(SECOND).spki },
    ];
    lies.set(SECOND, () => encodePresenceAnswer(forged.shift() ?? null));
    await confirmed(process);
    expect(forged).to.deep.equal([]);
    expect(process.standing.isDisputed).to.equal(false);
  });

  it("a liar that shows what a process of this folder told before disputes nothing", async () => {
    const path = await scratchFolder();
    const first = await seated(path);
    await confirmed(first);
    first.presences.close();
    const { number } = first.book;
    const { current } = first.presences;
    expect(decodePresence(current, separator)).to.include({ number, isTaken: true });
    // The number that a restart asks with; and what another process only asked with, above it.
    const shown = [current, presenceOf(OWN, number + 7, 7, { isTaken: false })];
    lies.set(SECOND, () => {
      const encoded = shown.shift();
      return encodePresenceAnswer(encoded === undefined ? null : { encoded, tlsKey: identityOf(OWN).spki });
    });
    const again = await seated(path);
    await confirmed(again);
    expect(shown).to.deep.equal([]);
    expect(again.standing.isDisputed).to.equal(false);
  });

  it("one that was signed with the key of before counts, and so does one of a process that went back in time", async () => {
    const process = await seated(await scratchFolder());
    await confirmed(process);
    // Its memory and its folder are those of before: another process has taken numbers by its key since.
    lies.set(SECOND, () => encodePresenceAnswer({ encoded: presenceOf(OWN, 50, 7), tlsKey: identityOf(OWN).spki }));
    await disputed(process);

    apply("ValidatorUpdated", {
      account: OWN,
      endpoint: "127.0.0.1:1",
      scope: "",
      tlsPin: hexlify(identityOf(AWAY).pin),
    });
    lies.set(SECOND, () =>
      encodePresenceAnswer({
        encoded: presenceOf(OWN, 60, 7, { signer: AWAY }),
        tlsKey: identityOf(AWAY).spki,
      }),
    );
    await disputed(await seated(await scratchFolder(), NEXT_OFFICE));
  });

  it("a process that finds another one at its own endpoint ends", async () => {
    const path = await scratchFolder();
    const first = await processOf(OWN, path);
    const server = await serve(OWN, first.presences);
    const member = projection.member(OWN);
    if (member?.contact === undefined) throw new Error("it is registered");
    const registered = { ...member, contact: { ...member.contact, endpoint: formatEndpoint(server) } };
    const pinned = { ...registered, contact: { ...registered.contact, tlsPin: hexlify(identityOf(OWN).pin) } };
    await first.presences.expectAlone(pinned);
    const second = await processOf(OWN, path);
    expect(await codeOf(second.presences.expectAlone(pinned))).to.equal("another-instance");
    expect(second.standing.doubts()).to.match(/has not looked yet/);
    // Somebody else at that address is nobody.
    const moved = { ...pinned, contact: { ...pinned.contact, tlsPin: hexlify(identityOf(SECOND).pin) } };
    await second.presences.expectAlone(moved);
  });
});

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
import { systemClock } from "../../src/runtime/clock.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { silentLogger } from "../../src/runtime/log.js";
import type { SwarmkeepError } from "../../src/statements/errors.js";
import type { Caller } from "../../src/validator/caller.js";
import { routesWithCaller } from "../../src/validator/caller.js";
import type { Committee } from "../../src/validator/committee.js";
import { PresenceBook } from "../../src/validator/presence-book.js";
import { Presences } from "../../src/validator/presence.js";
import { type FinalisedBlock, Standing } from "../../src/validator/standing.js";
import { eventually } from "../e2e/waiting.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { address } from "./addresses.js";
import { context } from "./est-world.js";

const separator = context.separators.anchor;
const ACCOUNTS = [1, 2, 3, 4].map((number) => address(100 + number));
const [OWN = "", SECOND = "", THIRD = ""] = ACCOUNTS;
const OFFICE = { generation: 1n, epoch: 2n, ceremony: 3n } as Office;
const NEXT_OFFICE = { generation: 1n, epoch: 3n, ceremony: 4n } as Office;
const block = (timestamp: number): FinalisedBlock => ({ timestamp }) as FinalisedBlock;

function codeOf(work: () => unknown): string {
  try {
    work();
    return "done";
  } catch (error) {
    return (error as SwarmkeepError).code;
  }
}

describe("presences", function () {
  this.timeout(20_000);
  const identities = new Map<string, TlsIdentity>();
  const servers: RunningServer[] = [];
  const open: Presences[] = [];
  /** What another member answers in place of what it knows. */
  const lies = new Map<string, () => Uint8Array>();
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

  /** A member's process from the folder at `path`. */
  async function processOf(
    account: string,
    path: string,
  ): Promise<{ standing: Standing; presences: Presences; book: PresenceBook }> {
    const standing = new Standing(projection);
    standing.committee = committee;
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
      clock: systemClock,
      log: silentLogger,
    });
    open.push(presences);
    return { standing, presences, book };
  }

  async function serve(account: string, presences: Presences): Promise<RunningServer> {
    const standing = new Standing(projection);
    const calling = { context, standing, signatures: nativeSignatures, nowSeconds: () => 0 };
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
            handle: ({ body }, caller) => ({ body: lies.get(account)?.() ?? presences.receive(body, caller) }),
          },
        ],
        calling,
      ),
    });
    servers.push(server);
    return server;
  }

  function presenceOf(account: string, number: number, run: number, signer = account): Uint8Array {
    const presence = { account: getBytes(account), number, run: new Uint8Array(16).fill(run) };
    return encodePresence(presence, separator, (message) => signWithTlsKey(identityOf(signer), message));
  }

  const callerOf = (account: string): Caller => ({
    kind: "validator",
    account,
    tlsKey: identityOf(account).spki,
    by: "identity-key",
  });
  const settled = (standing: Standing): Promise<true> =>
    eventually("the others have answered", async () => (standing.doubt === undefined ? true : undefined), 5);
  const disputed = (standing: Standing): Promise<true> =>
    eventually("its place is disputed", async () => (standing.isDisputed ? true : undefined), 5);

  before(async () => {
    for (const account of ACCOUNTS) identities.set(account, await tlsIdentity(await generateTlsKey()));
    for (const account of ACCOUNTS) {
      apply("ValidatorAdmitted", { account, operator: account });
      const { presences } = await processOf(account, await scratchFolder());
      const endpoint =
        account === OWN || account === ACCOUNTS[3] ? "127.0.0.1:1" : formatEndpoint(await serve(account, presences));
      const tlsPin = hexlify(identityOf(account).pin);
      apply("ValidatorRegistered", { account, stake: 1n, tlsPin, endpoint, scope: "", blsKey: {} });
    }
  });
  afterEach(() => {
    for (const presences of open.splice(0)) presences.close();
    lies.clear();
  });
  after(async () => {
    for (const server of servers) await server.close(0);
    await removeScratchFolders();
  });

  it("are taken from the one that they name, by its key, and kept as the newest that came", async () => {
    const { presences } = await processOf(THIRD, await scratchFolder());
    const told = (body: Uint8Array): Uint8Array | null =>
      decodePresenceAnswer(presences.receive(body, callerOf(SECOND)));
    expect(codeOf(() => told(presenceOf(THIRD, 5, 1)))).to.equal("bad-presence");
    expect(codeOf(() => told(presenceOf(SECOND, 5, 1, THIRD)))).to.equal("bad-presence");
    expect(codeOf(() => presences.receive(presenceOf(SECOND, 5, 1), { kind: "anyone" }))).to.equal("not-a-validator");
    const other = new Uint8Array(32).fill(9);
    const elsewhere = encodePresence(
      { account: getBytes(SECOND), number: 5, run: new Uint8Array(16) },
      other,
      (message) => signWithTlsKey(identityOf(SECOND), message),
    );
    expect(
      codeOf(() => told(elsewhere)),
      "of another mesh",
    ).to.equal("bad-presence");

    expect(told(presenceOf(SECOND, 5, 1))).to.equal(null);
    expect(told(presenceOf(SECOND, 5, 1)), "again").to.equal(null);
    expect(told(presenceOf(SECOND, 4, 1)), "late").to.equal(null);
    for (const number of [4, 5]) {
      expect(decodePresence(told(presenceOf(SECOND, number, 2)) as Uint8Array, separator)).to.include({ number: 5 });
    }
    expect(told(presenceOf(SECOND, 6, 2)), "after a restart").to.equal(null);
    expect(decodePresence(told(presenceOf(SECOND, 6, 1)) as Uint8Array, separator).run).to.deep.equal(
      new Uint8Array(16).fill(2),
    );
  });

  it("outlive the process that was told them, with its own next number", async () => {
    const path = await scratchFolder();
    const { presences, book } = await processOf(THIRD, path);
    presences.receive(presenceOf(SECOND, 5, 1), callerOf(SECOND));
    expect(await book.next()).to.equal(1);
    const again = await processOf(THIRD, path);
    expect(again.book.number).to.equal(1);
    expect(decodePresenceAnswer(again.presences.receive(presenceOf(SECOND, 5, 2), callerOf(SECOND)))).not.to.equal(
      null,
    );

    await writeFile(join(path, "presence.cbor"), "no presences");
    const error = await processOf(THIRD, path).catch((reason: unknown) => reason as SwarmkeepError);
    expect(error).to.include({ code: "presence-file-damaged" });
  });

  it("nothing is signed until n - f with this one know it; a restart is none the worse, and an old folder or a copy is told", async () => {
    const path = await scratchFolder();
    const first = await processOf(OWN, path);
    expect(first.standing.doubt).to.match(/has not looked yet/);
    await first.presences.expectAlone(projection.member(OWN));
    await first.presences.begin(OFFICE, committee, true);
    expect(first.standing.doubt).to.match(/asks the other members/);
    await settled(first.standing);
    for (const time of [100, 105, 110, 130]) await first.presences.advance(block(time));
    expect(first.book.number, "one for each ten seconds").to.equal(4);
    await first.presences.advance(block(140));
    const restarted = await processOf(OWN, path);
    await restarted.presences.begin(OFFICE, committee, true);
    await settled(restarted.standing);
    expect(restarted.standing.isDisputed).to.equal(false);

    // From before the number that was told last.
    const oldPath = await scratchFolder();
    const older = await PresenceBook.open(join(oldPath, "presence.cbor"));
    for (let number = 0; number < 3; number++) await older.next();
    const old = await processOf(OWN, oldPath);
    await old.presences.begin(OFFICE, committee, true);
    await disputed(old.standing);
    expect(codeOf(() => old.standing.inOffice())).to.equal("ledger-away");
    await old.presences.advance(block(200));
    expect(old.book.number, "it tells nothing more").to.equal(6);
    const again = await processOf(OWN, oldPath);
    await again.presences.begin(OFFICE, committee, true);
    expect(again.standing.isDisputed, "after a restart").to.equal(true);
    expect(again.presences.wasDisputed(OFFICE)).to.equal(true);
    await again.presences.begin(NEXT_OFFICE, committee, true);
    await settled(again.standing);
    expect(again.presences.wasDisputed(NEXT_OFFICE)).to.equal(false);

    // The first process still runs: its next number is not the newest.
    const late = await processOf(OWN, path);
    await late.presences.begin(OFFICE, committee, true);
    await disputed(late.standing);
  });

  it("too few answers settle nothing, and members that lie silence nobody", async () => {
    // Only one of two that are needed answers what this one can read.
    lies.set(SECOND, () => new Uint8Array(3));
    const own = await processOf(OWN, await scratchFolder());
    await own.book.dispute("long ago", 1_000);
    await own.presences.begin(OFFICE, committee, true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(own.standing.doubt).to.match(/asks the other members/);

    const forged = [
      presenceOf(OWN, 9_000, 7, SECOND),
      presenceOf(SECOND, 9_000, 7),
      // A true one, of long ago.
      presenceOf(OWN, 900, 7),
    ];
    lies.set(SECOND, () => encodePresenceAnswer(forged.shift() ?? null));
    await settled(own.standing);
    for (const time of [100, 110, 120]) await own.presences.advance(block(time));
    await eventually("all lies are told", async () => (forged.length === 0 ? true : undefined), 5);
    expect(own.standing.isDisputed).to.equal(false);
    expect(own.standing.doubt).to.equal(undefined);
  });

  it("a process that finds another one at its own endpoint ends", async () => {
    const path = await scratchFolder();
    const first = await processOf(OWN, path);
    const server = await serve(OWN, first.presences);
    const member = projection.member(OWN);
    if (member?.contact === undefined) throw new Error("it is registered");
    const registered = { ...member, contact: { ...member.contact, endpoint: formatEndpoint(server) } };
    await first.presences.expectAlone(registered);
    expect(first.standing.doubt).to.equal(undefined);
    const second = await processOf(OWN, path);
    const error = await second.presences.expectAlone(registered).catch((reason: unknown) => reason as SwarmkeepError);
    expect(error).to.include({ code: "another-instance" });
    expect(second.standing.doubt).not.to.equal(undefined);
    // Somebody else at that address is nobody.
    const moved = { ...registered, contact: { ...registered.contact, tlsPin: hexlify(identityOf(SECOND).pin) } };
    await second.presences.expectAlone(moved);
  });
});

/** What a committee takes over from those before it, also where one of them could not take over in time. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { hexlify } from "ethers";

import type { Office, Projection } from "../../src/ledger/projection.js";
import { formatEndpoint } from "../../src/net/endpoint.js";
import { MemberServers } from "../../src/net/member-servers.js";
import { PATH } from "../../src/protocol/api.js";
import { type IssuedRecord, encodeCountersAnswer } from "../../src/protocol/counters.js";
import { systemClock } from "../../src/runtime/clock.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { silentLogger } from "../../src/runtime/log.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { Inheritance } from "../../src/validator/inheritance.js";
import { IssuedBook } from "../../src/validator/issued.js";
import { Standing } from "../../src/validator/standing.js";
import { eventually } from "../e2e/waiting.js";
import { closeAll, serve } from "../net/server-fixture.js";
import { removeScratchFolders, scratchFolder, scratchJournal } from "../runtime/scratch.js";
import { address } from "./addresses.js";

const PERIOD = 3_600;
const NOW = 1_900_000_000;
const MEMBERS = [1, 2, 3, 4].map((number) => address(number));
const OWN = address(9);
const office = (ceremony: number, committee = MEMBERS): Office =>
  ({ generation: 1n, epoch: BigInt(ceremony), ceremony: BigInt(ceremony), committee }) as unknown as Office;
const [FIRST, SECOND, THIRD] = [office(1), office(2), office(3, [OWN, ...MEMBERS.slice(0, 3)])];
const nameOf = ({ ceremony }: Office): string => `1/${ceremony}/${ceremony}`;
const record = (index: number): IssuedRecord => ({
  index,
  period: Math.floor(NOW / PERIOD),
  k: 0,
  digest: new Uint8Array(32).fill(index),
});

interface Answer {
  readonly known: Office | null;
  readonly records: readonly IssuedRecord[];
  /** Where it says that the next records begin. */
  readonly next?: number;
}

describe("counters that a committee takes over", function () {
  this.timeout(30_000);
  afterEach(closeAll);
  after(removeScratchFolders);

  /** This validator in the third committee, whose predecessors answer as given; undefined is away. */
  async function world(answers: readonly (Answer | undefined)[]) {
    const contacts = new Map<string, object>();
    /** How often each member was asked. */
    const asked: number[] = [];
    for (const [i, answer] of answers.entries()) {
      if (answer === undefined) continue;
      const { known, records, next = null } = answer;
      const body = encodeCountersAnswer({ records, next, known: known && nameOf(known) });
      const { server, identity } = await serve({
        routes: [
          {
            method: "POST",
            path: PATH.counters,
            handle: () => {
              asked[i] = (asked[i] ?? 0) + 1;
              return { body };
            },
          },
        ],
      });
      const contact = { tlsPin: hexlify(identity.pin), endpoint: formatEndpoint(server), scope: "" };
      contacts.set(MEMBERS[i] as string, { contact });
    }
    const projection = {
      genesis: { parameters: { certificatePeriodSeconds: BigInt(PERIOD), phaseSeconds: 10n } },
      member: (account: string) => contacts.get(account),
      takeoverOf: (one: Office) =>
        one === SECOND ? { before: FIRST } : one === THIRD ? { before: SECOND } : undefined,
    } as unknown as Projection;
    const folder = await scratchFolder();
    const standing = new Standing(projection);
    standing.doubts = () => undefined;
    const issued = await IssuedBook.open(await scratchJournal(join(folder, "issued")));
    const path = join(folder, "inherited");
    const { identity } = await serve();
    const inheritance = new Inheritance({
      standing,
      issued,
      channel: {
        credentials: () => ({ key: identity.key, chain: [identity.certificate] }),
        servers: new MemberServers({
          trust: () => undefined,
          nowSeconds: () => NOW,
          signatures: nativeSignatures,
          bareAfterEnd: true,
        }),
      },
      account: OWN,
      path,
      clock: systemClock,
      log: silentLogger,
    });
    await inheritance.begin(THIRD, { office: SECOND, isDisputed: false }, NOW, true);
    const isKnown = (): boolean => {
      try {
        inheritance.expectKnown(Math.floor(NOW / PERIOD));
        return true;
      } catch (error) {
        if (error instanceof SwarmkeepError && error.code === "counters-pending") return false;
        throw error;
      }
    };
    return { inheritance, issued, isKnown, path, asked };
  }

  const untilKnown = (isKnown: () => boolean): Promise<true> =>
    eventually("the counters are known", async () => (isKnown() ? true : undefined), 15);

  it("are what the committee before tells, where enough of it knew all before it", async () => {
    const whole = { known: SECOND, records: [record(1), record(2)] };
    const { inheritance, issued, isKnown, path } = await world([whole, whole, { known: null, records: [] }, whole]);
    await untilKnown(isKnown);
    expect(issued.records(0, 10)).to.deep.equal(whole.records);
    expect((await readFile(path, "utf8")).trim()).to.equal(nameOf(THIRD));
    inheritance.close();
  });

  it("are not read of one that never comes to an end", async () => {
    const whole = { known: SECOND, records: [record(1)] };
    const endless = { known: SECOND, records: [record(1)], next: 1 };
    const { inheritance, issued, isKnown, asked } = await world([endless, whole, whole, whole]);
    await untilKnown(isKnown);
    expect(issued.records(0, 10)).to.deep.equal(whole.records);
    expect(asked[0]).to.be.below(20);
    inheritance.close();
  });

  it("are asked of those before it as well, where too few of it could take over in time", async () => {
    // One took over; two came back too late, and know what they signed themselves in the committee before; one is away.
    const { inheritance, issued, isKnown } = await world([
      { known: SECOND, records: [record(1)] },
      { known: FIRST, records: [record(1)] },
      { known: FIRST, records: [record(1), record(7)] },
      undefined,
    ]);
    await untilKnown(isKnown);
    expect(issued.records(0, 10), "what more than f report").to.deep.equal([record(1)]);
    inheritance.close();
  });

  it("are not known as long as fewer than n - f of the committee before answer", async () => {
    const whole = { known: SECOND, records: [record(1)] };
    const { inheritance, isKnown } = await world([whole, whole, undefined, undefined]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(isKnown()).to.equal(false);
    inheritance.close();
  });
});

/** Share repair between members: a share comes back whoever is away or lies among enough others, and nothing else comes of it. */
import { expect } from "chai";

import type { VerificationKey } from "../../src/crypto/outcome.js";
import { equalBytes } from "../../src/crypto/bytes.js";
import { commit, decodeScalar, ed, g1 } from "../../src/crypto/group.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { CryptoError } from "../../src/crypto/errors.js";
import { Projection } from "../../src/ledger/projection.js";
import { type HttpError, RemoteError } from "../../src/net/error-body.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { PATH } from "../../src/protocol/api.js";
import {
  type RepairOrder,
  decodeSharePair,
  encodeRepairOrder,
  encodeSharePair,
  encodeSumRequest,
} from "../../src/protocol/repair.js";
import { FakeClock } from "../../src/runtime/clock.js";
import { silentLogger } from "../../src/runtime/log.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { quorumOf } from "../../src/statements/quorum.js";
import type { Caller } from "../../src/validator/caller.js";
import type { Committee } from "../../src/validator/committee.js";
import type { Peers } from "../../src/validator/peers.js";
import { RepairHelper } from "../../src/validator/repair-helper.js";
import { repairOwnShare } from "../../src/validator/repairing.js";
import { Signer } from "../../src/validator/signer.js";
import { Standing } from "../../src/validator/standing.js";
import { sharedKeys } from "../crypto/shared-key-fixture.js";
import { address } from "./addresses.js";

const CEREMONY = 9;
const LATE = 3;

type Change = (seat: number, path: string, answer: Uint8Array) => Uint8Array;

describe("share repair", () => {
  const clock = new FakeClock();
  let identity: Awaited<ReturnType<typeof tlsIdentity>>;
  before(async () => {
    identity = await tlsIdentity(await generateTlsKey());
  });

  /** A committee of `n`, in which `change` may alter or refuse what a helper answers. */
  function world(n: number, change: Change = (_seat, _path, answer) => answer) {
    const keys = sharedKeys(n, `repair of ${n}`);
    const seats = Array.from({ length: n }, (_, i) => i + 1);
    const verificationKeys = seats.map((seat) => ({
      seat,
      g1: keys.bls.verificationKeys.get(seat) as Uint8Array,
      ed25519: keys.ed25519.verificationKeys.get(seat) as Uint8Array,
    })) satisfies VerificationKey[];
    const accounts = new Map(seats.map((seat) => [seat, address(200 + seat)]));
    const committee = {
      generation: 1,
      epoch: 2,
      quorum: quorumOf(n),
      keys: { bls: keys.bls.groupKey, ed25519: keys.ed25519.groupKey, verificationKeys },
      accounts,
    } as unknown as Committee;
    const callerOf = (seat: number): Caller => ({
      kind: "validator",
      account: accounts.get(seat) as string,
      tlsKey: identity.spki,
      by: "identity-key",
    });
    const helpers = new Map(
      seats.map((seat) => {
        const projection = new Projection();
        const office = { ceremony: BigInt(CEREMONY) };
        Object.defineProperty(projection, "office", { value: office });
        const standing = new Standing(projection);
        const signer = new Signer({
          seat,
          shares: {
            g1: (keys.blsShares.get(seat) as Uint8Array).slice(),
            ed25519: (keys.edShares.get(seat) as Uint8Array).slice(),
          },
          edKey: keys.ed25519,
          registrySeparator: new Uint8Array(32),
          identity,
          bls: nobleBls,
          nowMilliseconds: () => 0,
          expectSpeaking: () => standing.expectPlace(),
        });
        Object.assign(standing, {
          committee,
          office,
          signer,
          finalised: { number: 1, timestamp: 1 },
          silence: undefined,
          doubts: () => undefined,
        });
        return [seat, { standing, helper: new RepairHelper(standing, clock) }] as const;
      }),
    );
    /** As the network carries it: errors lose all but what they say. */
    const remote = (error: unknown): Error => {
      if (error instanceof RemoteError) return error;
      const culprits = error instanceof CryptoError ? error.culprits.join(", ") : "";
      const code = error instanceof SwarmkeepError ? error.code : "internal";
      return new RemoteError("it was refused", {
        status: 403,
        kind: "refused",
        code,
        advice: "-",
        details: { culprits },
      } as ConstructorParameters<typeof HttpError>[1]);
    };
    const peersOf = (own: number): Peers => ({
      seats: seats.filter((seat) => seat !== own),
      async post(seat, path, body) {
        const { helper } = helpers.get(seat) as { helper: RepairHelper };
        try {
          const answer =
            path === PATH.repairCommit
              ? helper.commit(body, callerOf(own))
              : path === PATH.repairPart
                ? helper.part(body, callerOf(own))
                : await helper.sum(body, callerOf(own), peersOf(seat), new AbortController().signal);
          return change(seat, path, answer);
        } catch (error) {
          throw remote(error);
        }
      },
      get: () => Promise.reject(new Error("nothing is got")),
      close: () => undefined,
    });
    const repair = () =>
      repairOwnShare({
        committee,
        ceremony: CEREMONY,
        seat: LATE,
        peers: peersOf(LATE),
        clock: { now: () => clock.now(), sleep: () => new Promise((resolve) => setImmediate(resolve)) },
        log: silentLogger,
        signal: AbortSignal.timeout(20_000),
      });
    const isShare = ({ g1: share, ed25519 }: { g1: Uint8Array; ed25519: Uint8Array }): boolean =>
      equalBytes(share, keys.blsShares.get(LATE) as Uint8Array) &&
      equalBytes(ed25519, keys.edShares.get(LATE) as Uint8Array) &&
      equalBytes(commit(g1, decodeScalar(g1, share)).toBytes(), (verificationKeys[LATE - 1] as VerificationKey).g1) &&
      equalBytes(
        commit(ed, decodeScalar(ed, ed25519)).toBytes(),
        (verificationKeys[LATE - 1] as VerificationKey).ed25519,
      );
    return { committee, helpers, callerOf, peersOf, repair, isShare };
  }

  const codeOf = async (work: () => unknown): Promise<string> => {
    try {
      await work();
      return "done";
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };

  for (const n of [4, 7, 10]) {
    it(`gives a member of ${n} its share of both keys, with the others as they are`, async () => {
      const { repair, isShare } = world(n);
      expect(isShare(await repair())).to.equal(true);
    });
  }

  it("goes on without a member that is away", async () => {
    const { repair, isShare } = world(7, (seat, _path, answer) => {
      if (seat === 5) throw new Error("it is away");
      return answer;
    });
    expect(isShare(await repair())).to.equal(true);
  });

  it("goes on without one that lies: about its commitments, its part for another helper, or its sum", async () => {
    for (const path of [PATH.repairCommit, PATH.repairPart, PATH.repairSum]) {
      const { repair, isShare } = world(7, (seat, asked, answer) => {
        if (seat !== 6 || asked !== path) return answer;
        const altered = Uint8Array.from(answer);
        altered[altered.length - 1] = (altered[altered.length - 1] as number) ^ 1;
        if (path === PATH.repairCommit) return altered;
        const { g1: share, ed25519 } = decodeSharePair(answer);
        return encodeSharePair({ g1: ed25519, ed25519: share });
      });
      expect(isShare(await repair()), path).to.equal(true);
    }
  });

  it("comes to an end although two of ten refuse their parts and accuse the honest, or answer what is no scalar", async () => {
    // The late one is the third that is faulty: t others have to be honest.
    const liars = [2, 9];
    let asked = 0;
    const { repair, isShare } = world(10, (seat, path, answer) => {
      if (path === PATH.repairSum) asked += 1;
      if (!liars.includes(seat)) return answer;
      if (path === PATH.repairPart) throw new Error("no part");
      if (path !== PATH.repairSum) return answer;
      if (seat === 9) return encodeSharePair({ ...decodeSharePair(answer), ed25519: new Uint8Array(32).fill(0xff) });
      // Another one for each, as if it had got no part from it.
      throw new RemoteError("it was refused", {
        status: 403,
        kind: "refused",
        code: "crypto-proof",
        advice: "-",
        details: { culprits: "1" },
      });
    });
    expect(isShare(await repair())).to.equal(true);
    expect(asked, "sums").to.be.at.most(7 * 12);
  });

  it("is not mixed of shares of two committees: parts are gone with the office, and orders of another one are refused", async () => {
    const { helpers, callerOf } = world(7);
    const { helper, standing } = helpers.get(1) as { helper: RepairHelper; standing: Standing };
    const order = encodeRepairOrder({
      ceremony: CEREMONY,
      late: LATE,
      helpers: [1, 2, 4, 5, 6],
      nonce: new Uint8Array(16),
    });
    helper.commit(order, callerOf(LATE));
    helper.part(order, callerOf(2));
    // The ledger has another committee in office, and this member has not come as far.
    const { office } = standing;
    Object.assign(standing, { office: { ceremony: BigInt(CEREMONY) } });
    expect(await codeOf(() => helper.part(order, callerOf(2)))).to.equal("wrong-ceremony");
    Object.assign(standing, { office, signer: (helpers.get(2) as { standing: Standing }).standing.signer });
    expect(await codeOf(() => helper.part(order, callerOf(2))), "with another share").to.equal("session-unknown");
  });

  it("is for the seat's own holder, in the committee in office, with as many helpers as sign together", async () => {
    const { helpers, callerOf } = world(7);
    const { helper, standing } = helpers.get(1) as { helper: RepairHelper; standing: Standing };
    const order: RepairOrder = {
      ceremony: CEREMONY,
      late: LATE,
      helpers: [1, 2, 4, 5, 6],
      nonce: new Uint8Array(16),
    };
    const ask = (change: Partial<RepairOrder>, seat = LATE): Promise<string> =>
      codeOf(() => helper.commit(encodeRepairOrder({ ...order, ...change }), callerOf(seat)));
    expect(await ask({}, 7)).to.equal("not-a-member");
    expect(await codeOf(() => helper.commit(encodeRepairOrder(order), { kind: "anyone" }))).to.equal("not-a-validator");
    expect(await ask({ ceremony: 8 })).to.equal("wrong-ceremony");
    for (const seats of [
      [1, 2, 4, 5],
      [1, 2, 4, 5, 6, 7],
      [1, 1, 4, 5, 6],
      [2, 1, 4, 5, 6],
      [1, 2, 3, 4, 5],
      [2, 4, 5, 6, 7],
      [1, 2, 4, 5, 9],
    ]) {
      expect(await ask({ helpers: seats }), seats.join()).to.equal("bad-request");
    }
    expect(await ask({})).to.equal("done");
    standing.doubts = () => "another process signs";
    expect(await ask({})).to.equal("place-in-doubt");
  });

  it("a part goes to the helper that it is for, and sums are of one order alone", async () => {
    const { helpers, callerOf, peersOf } = world(7);
    const { helper } = helpers.get(1) as { helper: RepairHelper };
    const order: RepairOrder = { ceremony: CEREMONY, late: LATE, helpers: [1, 2, 4, 5, 6], nonce: new Uint8Array(16) };
    const asked = encodeRepairOrder(order);
    expect(await codeOf(() => helper.part(asked, callerOf(2))), "before it is begun").to.equal("session-unknown");
    helper.commit(asked, callerOf(LATE));
    expect(await codeOf(() => helper.part(asked, callerOf(LATE))), "for the late member").to.equal("not-a-member");
    expect(await codeOf(() => helper.part(asked, callerOf(7))), "for who does not help").to.equal("not-a-member");
    const [second, fourth] = [helper.part(asked, callerOf(2)), helper.part(asked, callerOf(4))];
    expect(second).not.to.deep.equal(fourth);
    const other = encodeRepairOrder({ ...order, helpers: [1, 2, 4, 5, 7] });
    expect(await codeOf(() => helper.part(other, callerOf(2))), "of another order").to.equal("session-unknown");

    // Another order takes the place of the first, whose parts are gone; and time does the same.
    const sum = encodeSumRequest({ order, commitments: [{ g1: [new Uint8Array(48)], ed25519: [new Uint8Array(32)] }] });
    helper.commit(encodeRepairOrder({ ...order, nonce: new Uint8Array(16).fill(1) }), callerOf(LATE));
    const { signal } = new AbortController();
    expect(await codeOf(() => helper.sum(sum, callerOf(LATE), peersOf(1), signal))).to.equal("session-unknown");
    helper.commit(asked, callerOf(LATE));
    await clock.advance(61_000);
    expect(await codeOf(() => helper.part(asked, callerOf(2)))).to.equal("session-unknown");
  });

  it("is summed eight times at once, and then once in two seconds, however often it is asked for", async () => {
    const { helpers, callerOf } = world(4);
    const { helper } = helpers.get(1) as { helper: RepairHelper };
    const order = { ceremony: CEREMONY, late: LATE, helpers: [1, 2, 4], nonce: new Uint8Array(16) };
    helper.commit(encodeRepairOrder(order), callerOf(LATE));
    const commitments = [{ g1: [new Uint8Array(48)], ed25519: [new Uint8Array(32)] }];
    const codes = [];
    for (let i = 0; i < 10; i++) {
      const body = encodeSumRequest({ order, commitments });
      const peers = {} as Peers;
      codes.push(await codeOf(() => helper.sum(body, callerOf(LATE), peers, new AbortController().signal)));
    }
    expect(codes.filter((code) => code === "too-many-requests")).to.have.length(2);
    expect(codes.slice(-2)).to.deep.equal(["too-many-requests", "too-many-requests"]);
  });

  it("is begun eight times at once, and then one in two seconds", async () => {
    const { helpers, callerOf } = world(4);
    const { helper } = helpers.get(1) as { helper: RepairHelper };
    const codes = [];
    for (let i = 0; i < 10; i++) {
      const nonce = new Uint8Array(16).fill(i);
      const order = encodeRepairOrder({ ceremony: CEREMONY, late: LATE, helpers: [1, 2, 4], nonce });
      codes.push(await codeOf(() => helper.commit(order, callerOf(LATE))));
    }
    expect(codes).to.deep.equal([...Array.from({ length: 8 }, () => "done"), "too-many-requests", "too-many-requests"]);
  });
});

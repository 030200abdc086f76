import { expect } from "chai";
import { zeroPadValue } from "ethers";

import { INTERFACES } from "../../src/ledger/contracts.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import type { LedgerSource } from "../../src/ledger/source.js";
import { Projection } from "../../src/ledger/projection.js";
import { candidateWeight } from "../../src/protocol/weight.js";
import { silentLogger } from "../../src/runtime/log.js";
import { deviceOperator } from "../../src/statements/device-operator.js";
import { packClasses } from "../../src/statements/classes.js";
import type { RepeatedCall, RepeatedSender } from "../../src/validator/repeated-sender.js";
import { RotationRunner, isMeasuring, rotationPhase, staleRanks } from "../../src/validator/rotation.js";
import { type FinalisedBlock, Standing } from "../../src/validator/standing.js";
import { context } from "./est-world.js";

const ETHER = 10n ** 18n;
const office = { epoch: 4n, ceremony: 4n };

/** A projection as far as the phase of a turn depends on it. */
function at(facts: {
  readonly head?: bigint;
  readonly probationHead?: bigint;
  readonly turn?: { readonly epoch: bigint; readonly beacon?: object };
  readonly ceremonies?: readonly (readonly [bigint, readonly string[]])[];
}): Projection {
  const { head = 0n, probationHead, turn, ceremonies = [[4n, ["Activated"]]] } = facts;
  return {
    office,
    takeoverOf: () => ({ office, before: undefined, blockNumber: 1, probationHead }),
    latestHead: { number: head },
    rotation: { latest: turn },
    ceremonies: new Map(ceremonies.map(([id, names]) => [id, names.map((name) => ({ name }))])),
  } as unknown as Projection;
}

describe("where a turn stands", () => {
  const drawn = { epoch: 5n, beacon: {} };

  it("a committee serves until a turn to the next epoch is frozen, and one of before counts no more", () => {
    expect(rotationPhase(at({}))).to.equal("serving");
    expect(rotationPhase(at({ turn: { epoch: 4n, beacon: {} } }))).to.equal("serving");
    expect(rotationPhase(at({ turn: { epoch: 5n } }))).to.equal("frozen");
  });

  it("with the beacon the handover is to be started, and then under way", () => {
    expect(rotationPhase(at({ turn: drawn }))).to.equal("drawn");
    const underWay = [[4n, ["Activated"]] as const, [5n, ["CeremonyStarted"]] as const];
    expect(rotationPhase(at({ turn: drawn, ceremonies: underWay }))).to.equal("resharing");
  });

  it("a committee that failed its probation left a ceremony that is over: the next handover is to be started", () => {
    const failed = [[4n, ["Activated"]] as const, [5n, ["CeremonyStarted", "Activated"]] as const];
    expect(rotationPhase(at({ turn: drawn, ceremonies: failed }))).to.equal("drawn");
  });

  it("a new committee is on probation until its head is posted", () => {
    expect(rotationPhase(at({ head: 11n, probationHead: 12n }))).to.equal("probation");
    expect(rotationPhase(at({ head: 12n, probationHead: 12n }))).to.equal("serving");
  });
});

describe("a probation", () => {
  /** How it stands after these events, one after another. */
  function after(...events: readonly (readonly [contract: string, name: string, args: object])[]) {
    const projection = new Projection();
    for (const [logIndex, [contract, name, args]] of events.entries()) {
      projection.apply({
        contract,
        name,
        args,
        blockNumber: 1,
        transactionHash: "0x",
        logIndex,
      } as unknown as LedgerEvent);
    }
    const { office } = projection;
    return { phase: rotationPhase(projection), before: office && projection.takeoverOf(office)?.before?.epoch };
  }

  const taken = (epoch: bigint) => ["groupKeys", "OfficeTaken", { generation: 1n, epoch, ceremony: epoch }] as const;
  const began = ["groupKeys", "ProbationBegan", { epoch: 2n, head: 12n, until: 9n }] as const;
  const head = (number: bigint) => ["revocations", "HeadPosted", { number }] as const;

  it("begins with the ledger's word, keeps the committee before in mind, and ends with the head that is owed", () => {
    expect(after(taken(1n))).to.deep.equal({ phase: "serving", before: undefined });
    expect(after(taken(1n), head(10n), taken(2n), began)).to.deep.equal({ phase: "probation", before: 1n });
    expect(after(taken(1n), head(10n), taken(2n), began, head(11n)).phase).to.equal("probation");
    expect(after(taken(1n), head(10n), taken(2n), began, head(11n), head(12n)).phase).to.equal("serving");
  });

  it("is none where office went back", () => {
    const reverted = ["groupKeys", "OfficeReverted", { failed: 2n }] as const;
    expect(after(taken(1n), taken(2n), began, reverted, taken(3n)).phase).to.equal("serving");
  });
});

describe("weights that are out of date", () => {
  const [account, other] = ["0x01", "0x02"].map((byte) => zeroPadValue(byte, 20)) as [string, string];
  const event = (contract: string, name: string, args: object): LedgerEvent =>
    ({ contract, name, args, blockNumber: 1, transactionHash: "0x", logIndex: 0 }) as unknown as LedgerEvent;

  /** Two candidates of twice the minimum stake, whose weights are as they should be. */
  function weighed(...events: readonly LedgerEvent[]): Projection {
    const projection = new Projection();
    projection.apply(event("anchor", "GenesisAccepted", { meshId: "0x", parameters: { minimumStake: ETHER } }));
    for (const each of [account, other]) {
      projection.apply(event("registry", "ValidatorAdmitted", { account: each, operator: "0x" }));
      projection.apply(event("registry", "ValidatorRegistered", { account: each, stake: 2n * ETHER }));
    }
    expect(staleRanks(projection)).to.deep.equal([0, 1]);
    const weight = BigInt(candidateWeight(projection.weightInputsOf(0, projection.member(account))).weight);
    for (const [rank, each] of [account, other].entries()) {
      projection.apply(event("rotation", "WeightChanged", { rank: BigInt(rank), account: each, weight }));
    }
    expect(staleRanks(projection)).to.deep.equal([]);
    for (const each of events) projection.apply(each);
    return projection;
  }

  it("are those of candidates whose stake changed, who left, who are in jail, or who have too little left", () => {
    for (const [name, args] of [
      ["StakeAdded", { stake: 3n * ETHER }],
      ["ExitStarted", { withdrawable: 9n }],
      ["Jailed", { until: 9n }],
      ["Slashed", { stake: ETHER / 2n - 1n, amount: 1n, offence: 0n }],
    ] as const) {
      expect(staleRanks(weighed(event("registry", name, { account, ...args }))), name).to.deep.equal([0]);
    }
  });

  it("are those of gateways that were revoked or held, until they are released", () => {
    const operator = deviceOperator(258);
    const admitted = event("registry", "ValidatorAdmitted", { account, operator });
    const entries = `0x${"00000001"}${"4".padStart(64, "0")}`;
    const held = event("revocations", "Held", { fleetId: 1n, entries });
    const released = event("revocations", "Released", { fleetId: 1n, entries });
    const other = event("revocations", "Held", { fleetId: 1n, entries: entries.replace(/4$/, "8") });
    expect(staleRanks(weighed(admitted, other))).to.deep.equal([]);
    expect(staleRanks(weighed(admitted, held))).to.deep.equal([0]);
    expect(staleRanks(weighed(admitted, held, released))).to.deep.equal([]);
    expect(staleRanks(weighed(admitted, event("revocations", "Revoked", { entries, reason: 1n })))).to.deep.equal([0]);
  });

  it("are brought up to date before the epoch ends; one that changes again and again does not hold up its end", async () => {
    const since = 1_000;
    const parameters = { minimumStake: ETHER, epochSeconds: 40n, phaseSeconds: 8n, committeeSize: 1n };
    const projection = weighed(event("registry", "StakeAdded", { account, stake: 3n * ETHER }));
    projection.apply(event("anchor", "GenesisAccepted", { meshId: "0x", parameters }));
    const taken = { generation: 1n, epoch: 1n, ceremony: 1n, committee: [account] };
    projection.apply(event("groupKeys", "OfficeTaken", taken));
    const sent: string[] = [];
    const runner = new RotationRunner({
      context,
      standing: new Standing(projection),
      source: { block: async () => ({ timestamp: since }) } as unknown as LedgerSource,
      calls: {
        address: account,
        send: ({ data }: RepeatedCall) => sent.push(INTERFACES.rotation.parseTransaction({ data })?.name ?? ""),
      } as unknown as RepeatedSender,
      voting: () => undefined,
      turnSeconds: 3,
      log: silentLogger,
    });
    for (const after of [10, 30, 47, 48]) {
      await runner.advance({ number: 1, timestamp: since + after } as unknown as FinalisedBlock);
    }
    expect(sent).to.deep.equal(["refresh", "refresh", "freeze"]);
  });

  it("are those of candidates whose quality or reputation was measured", () => {
    const opening = { epoch: 1n, commitDeadline: 1n, revealDeadline: 2n, first: 0n, sampled: 2n };
    const opened = event("measurement", "RoundOpened", opening);
    const result = { epoch: 1n, reports: 14n, isMeasured: true, qualities: packClasses([0, 9]), participation: 0n };
    expect(staleRanks(weighed(opened, event("measurement", "RoundSettled", result)))).to.deep.equal([1]);
    const failed = { ...result, isMeasured: false };
    expect(staleRanks(weighed(opened, event("measurement", "RoundSettled", failed)))).to.deep.equal([]);
    const credit = { account, epoch: 1n, participated: 15n, score: 12n };
    expect(staleRanks(weighed(event("reputation", "Credited", credit)))).to.deep.equal([0]);
  });

  it("wait for a round of measurements that is under way until its members are credited, and for no other", () => {
    const taken = { epoch: 1n, generation: 1n, ceremony: 1n, committee: [account], verificationRoot: "0x" };
    const opening = { commitDeadline: 1n, revealDeadline: 2n, first: 0n, sampled: 2n };
    const result = { epoch: 1n, reports: 14n, isMeasured: true, qualities: 0n, participation: 0n };
    const projection = weighed(event("groupKeys", "OfficeTaken", taken));
    const after = (...events: readonly LedgerEvent[]): boolean => {
      for (const each of events) projection.apply(each);
      return isMeasuring(projection);
    };
    expect(after()).to.equal(false);
    expect(after(event("measurement", "RoundOpened", { epoch: 0n, ...opening })), "of another epoch").to.equal(false);
    expect(after(event("measurement", "RoundOpened", { epoch: 1n, ...opening }))).to.equal(true);
    expect(after(event("measurement", "RoundSettled", { ...result, isMeasured: false })), "failed").to.equal(false);
    expect(after(event("measurement", "RoundSettled", result))).to.equal(true);
    const credit = { account, epoch: 1n, participated: 15n, score: 12n };
    expect(after(event("reputation", "Credited", credit))).to.equal(false);
  });
});

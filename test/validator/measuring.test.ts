/** A member's part in rounds of measurements: what it writes, sends and does not send, over restarts and for others. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { ZeroAddress, hexlify, zeroPadValue } from "ethers";

import { INTERFACES } from "../../src/ledger/contracts.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import type { LedgerSource } from "../../src/ledger/source.js";
import { MemberServers } from "../../src/net/member-servers.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { commitmentOf, decodeReport } from "../../src/protocol/measurement-round.js";
import { Participation } from "../../src/protocol/participation.js";
import { FakeClock } from "../../src/runtime/clock.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { type Logger, silentLogger } from "../../src/runtime/log.js";
import { createMetrics } from "../../src/runtime/metrics.js";
import { LIGHT_KDF, type Sealer, openSealer } from "../../src/runtime/sealed-file.js";
import { countCeremony } from "../../src/validator/duties.js";
import { MeasuringRunner } from "../../src/validator/measuring.js";
import type { MemberChannel } from "../../src/validator/peers.js";
import { probeMetrics } from "../../src/validator/probing.js";
import type { RepeatedCall, RepeatedSender } from "../../src/validator/repeated-sender.js";
import { type FinalisedBlock, Standing } from "../../src/validator/standing.js";
import { scratchFolder } from "../runtime/scratch.js";
import { address } from "./addresses.js";
import { context } from "./est-world.js";

const MEMBERS = [101, 102, 103, 104].map(address);
const OWN = MEMBERS[0] as string;
const SEAT = 1;
const START = Date.UTC(2026, 0, 1) / 1000;
/** Commits come from half of the epoch on. */
const EPOCH_SECONDS = 40;
const HALF = START + 20;

interface Sent {
  readonly name: string;
  readonly values: readonly unknown[];
}

describe("a member's part in a round of measurements", () => {
  let projection: Projection;
  let standing: Standing;
  let clock: FakeClock;
  let sealer: Sealer;
  let path: string;
  let channel: MemberChannel;
  let sent: Sent[];
  let probed: () => void;
  const runners: MeasuringRunner[] = [];

  let block = 0;
  const apply = (contract: string, name: string, args: object): void =>
    projection.apply({ contract, blockNumber: (block += 1), name, args } as unknown as LedgerEvent);

  function takeOffice(epoch: number, ceremony: number, members = MEMBERS): void {
    const root = hexlify(new Uint8Array(32).fill(3));
    const office = { generation: 1n, epoch: BigInt(epoch), ceremony: BigInt(ceremony), verificationRoot: root };
    apply("groupKeys", "OfficeTaken", { ...office, committee: members });
    const accounts = new Map(members.map((account, i) => [i + 1, account]));
    Object.assign(standing, { committee: { epoch, accounts }, signer: { seat: SEAT } });
  }

  function runner(): MeasuringRunner {
    const log = { ...silentLogger, debug: () => undefined, warn: () => undefined, info: tell } as unknown as Logger;
    function tell(_: object, message: string): void {
      if (message === "candidates probed") probed();
    }
    const calls = {
      address: OWN,
      send({ data }: RepeatedCall) {
        const contracts = [INTERFACES.measurement, INTERFACES.reputation, INTERFACES.rewards];
        const parsed = contracts.map((contract) => contract.parseTransaction({ data })).find((one) => one !== null);
        sent.push({ name: parsed?.name ?? "", values: [...(parsed?.args ?? [])] });
      },
    } as unknown as RepeatedSender;
    const running = new MeasuringRunner({
      context,
      standing,
      source: { block: async () => ({ timestamp: START }) } as unknown as LedgerSource,
      calls,
      sealer,
      path,
      channel,
      office: () => ({ participation: new Participation([2, 3, 4]) }),
      turnSeconds: 3,
      metrics: probeMetrics(createMetrics(false)),
      clock,
      log,
    });
    runners.push(running);
    return running;
  }

  const at = (timestamp: number): FinalisedBlock => ({ number: 1, timestamp }) as FinalisedBlock;

  /** A runner that has probed, as far as the middle of the epoch. Nobody listens where the members should be. */
  async function measured(): Promise<MeasuringRunner> {
    const running = runner();
    const done = new Promise<void>((resolve) => (probed = resolve));
    await running.advance(at(START));
    await clock.advance(1000 * (HALF - START));
    await done;
    return running;
  }

  const open = (epoch = 1): void =>
    apply("measurement", "RoundOpened", {
      epoch: BigInt(epoch),
      commitDeadline: BigInt(HALF + 8),
      revealDeadline: BigInt(HALF + 16),
      first: 0n,
      sampled: BigInt(MEMBERS.length),
    });
  const commit = (seat: number): void =>
    apply("measurement", "ReportCommitted", { epoch: 1n, seat: BigInt(seat), commitment: "" });
  const settle = (isMeasured: boolean, participation = 0xfffn): void =>
    apply("measurement", "RoundSettled", { epoch: 1n, reports: 0n, isMeasured, qualities: 0n, participation });

  before(async () => {
    const folder = await scratchFolder();
    sealer = await openSealer(join(folder, "seal.json"), "correct horse", LIGHT_KDF);
    path = join(folder, "report.sealed");
    const { key, certificate } = await tlsIdentity(await generateTlsKey());
    const trusted = { trust: () => undefined, nowSeconds: () => 0, signatures: nativeSignatures, bareAfterEnd: true };
    const credentials = { key, chain: [certificate] };
    channel = { credentials: () => credentials, servers: new MemberServers(trusted) };
  });
  beforeEach(async () => {
    await rm(path, { force: true });
    projection = new Projection();
    standing = new Standing(projection);
    clock = new FakeClock(1000 * START);
    sent = [];
    const parameters = { epochSeconds: BigInt(EPOCH_SECONDS), phaseSeconds: 8n, probesPerEpoch: 1n, rewardBps: 100n };
    apply("anchor", "GenesisAccepted", { meshId: hexlify(context.meshId), parameters });
    for (const [i, account] of MEMBERS.entries()) {
      const tlsPin = zeroPadValue(account, 32);
      apply("registry", "ValidatorAdmitted", { account, operator: account });
      const contact = { tlsPin, endpoint: `127.0.0.1:${i + 1}`, scope: "", blsKey: {} };
      apply("registry", "ValidatorRegistered", { account, stake: 1n, ...contact });
    }
    takeOffice(1, 1);
  });
  afterEach(() => {
    for (const running of runners.splice(0)) running.close();
  });

  it("writes its report before it commits to it, and after a restart gives the same one", async () => {
    const first = await measured();
    expect(sent).to.deep.equal([]);
    await first.advance(at(HALF + 4));
    expect(sent.map(({ name }) => name)).to.deep.equal(["commitReport"]);
    const report = decodeReport(await sealer.read(path, "measurement report"));
    expect(report).to.deep.include({ epoch: 1, sample: { first: 0, sampled: 4 }, qualities: [0, 0, 0, 0] });
    const commitment = hexlify(commitmentOf(report, new Uint8Array(Buffer.from(OWN.slice(2), "hex"))));
    expect(sent[0]?.values).to.deep.equal([1n, commitment]);
    first.close();

    const second = runner();
    await second.advance(at(HALF + 5));
    expect(sent[1]).to.deep.equal(sent[0]);
    open();
    commit(SEAT);
    await second.advance(at(HALF + 6));
    expect(sent, "others may still commit").to.have.length(2);
    await second.advance(at(HALF + 9));
    expect(sent[2]?.name).to.equal("revealReport");
    expect(sent[2]?.values.at(-1)).to.equal(hexlify(report.salt));
  });

  it("probes once where a report is due and it has seen nobody: after a restart, or in a round that began early", async () => {
    for (const isEarly of [false, true]) {
      const running = runner();
      const done = new Promise<void>((resolve) => (probed = resolve));
      if (isEarly) open();
      else await clock.advance(1000 * (HALF + 1 - START));
      await running.advance(at(isEarly ? START + 11 : HALF + 4));
      expect(sent).to.deep.equal([]);
      await done;
      await running.advance(at(isEarly ? START + 12 : HALF + 5));
      expect(sent.splice(0).map(({ name }) => name)).to.deep.equal(["commitReport"]);
      await rm(path);
      clock.set(1000 * START);
    }
  });

  it("says nothing where it is not in office", async () => {
    Object.assign(standing, { signer: undefined });
    await runner().advance(at(HALF + 4));
    expect(sent).to.deep.equal([]);
  });

  it("commits no later than it sees that the round has begun, and reveals nothing of another sample", async () => {
    const running = await measured();
    open();
    await running.advance(at(HALF));
    expect(sent.map(({ name }) => name)).to.deep.equal(["commitReport"]);
    apply("measurement", "RoundOpened", {
      epoch: 1n,
      commitDeadline: BigInt(HALF + 8),
      revealDeadline: BigInt(HALF + 16),
      first: 64n,
      sampled: 4n,
    });
    commit(SEAT);
    await running.advance(at(HALF + 9));
    expect(sent).to.have.length(1);
  });

  it("goes on without a report whose file was damaged, and writes the next one in its place", async () => {
    await writeFile(path, "{}");
    const running = await measured();
    await running.advance(at(HALF + 4));
    expect(sent.map(({ name }) => name)).to.deep.equal(["commitReport"]);
    expect(decodeReport(await sealer.read(path, "measurement report")).epoch).to.equal(1);
  });

  it("settles, credits and pays in its turn, also for the epoch before, and then rests", async () => {
    const running = runner();
    open();
    for (const seat of [1, 2, 3]) commit(seat);
    apply("rewards", "PaidIn", { payer: OWN, grantId: 1n, amount: 10n ** 18n, unallotted: 10n ** 18n });
    // Of seats 1 to 4 in epoch 1, the second one is first.
    await running.advance(at(HALF + 17));
    expect(sent.map(({ name }) => name)).to.deep.equal([]);
    await running.advance(at(HALF + 17 + 9));
    expect(sent.map(({ name }) => name)).to.deep.equal(["settle"]);
    expect(sent[0]?.values).to.deep.equal([1n, MEMBERS]);

    settle(true);
    takeOffice(2, 2);
    // In epoch 2 two are before it.
    for (const later of [30, 36]) await running.advance(at(HALF + later));
    expect(sent.at(-1)?.name).to.equal("credit");
    for (const account of MEMBERS)
      apply("reputation", "Credited", { account, epoch: 1n, participated: 15n, score: 12n });
    for (const later of [40, 46]) await running.advance(at(HALF + later));
    expect(sent.at(-1)).to.deep.equal({ name: "allot", values: [1n, MEMBERS] });
    apply("rewards", "Earned", { account: OWN, epoch: 1n, amount: 1n });
    const before = sent.length;
    for (const later of [50, 60]) await running.advance(at(HALF + later));
    expect(sent).to.have.length(before);
  });

  it("leaves alone what changed nothing, and a round that was not settled before the next one began", async () => {
    const running = runner();
    open();
    settle(false);
    for (const later of [20, 40]) await running.advance(at(HALF + later));
    expect(sent).to.deep.equal([]);

    takeOffice(2, 2);
    open(2);
    takeOffice(3, 3);
    open(3);
    for (const later of [50, 60]) await running.advance(at(HALF + later));
    expect(sent.map(({ name, values }) => [name, values[0]])).to.deep.equal([["settle", 3n]]);
  });

  it("counts the dealings that a handover owed, and the acknowledgements that came", () => {
    const ceremony = (name: string, args: object): void =>
      apply("ceremony", name, { ceremony: 2n, attempt: 1n, ...args });
    ceremony("CeremonyStarted", { kind: 1n });
    // In an attempt that failed.
    ceremony("Dealt", { attempt: 0n, dealer: 3n });
    for (const dealer of [1n, 2n]) ceremony("Dealt", { dealer });
    for (const receiver of [2n, 3n]) ceremony("Acknowledged", { receiver });
    ceremony("Activated", {});
    takeOffice(2, 2, [...MEMBERS.slice(0, 3), ZeroAddress]);
    const seen = new Participation([1, 2, 3, 4]);
    if (projection.office !== undefined) countCeremony(seen, projection, projection.office);
    expect([1, 2, 3, 4].map((seat) => seen.classOf(seat))).to.deep.equal([15, 15, 8, 0]);
  });
});

import { expect } from "chai";
import { AbiCoder, ZeroHash, getBytes, keccak256 } from "ethers";

import { sampleOf } from "../../src/protocol/measurement-round.js";
import { candidateWeight } from "../../src/protocol/weight.js";
import { packClasses as packed, unpackClasses as unpacked } from "../../src/statements/classes.js";
import { MINIMUM_OPEN_COMMITTEE, quorumOf } from "../../src/statements/quorum.js";
import {
  FAR,
  PARAMETERS,
  addressBytes,
  connection,
  deployMesh,
  gasOf,
  genesisOf,
  officeOf,
  opened,
  submit,
  word,
} from "./mesh.js";
import {
  EPOCH,
  SALT,
  commitmentOf,
  contractsOf,
  hold,
  member,
  type Measured,
  type View,
} from "./measurement-fixture.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, takeSnapshot, time } = networkHelpers;

/** A commitment, a report, and the round's end for eight candidates, by four members. */
const CEILING = { commit: 170_000n, reveal: 110_000n, settle: 200_000n };

const PHASE = { none: 0n, commit: 1n, reveal: 2n, settle: 3n, settled: 4n };
const POOL = 10n ** 18n;

async function measured() {
  return contractsOf(await opened());
}

function classes(count: number, value: number): number[] {
  return Array.from({ length: count }, () => value);
}

const ALL_GOOD: View = { qualities: [15, 15, 15, 15, 15, 15, 15, 15], participation: [15, 15, 15, 15] };

function all(view: View): Map<number, View> {
  return new Map([1, 2, 3, 4].map((seat) => [seat, view]));
}

async function qualities({ measurement }: Measured): Promise<number[]> {
  return Promise.all(Array.from({ length: 8 }, async (_, rank) => Number(await measurement.qualityOf(rank))));
}

describe("Measurement", () => {
  it("moves each candidate half of the way to what the median saw, within its gas; nobody waits for who is there", async () => {
    const fixture = await loadFixture(measured);
    const { mesh, measurement, committee } = fixture;
    const own = member(mesh, 1);
    const view = packed(ALL_GOOD.qualities);
    const part = packed(ALL_GOOD.participation);
    expect(
      await gasOf(measurement.connect(own).commitReport(EPOCH, commitmentOf(own.address, view, part))),
    ).to.be.at.most(CEILING.commit);
    for (const seat of [2, 3, 4]) {
      const { address } = member(mesh, seat);
      await measurement.connect(member(mesh, seat)).commitReport(EPOCH, commitmentOf(address, view, part));
    }
    for (const seat of [1, 2, 3, 4]) {
      const sent = measurement.connect(member(mesh, seat)).revealReport(EPOCH, view, part, SALT);
      expect(await gasOf(sent)).to.be.at.most(CEILING.reveal);
    }
    const sent = measurement.settle(EPOCH, committee);
    await expect(sent)
      .to.emit(measurement, "RoundSettled")
      .withArgs(EPOCH, 0b11110n, true, packed(classes(8, 8)), part);
    expect(await gasOf(sent)).to.be.at.most(CEILING.settle);
    expect(await qualities(fixture)).to.deep.equal(classes(8, 8));
  });

  it("counts every report: no colluding minority moves a class beyond what the honest saw", async () => {
    const honest: View = { qualities: [3, 4, 5, 6, 7, 8, 9, 10], participation: [10, 10, 10, 10] };
    for (const lie of [0, 15]) {
      const fixture = await loadFixture(measured);
      const liar: View = { qualities: classes(8, lie), participation: classes(4, lie) };
      await hold(fixture, all(honest).set(4, liar));
      const [, participation] = await fixture.measurement.participation(EPOCH);
      // From class 0, half of the way up.
      expect(await qualities(fixture)).to.deep.equal(honest.qualities.map((value) => Math.floor((value + 1) / 2)));
      expect(unpacked(participation, 4)).to.deep.equal(honest.participation);
    }
  });

  it("takes nobody's word on itself", async () => {
    const fixture = await loadFixture(measured);
    const honest: View = { qualities: [2, 2, 2, 2, 2, 2, 2, 2], participation: [4, 4, 4, 4] };
    const vain: View = { qualities: [15, 2, 2, 2, 2, 2, 2, 2], participation: [15, 4, 4, 4] };
    await hold(fixture, all(honest).set(1, vain));
    expect((await qualities(fixture))[0]).to.equal(1);
  });

  it("is held with f members away, who count towards f, and by the others' median also then", async () => {
    const fixture = await loadFixture(measured);
    const { measurement } = fixture;
    const view: View = { qualities: [15, 13, 11, 9, 7, 5, 3, 1], participation: [15, 15, 15, 0] };
    await hold(fixture, new Map([1, 2, 3].map((seat) => [seat, view])));
    expect(await qualities(fixture)).to.deep.equal([8, 7, 6, 5, 4, 3, 2, 1]);
    expect(unpacked((await measurement.participation(EPOCH)).classes, 4)).to.deep.equal(view.participation);
  });

  it("changes nothing with fewer than n - f reports: no class, no reputation, no reward", async () => {
    const fixture = await loadFixture(measured);
    const { measurement, reputation, pool, committee } = fixture;
    await pool.payIn(1n, { value: POOL });
    await expect(hold(fixture, new Map([1, 2].map((seat) => [seat, ALL_GOOD]))))
      .to.emit(measurement, "RoundSettled")
      .withArgs(EPOCH, 0b110n, false, 0n, 0n);
    expect(await qualities(fixture)).to.deep.equal(classes(8, 0));
    expect((await measurement.participation(EPOCH)).isMeasured).to.equal(false);
    for (const call of [() => reputation.credit(EPOCH, committee), () => pool.allot(EPOCH, committee)]) {
      await expect(call()).to.be.revertedWithCustomError(reputation, "NotMeasured").withArgs(EPOCH);
    }
  });

  it("leaves a quarter of the epoch for probing, and says from when a round may begin", async () => {
    const mesh = await loadFixture(opened);
    const measurement = await ethers.getContractAt("Measurement", await mesh.rotation.measurement());
    const from = (await mesh.groupKeys.since()) + BigInt(PARAMETERS.epochSeconds / 4);
    const own = measurement.connect(member(mesh, 1));
    await time.setNextBlockTimestamp(from - 1n);
    await expect(own.commitReport(EPOCH, SALT))
      .to.be.revertedWithCustomError(measurement, "TooEarly")
      .withArgs(EPOCH, from);
    await time.setNextBlockTimestamp(from);
    await own.commitReport(EPOCH, SALT);
  });

  it("measures all of up to 64 candidates, and of more an aligned 64 that the new shares choose", async () => {
    for (const [nonce, candidates] of [
      [4n, 64],
      [5n, 127],
    ] as const) {
      const mesh = await deployMesh(connection, nonce);
      const founders = mesh.members.map(({ address }) => address);
      const accounts = [
        ...founders,
        ...Array.from({ length: candidates }, (_, i) => `0x${word(0x10000 + i).slice(-40)}`),
      ];
      const members = accounts.slice(0, candidates).map((account, i) => ({ account, operator: word(i + 1) }));
      await submit(mesh, await genesisOf(mesh, {}, { members }));
      const measurement = await ethers.getContractAt("Measurement", await mesh.rotation.measurement());
      const foretold = measurement.sampleOf(EPOCH);
      await expect(foretold).to.be.revertedWithCustomError(measurement, "NotThisEpoch").withArgs(EPOCH, 0n);

      await mesh.ceremony.install(officeOf(mesh));
      const seed = AbiCoder.defaultAbiCoder().encode(["bytes32", "uint64"], [officeOf(mesh).verificationRoot, EPOCH]);
      const first = Number(BigInt(keccak256(seed)) % BigInt(Math.ceil(candidates / 64))) * 64;
      const sample = [first, Math.min(64, candidates - first)].map(BigInt);
      expect(await measurement.sampleOf(EPOCH)).to.deep.equal(sample);
      const offLedger = sampleOf(candidates, getBytes(officeOf(mesh).verificationRoot), EPOCH);
      expect([offLedger.first, offLedger.sampled].map(BigInt), "as members compute it").to.deep.equal(sample);
      await time.increase(PARAMETERS.epochSeconds / 4);
      await measurement.connect(member(mesh, 1)).commitReport(EPOCH, SALT);

      // Whoever joins when the round has begun changes nothing any more.
      const [account, operator] = [mesh.stranger.address, word(1_000)];
      const values = { account: addressBytes(account), operator: getBytes(operator), expiry: FAR };
      await mesh.registry.admit(account, operator, FAR, await mesh.swarmSign(mesh.registry, "Admission", values));
      expect(await measurement.sampleOf(EPOCH)).to.deep.equal(sample);
    }
  });

  it("keeps a report secret until all are given: a commitment counts for its author, epoch and salt alone", async () => {
    const { mesh, measurement } = await loadFixture(measured);
    const [one, two] = [member(mesh, 1), member(mesh, 2)];
    const commitment = commitmentOf(one.address, 5n, 5n);
    await measurement.connect(one).commitReport(EPOCH, commitment);
    await measurement.connect(two).commitReport(EPOCH, commitment);
    await time.increase(PARAMETERS.phaseSeconds);
    await measurement.connect(one).revealReport(EPOCH, 5n, 5n, SALT);
    await expect(measurement.connect(two).revealReport(EPOCH, 5n, 5n, SALT))
      .to.be.revertedWithCustomError(measurement, "WrongReport")
      .withArgs(EPOCH, 2n, commitment);
    // A commitment that was made in an earlier round for this one is none.
    await expect(measurement.connect(member(mesh, 3)).revealReport(EPOCH, 5n, 5n, SALT))
      .to.be.revertedWithCustomError(measurement, "WrongReport")
      .withArgs(EPOCH, 3n, ZeroHash);
  });

  it("refuses calls that are early, late, repeated, foreign or of another epoch, naming what it expects", async () => {
    const fixture = await loadFixture(measured);
    const { mesh, measurement, committee } = fixture;
    const own = measurement.connect(member(mesh, 1));
    const refused = (call: Promise<unknown>, error: string, ...args: unknown[]) =>
      expect(call)
        .to.be.revertedWithCustomError(measurement, error)
        .withArgs(...args);
    await refused(measurement.settle(EPOCH, committee), "WrongPhase", EPOCH, PHASE.none, PHASE.settle);
    await refused(own.revealReport(EPOCH, 1n, 1n, SALT), "WrongPhase", EPOCH, PHASE.none, PHASE.reveal);
    await refused(own.commitReport(2n, SALT), "NotThisEpoch", 2n, EPOCH);
    await refused(own.commitReport(0n, SALT), "NotThisEpoch", 0n, EPOCH);
    const { stranger } = mesh;
    await refused(measurement.connect(stranger).commitReport(EPOCH, SALT), "NotInOffice", stranger.address);

    await own.commitReport(EPOCH, commitmentOf(member(mesh, 1).address, 1n, 1n));
    await refused(own.commitReport(EPOCH, SALT), "AlreadyDone", EPOCH, 1n);
    await refused(own.revealReport(EPOCH, 1n, 1n, SALT), "WrongPhase", EPOCH, PHASE.commit, PHASE.reveal);
    await time.increase(PARAMETERS.phaseSeconds);
    const late = measurement.connect(member(mesh, 2)).commitReport(EPOCH, SALT);
    await refused(late, "WrongPhase", EPOCH, PHASE.reveal, PHASE.commit);
    await refused(measurement.settle(EPOCH, committee), "WrongPhase", EPOCH, PHASE.reveal, PHASE.settle);
    await own.revealReport(EPOCH, 1n, 1n, SALT);
    const hash = keccak256(AbiCoder.defaultAbiCoder().encode(["address[]"], [committee]));
    await refused(measurement.settle(EPOCH, committee.slice(1)), "WrongCommittee", EPOCH, hash);
    await measurement.settle(EPOCH, committee);
    await refused(measurement.settle(EPOCH, committee), "WrongPhase", EPOCH, PHASE.settled, PHASE.settle);
  });

  it("is settled also after the committee left office, until the next one's round begins, which writes over its reports", async () => {
    const fixture = await loadFixture(measured);
    const { mesh, measurement, committee } = fixture;
    const own = measurement.connect(member(mesh, 1));
    await own.commitReport(EPOCH, commitmentOf(member(mesh, 1).address, 1n, 1n));
    await mesh.ceremony.install(officeOf(mesh, 2n));
    await expect(own.revealReport(EPOCH, 1n, 1n, SALT))
      .to.be.revertedWithCustomError(measurement, "NotThisEpoch")
      .withArgs(EPOCH, 2n);
    await time.increase(PARAMETERS.epochSeconds / 4);
    const snapshot = await takeSnapshot();
    await measurement.settle(EPOCH, committee);
    expect((await measurement.round(EPOCH)).settled).to.equal(true);

    await snapshot.restore();
    await own.commitReport(2n, SALT);
    await expect(measurement.settle(EPOCH, committee))
      .to.be.revertedWithCustomError(measurement, "WrongPhase")
      .withArgs(EPOCH, PHASE.none, PHASE.settle);
    // What the seat reported in the last epoch is no report in this one.
    await time.increase(3 * PARAMETERS.phaseSeconds);
    await measurement.settle(2n, committee);
    expect((await measurement.round(2n)).reports).to.equal(0n);
  });
});

describe("Reputation", () => {
  it("follows what members did, half of the way an epoch, and keeps their history", async () => {
    const fixture = await loadFixture(measured);
    const { mesh, reputation, committee } = fixture;
    await expect(reputation.credit(EPOCH, committee))
      .to.be.revertedWithCustomError(reputation, "NotMeasured")
      .withArgs(EPOCH);
    await hold(fixture, all({ qualities: classes(8, 9), participation: [15, 8, 4, 0] }));
    const sent = reputation.credit(EPOCH, committee);
    for (const [i, [seen, score]] of [
      [15, 12],
      [8, 8],
      [4, 6],
      [0, 4],
    ].entries()) {
      await expect(sent).to.emit(reputation, "Credited").withArgs(committee[i], EPOCH, seen, score);
      expect(await reputation.recordOf(committee[i] as string)).to.deep.equal([score, 1, seen, EPOCH]);
    }
    expect(await reputation.scoreOf(mesh.stranger)).to.equal(8n);
    await expect(reputation.credit(EPOCH, committee))
      .to.be.revertedWithCustomError(reputation, "NotTheNext")
      .withArgs(EPOCH, EPOCH);
  });

  it("takes no committee but that of the epoch", async () => {
    const fixture = await loadFixture(measured);
    await hold(fixture, all(ALL_GOOD));
    await expect(fixture.reputation.credit(EPOCH, fixture.committee.toReversed())).to.be.revertedWithCustomError(
      fixture.reputation,
      "WrongCommittee",
    );
  });
});

describe("RewardPool", () => {
  it("pays those who served by what they did, and keeps the rest", async () => {
    const fixture = await loadFixture(measured);
    const { mesh, pool, committee } = fixture;
    await expect(pool.payIn(3n, { value: POOL }))
      .to.emit(pool, "PaidIn")
      .withArgs(mesh.members[0]?.address, 3n, POOL, POOL);
    await expect(pool.allot(EPOCH, committee)).to.be.revertedWithCustomError(pool, "NotMeasured").withArgs(EPOCH);
    await hold(fixture, all({ qualities: classes(8, 9), participation: [15, 15, 3, 0] }));
    await pool.allot(EPOCH, committee);
    const share = POOL / 100n / 4n;
    expect(await pool.owed(committee[0] as string)).to.equal(share);
    expect(await pool.owed(committee[2] as string)).to.equal(share / 5n);
    expect(await pool.owed(committee[3] as string)).to.equal(0n);
    expect(await pool.totalOwed()).to.equal(2n * share + share / 5n);
    expect(await pool.unallotted()).to.equal(POOL - 2n * share - share / 5n);
    await expect(pool.allot(EPOCH, committee)).to.be.revertedWithCustomError(pool, "NotTheNext");

    for (const epoch of [2n, 3n]) await mesh.ceremony.install(officeOf(mesh, epoch));
    await expect(pool.allot(2n, committee)).to.be.revertedWithCustomError(pool, "NotMeasured").withArgs(2n);
    const own = pool.connect(member(mesh, 1));
    await expect(own.claim()).to.changeEtherBalance(ethers, member(mesh, 1), share);
    await expect(own.claim()).to.be.revertedWithCustomError(pool, "NothingOwed").withArgs(member(mesh, 1).address);
    expect(await ethers.provider.getBalance(pool)).to.equal((await pool.unallotted()) + (await pool.totalOwed()));
  });

  it("pays no epoch that went by long ago from what came in since", async () => {
    const fixture = await loadFixture(measured);
    const { mesh, pool, committee } = fixture;
    await hold(fixture, all(ALL_GOOD));
    // Nothing is there yet: the epoch is not over with that.
    await pool.allot(EPOCH, committee);
    expect(await pool.lastEpoch()).to.equal(0n);
    for (const epoch of [2n, 3n]) await mesh.ceremony.install(officeOf(mesh, epoch));
    await pool.payIn(3n, { value: POOL });
    await expect(pool.allot(EPOCH, committee)).to.be.revertedWithCustomError(pool, "TooLate").withArgs(EPOCH, 3n);
  });

  it("refuses to take nothing, and in a mesh without rewards to take anything: it could never pay it out", async () => {
    const { pool } = await loadFixture(measured);
    await expect(pool.payIn(1n)).to.be.revertedWithCustomError(pool, "NothingPaid");
    const mesh = await deployMesh(connection, 3n);
    await submit(mesh, await genesisOf(mesh, { rewardBps: 0 }));
    const unmeasured = await deployMesh(connection, 4n);
    await submit(unmeasured, await genesisOf(unmeasured, { probesPerEpoch: 0 }));
    for (const without of [await contractsOf(mesh), await contractsOf(unmeasured)]) {
      for (const call of [
        () => without.pool.payIn(1n, { value: POOL }),
        () => without.pool.allot(EPOCH, without.committee),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(pool, "RewardsOff");
      }
    }
  });
});

describe("what is measured", () => {
  it("weighs on the ledger what it weighs off it", async () => {
    const harness = await ethers.deployContract("MeasureHarness");
    expect(await harness.MINIMUM_OPEN_COMMITTEE()).to.equal(MINIMUM_OPEN_COMMITTEE);
    const minimumStake = 10n ** 18n;
    for (const stake of [0n, 1n, minimumStake / 2n, minimumStake, 3n * minimumStake + 7n, 500n * minimumStake]) {
      for (const [quality, reputation] of [
        [0, 0],
        [15, 15],
        [7, 8],
        [0, 15],
        [15, 0],
        [3, 11],
      ] as const) {
        const { weight } = candidateWeight({ stake, minimumStake, quality, reputation });
        expect(await harness.weightOf(stake, minimumStake, quality, reputation)).to.equal(weight);
      }
    }
    const best = candidateWeight({ stake: minimumStake, minimumStake, quality: 15, reputation: 15 });
    expect(best.weight).to.equal(1_000);
    expect(candidateWeight({ stake: minimumStake, minimumStake, quality: 0, reputation: 15 }).weight).to.equal(500);
    expect(() => candidateWeight({ stake: 1n, minimumStake, quality: 16, reputation: 0 })).to.throw(RangeError, "16");
    expect(() => candidateWeight({ stake: 1n, minimumStake: 0n, quality: 1, reputation: 0 })).to.throw(RangeError);
  });

  it("is a median that f faulty members cannot move beyond what the others saw, however many of them are away", async () => {
    const harness = await ethers.deployContract("MeasureHarness");
    const next = numbers(12_345);
    for (let run = 0; run < 60; run++) {
      const { n, f } = quorumOf(4 + (next() % 29));
      const away = next() % (f + 1);
      const honest = Array.from({ length: n - f - 1 }, () => next() % 16);
      const liars = Array.from({ length: f - away }, () => (run % 3 === 0 ? 15 : run % 3 === 1 ? 0 : next() % 16));
      const position = next() % 64;
      const own = 15n << BigInt(4 * position);
      const reports = [own, ...[...liars, ...honest].map((value) => BigInt(value) << BigInt(4 * position))];
      expect(Number(await harness.median(reports, position, 0))).to.be.within(Math.min(...honest), Math.max(...honest));
    }
  });

  it("moves by half of the difference, at least by one, and comes to rest", async () => {
    const harness = await ethers.deployContract("MeasureHarness");
    for (const [before, seen, after] of [
      [0, 15, 8],
      [8, 15, 12],
      [14, 15, 15],
      [15, 0, 7],
      [1, 0, 0],
      [9, 9, 9],
    ] as const) {
      expect(await harness.moved(before, seen)).to.equal(after);
    }
  });
});

/** The same numbers each time (a linear congruence; Numerical Recipes). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}

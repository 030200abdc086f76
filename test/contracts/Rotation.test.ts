import { expect } from "chai";
import { getBytes, keccak256 } from "ethers";

import { g2ForLedger } from "../../src/crypto/points.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { drawMembers } from "../../src/protocol/sortition.js";
import { candidateWeight } from "../../src/protocol/weight.js";
import { WEIGHT } from "../../src/statements/sortition.js";
import {
  DAY,
  FAR,
  GROUP_SECRET,
  NO_SIGNATURE,
  PARAMETERS,
  blsSign,
  connection,
  deployMesh,
  genesisOf,
  officeOf,
  passProbation,
  registrationOf,
  secretOf,
  submit,
  type Mesh,
  type Signer,
} from "./mesh.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, mine, time } = networkHelpers;

const STAKE = PARAMETERS.minimumStake;
const REGISTERED = 6;
/** Ranks of the candidates, of which the last two never registered. */
const RANKS = [0, 1, 2, 3, 4, 5, 6, 7];
const FINALITY = PARAMETERS.finalityBlocks;

/** A mesh that has begun: candidate i of the first six has staked i + 1 times the minimum. */
async function begin(parameters: Partial<typeof PARAMETERS> = {}): Promise<Mesh> {
  const mesh = await deployMesh(connection);
  await submit(mesh, await genesisOf(mesh, parameters));
  for (let i = 0; i < REGISTERED; i++) {
    const member = mesh.members[i] as Signer;
    const registration = await registrationOf(mesh, member.address, secretOf(100n + BigInt(i)), 100n + BigInt(i));
    await mesh.registry.connect(member).register(registration, { value: STAKE * BigInt(i + 1) });
  }
  return mesh;
}

async function begun(): Promise<Mesh> {
  return begin();
}

/** The same with weights, a committee in office, and its epoch over. */
async function due(): Promise<Mesh> {
  return ready(await begun());
}

async function ready(mesh: Mesh): Promise<Mesh> {
  await mesh.ceremony.install(officeOf(mesh));
  await mesh.rotation.refresh(RANKS);
  await time.increase(DAY);
  return mesh;
}

/** The same with the weights frozen. */
async function frozen(): Promise<Mesh> {
  const mesh = await due();
  await mesh.rotation.freeze();
  return mesh;
}

/** The same with the beacon posted. */
async function drawn(): Promise<Mesh> {
  const mesh = await frozen();
  await mine(FINALITY);
  await mesh.rotation.postBeacon(2n, (await beaconOf(mesh)).signature);
  return mesh;
}

type Fields = { epoch: bigint; previous: Uint8Array; blockNumber: bigint; prevrandao: Uint8Array };

/** The beacon of the turn under way and the signature that it is the hash of, or one over other fields or by another key. */
async function beaconOf(mesh: Mesh, changed: Partial<Fields> = {}, secret = GROUP_SECRET) {
  const { epoch, blockNumber, prevrandao } = await mesh.rotation.turn();
  const previous = getBytes(await mesh.rotation.lastBeacon());
  const fields = { epoch, previous, blockNumber, prevrandao: getBytes(prevrandao), ...changed };
  const digest = await mesh.digest(mesh.rotation, "Beacon", fields);
  const value = keccak256(g2ForLedger(nobleBls.sign(secret, digest)));
  return { digest, signature: blsSign(secret, digest), value };
}

async function weightsOf({ rotation }: Mesh): Promise<bigint[]> {
  return Promise.all(RANKS.map((rank) => rotation.weightOf(rank)));
}

/** What a candidate weighs that nobody has measured yet. */
function newcomer(stake: bigint): bigint {
  const { weight } = candidateWeight({ stake, minimumStake: STAKE, quality: 0, reputation: WEIGHT.neutral });
  return BigInt(weight);
}

async function resizing(mesh: Mesh, seats: bigint, expiry = FAR) {
  return mesh.swarmSign(mesh.rotation, "Resize", { seats, expiry });
}

describe("Rotation", () => {
  describe("weights", () => {
    it("come from the stake, and a class that newcomers share, are refreshed by anyone, and add up to the total", async () => {
      const mesh = await loadFixture(begun);
      const { rotation } = mesh;
      await expect(rotation.connect(mesh.stranger).refresh([2, 2, 7]))
        .to.emit(rotation, "WeightChanged")
        .withArgs(2n, mesh.members[2]?.address, newcomer(3n * STAKE));
      expect(await rotation.totalWeight()).to.equal(newcomer(3n * STAKE));
      await rotation.refresh(RANKS);
      const weights = [1n, 2n, 3n, 4n, 5n, 6n, 0n, 0n].map((part) => newcomer(part * STAKE));
      expect(await weightsOf(mesh)).to.deep.equal(weights);
      expect(await rotation.totalWeight()).to.equal(weights.reduce((sum, weight) => sum + weight));
      // Nothing changed: nothing is told.
      await expect(rotation.refresh(RANKS)).to.be.revertedWithCustomError(rotation, "NothingStale");
    });

    it("follow the stake up and down, and none is left to who is slashed below half, jailed or leaving", async () => {
      const mesh = await loadFixture(begun);
      const { rotation, registry } = mesh;
      await rotation.refresh(RANKS);
      await registry.connect(mesh.members[0] as Signer).addStake({ value: STAKE / 1_000n });
      await registry.connect(mesh.members[1] as Signer).exit();
      for (let i = 0; i < 4; i++) await mesh.ceremony.slash((mesh.members[2] as Signer).address, 0);
      for (let i = 0; i < 4; i++) await mesh.ceremony.slash((mesh.members[0] as Signer).address, 0);
      const left = await registry.stakeAt(0);
      expect(left).to.deep.equal([mesh.members[0]?.address, 0n]);
      expect(await rotation.currentWeightOf(1)).to.deep.equal([mesh.members[1]?.address, 0n]);
      await rotation.refresh(RANKS);
      const slashed = (3n * STAKE * 8n ** 4n) / 10n ** 4n;
      const weights = [0n, 0n, slashed, 4n * STAKE, 5n * STAKE, 6n * STAKE, 0n, 0n].map(newcomer);
      expect(await weightsOf(mesh)).to.deep.equal(weights);
      expect(await rotation.totalWeight()).to.equal(weights.reduce((sum, weight) => sum + weight));
    });

    it("of a stake above 131 times the minimum count as that", async () => {
      const mesh = await loadFixture(begun);
      await mesh.registry.connect(mesh.members[5] as Signer).addStake({ value: 200n * STAKE });
      await mesh.rotation.refresh([5]);
      expect(await mesh.rotation.weightOf(5)).to.equal(newcomer(132n * STAKE));
      expect(newcomer(206n * STAKE)).to.equal(newcomer(132n * STAKE));
    });

    it("are locked during a turn, and unlocked by the next office, also one that goes back", async () => {
      const mesh = await loadFixture(frozen);
      const { rotation } = mesh;
      const { blockNumber } = await rotation.turn();
      await mesh.registry.connect(mesh.members[0] as Signer).addStake({ value: STAKE });
      await expect(rotation.refresh([0]))
        .to.be.revertedWithCustomError(rotation, "WeightsFrozen")
        .withArgs(2n, blockNumber);
      await mesh.ceremony.install(officeOf(mesh, 2n));
      await rotation.refresh([0]);
      expect(await rotation.weightOf(0)).to.equal(newcomer(2n * STAKE));
    });
  });

  describe("freeze", () => {
    it("records the block, its randomness and the sizes, by anyone", async () => {
      const mesh = await loadFixture(due);
      const { rotation } = mesh;
      const sent = await rotation.connect(mesh.stranger).freeze();
      const number = (await sent.wait())?.blockNumber ?? 0;
      const { mixHash } = (await ethers.provider.send("eth_getBlockByNumber", [`0x${number.toString(16)}`, false])) as {
        mixHash: string;
      };
      const { epoch, seats, candidates, blockNumber, prevrandao } = await rotation.turn();
      expect([epoch, seats, candidates, blockNumber]).to.deep.equal([2n, 4n, 6n, BigInt(number)]);
      expect(prevrandao).to.equal(mixHash);
      await expect(sent).to.emit(rotation, "Frozen").withArgs(2n, blockNumber, prevrandao, 4n, 6n);
      expect(await rotation.isFrozen()).to.equal(true);
    });

    it("is refused in a mesh without rotation, and before the first committee", async () => {
      const still = await begin({ epochSeconds: 0 });
      await still.ceremony.install(officeOf(still));
      await expect(still.rotation.freeze()).to.be.revertedWithCustomError(still.rotation, "RotationOff");
      const mesh = await loadFixture(begun);
      await expect(mesh.rotation.freeze()).to.be.revertedWithCustomError(mesh.rotation, "NoCommittee");
    });

    it("is refused before the epoch is over, and says until when", async () => {
      const mesh = await loadFixture(begun);
      await mesh.ceremony.install(officeOf(mesh));
      const until = (await mesh.groupKeys.since()) + DAY;
      await mesh.rotation.refresh(RANKS);
      await time.setNextBlockTimestamp(until - 1n);
      await expect(mesh.rotation.freeze())
        .to.be.revertedWithCustomError(mesh.rotation, "EpochLasts")
        .withArgs(1n, until);
      await time.setNextBlockTimestamp(until);
      await mesh.rotation.freeze();
    });

    it("is refused twice in a turn", async () => {
      const mesh = await loadFixture(frozen);
      const { blockNumber } = await mesh.rotation.turn();
      await expect(mesh.rotation.freeze())
        .to.be.revertedWithCustomError(mesh.rotation, "WeightsFrozen")
        .withArgs(2n, blockNumber);
    });

    it("is refused while the committee is in probation, and says which head ends it", async () => {
      const mesh = await loadFixture(drawn);
      await mesh.ceremony.install(officeOf(mesh, 2n));
      await time.increase(DAY);
      const { head } = await mesh.groupKeys.probation();
      await expect(mesh.rotation.freeze())
        .to.be.revertedWithCustomError(mesh.rotation, "InProbation")
        .withArgs(2n, head);
      await passProbation(mesh);
      await mesh.rotation.freeze();
      expect((await mesh.rotation.turn()).epoch).to.equal(3n);
    });

    it("is refused with fewer weighted candidates than seats", async () => {
      const mesh = await loadFixture(begun);
      await mesh.ceremony.install(officeOf(mesh));
      await mesh.rotation.refresh([0, 3, 5]);
      await time.increase(DAY);
      await expect(mesh.rotation.freeze())
        .to.be.revertedWithCustomError(mesh.rotation, "TooFewWeights")
        .withArgs(3n, 4n);
      await mesh.rotation.refresh([1]);
      await mesh.rotation.freeze();
    });
  });

  describe("beacon", () => {
    it("is the hash of the swarm's signature over the turn, and follows the one before it", async () => {
      const mesh = await loadFixture(frozen);
      const { rotation, meshId } = mesh;
      expect(await rotation.lastBeacon()).to.equal(meshId);
      await mine(FINALITY);
      const first = await beaconOf(mesh);
      await expect(rotation.connect(mesh.stranger).postBeacon(2n, first.signature))
        .to.emit(rotation, "BeaconPosted")
        .withArgs(2n, first.value, meshId, Object.values(first.signature));
      expect(await rotation.lastBeacon()).to.equal(first.value);

      await mesh.ceremony.install(officeOf(mesh, 2n));
      await passProbation(mesh);
      await time.increase(DAY);
      await rotation.freeze();
      expect(await rotation.lastBeacon()).to.equal(first.value);
      await mine(FINALITY);
      const second = await beaconOf(mesh);
      await expect(rotation.postBeacon(3n, second.signature))
        .to.emit(rotation, "BeaconPosted")
        .withArgs(3n, second.value, first.value, Object.values(second.signature));
    });

    it("is refused without a turn, for another epoch than the turn's, and after the turn", async () => {
      const mesh = await loadFixture(due);
      const { rotation } = mesh;
      await expect(rotation.postBeacon(2n, NO_SIGNATURE))
        .to.be.revertedWithCustomError(rotation, "WrongTurn")
        .withArgs(2n, 0n);
      await rotation.freeze();
      await mine(FINALITY);
      for (const foreign of [0n, 1n, 3n]) {
        await expect(rotation.postBeacon(foreign, (await beaconOf(mesh, { epoch: foreign })).signature))
          .to.be.revertedWithCustomError(rotation, "WrongTurn")
          .withArgs(foreign, 2n);
      }
      const { signature } = await beaconOf(mesh);
      await mesh.ceremony.install(officeOf(mesh, 2n));
      await expect(rotation.postBeacon(2n, signature))
        .to.be.revertedWithCustomError(rotation, "WrongTurn")
        .withArgs(2n, 0n);
    });

    it("is refused until the freeze is final, and says from which block on", async () => {
      const mesh = await loadFixture(frozen);
      const { rotation } = mesh;
      const from = (await rotation.turn()).blockNumber + BigInt(FINALITY);
      const { signature } = await beaconOf(mesh);
      await expect(rotation.postBeacon(2n, signature))
        .to.be.revertedWithCustomError(rotation, "FreezeNotFinal")
        .withArgs(from, from - 1n);
      await mine(1);
      await rotation.postBeacon(2n, signature);
    });

    it("waits 64 blocks where the chain's own tag says what is final", async () => {
      const mesh = await ready(await begin({ finalityBlocks: 0 }));
      await mesh.rotation.freeze();
      const from = (await mesh.rotation.turn()).blockNumber + 64n;
      await mine(62);
      const { signature } = await beaconOf(mesh);
      await expect(mesh.rotation.postBeacon(2n, signature))
        .to.be.revertedWithCustomError(mesh.rotation, "FreezeNotFinal")
        .withArgs(from, from - 1n);
      await mine(1);
      await mesh.rotation.postBeacon(2n, signature);
    });

    it("is refused over anything but what the freeze recorded, or by another key", async () => {
      const mesh = await loadFixture(frozen);
      const { rotation } = mesh;
      const { blockNumber } = await rotation.turn();
      await mine(FINALITY);
      const { digest } = await beaconOf(mesh);
      const wrong = [
        await beaconOf(mesh, { epoch: 3n }),
        await beaconOf(mesh, { previous: new Uint8Array(32) }),
        await beaconOf(mesh, { blockNumber: blockNumber + 1n }),
        await beaconOf(mesh, { prevrandao: new Uint8Array(32) }),
        await beaconOf(mesh, {}, secretOf(8n)),
        { signature: NO_SIGNATURE },
      ];
      for (const { signature } of wrong) {
        await expect(rotation.postBeacon(2n, signature))
          .to.be.revertedWithCustomError(rotation, "InvalidSwarmSignature")
          .withArgs(digest);
      }
    });

    it("is refused twice", async () => {
      const mesh = await loadFixture(drawn);
      await expect(mesh.rotation.postBeacon(2n, NO_SIGNATURE))
        .to.be.revertedWithCustomError(mesh.rotation, "BeaconKnown")
        .withArgs(2n);
    });
  });

  describe("draw", () => {
    it("is of the frozen weights, as it is replayed off the ledger, with those that had none after it", async () => {
      const mesh = await loadFixture(drawn);
      const { rotation } = mesh;
      const weights = (await weightsOf(mesh)).map(Number);
      const order = drawMembers(weights, getBytes(await rotation.lastBeacon()), 0, 8);
      expect(order).to.have.length(REGISTERED);
      const accounts = order.map((rank) => mesh.members[rank]?.address);
      expect(await rotation.drawn(0, 8)).to.deep.equal(accounts);
      expect(await rotation.drawn(4, 1)).to.deep.equal(accounts.slice(4, 5));
      expect(await rotation.drawn(6, 4)).to.deep.equal([]);
      expect(await rotation.undrawn(8)).to.deep.equal(mesh.members.slice(6, 8).map(({ address }) => address));
      expect(await rotation.undrawn(1)).to.deep.equal([mesh.members[6]?.address]);
      expect(await rotation.due()).to.deep.equal([2n, 4n]);
    });

    it("is not there before the beacon, and none is due without a turn", async () => {
      const mesh = await loadFixture(due);
      const { rotation } = mesh;
      await expect(rotation.due()).to.be.revertedWithCustomError(rotation, "WrongTurn").withArgs(2n, 0n);
      await rotation.freeze();
      for (const call of [() => rotation.due(), () => rotation.drawn(0, 4)]) {
        await expect(call()).to.be.revertedWithCustomError(rotation, "BeaconMissing").withArgs(2n);
      }
    });

    it("of a turn does not outlast it: the next one has to be frozen and signed anew", async () => {
      const mesh = await loadFixture(drawn);
      await mesh.ceremony.install(officeOf(mesh, 2n));
      await expect(mesh.rotation.due()).to.be.revertedWithCustomError(mesh.rotation, "WrongTurn").withArgs(3n, 0n);
      await passProbation(mesh);
      await time.increase(DAY);
      await mesh.rotation.freeze();
      await expect(mesh.rotation.drawn(0, 4))
        .to.be.revertedWithCustomError(mesh.rotation, "BeaconMissing")
        .withArgs(3n);
    });
  });

  describe("size", () => {
    it("is the genesis' until the swarm changes it, from the next freeze on", async () => {
      const mesh = await loadFixture(frozen);
      const { rotation } = mesh;
      await expect(rotation.connect(mesh.stranger).resize(5, FAR, await resizing(mesh, 5n)))
        .to.emit(rotation, "CommitteeResized")
        .withArgs(5n);
      expect(await rotation.seats()).to.equal(5n);
      expect((await rotation.turn()).seats).to.equal(4n);
      await mesh.ceremony.install(officeOf(mesh, 2n));
      await passProbation(mesh);
      await time.increase(DAY);
      await rotation.freeze();
      expect((await rotation.turn()).seats).to.equal(5n);
    });

    it("is changed once by a statement, by the swarm alone, before its expiry, within 4 to 32", async () => {
      const mesh = await loadFixture(due);
      const { rotation } = mesh;
      for (const seats of [0n, 3n, 33n]) {
        await expect(rotation.resize(seats, FAR, await resizing(mesh, seats)))
          .to.be.revertedWithCustomError(rotation, "InvalidSeats")
          .withArgs(seats);
      }
      await expect(rotation.resize(7, FAR, await resizing(mesh, 10n))).to.be.revertedWithCustomError(
        rotation,
        "InvalidSwarmSignature",
      );
      const past = BigInt(await time.latest()) - 1n;
      await expect(rotation.resize(7, past, await resizing(mesh, 7n, past))).to.be.revertedWithCustomError(
        rotation,
        "StatementExpired",
      );
      const signature = await resizing(mesh, 7n);
      await rotation.resize(7, FAR, signature);
      await rotation.resize(4, FAR, await resizing(mesh, 4n));
      await expect(rotation.resize(7, FAR, signature)).to.be.revertedWithCustomError(rotation, "StatementUsed");
      expect(await rotation.seats()).to.equal(4n);
    });
  });

  it("goes on after office went back: the next turn has a number and a beacon of its own", async () => {
    const mesh = await loadFixture(drawn);
    const { rotation, groupKeys } = mesh;
    const beacon = await rotation.lastBeacon();
    await mesh.ceremony.install(officeOf(mesh, 2n));
    await time.increase(PARAMETERS.probationSeconds + 1);
    await groupKeys.revertOffice();
    const until = (await groupKeys.since()) + DAY;
    await expect(rotation.freeze()).to.be.revertedWithCustomError(rotation, "EpochLasts").withArgs(3n, until);
    await time.increaseTo(until);
    await rotation.freeze();
    await mine(FINALITY);
    const next = await beaconOf(mesh);
    await expect(rotation.postBeacon(4n, next.signature))
      .to.emit(rotation, "BeaconPosted")
      .withArgs(4n, next.value, beacon, Object.values(next.signature));
  });
});

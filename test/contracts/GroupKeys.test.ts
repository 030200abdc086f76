import { expect } from "chai";

import {
  GROUP_SECRET,
  NO_SIGNATURE,
  PARAMETERS,
  blsPublicKey,
  blsSign,
  connection,
  deployMesh,
  g1OutsideSubgroup,
  g1Struct,
  genesisOf,
  officeOf,
  opened,
  postHead,
  secretOf,
  submit,
  word,
  type Mesh,
  type Signer,
} from "./mesh.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;
const DIGEST = new Uint8Array(32).fill(3);

/** A mesh that has begun and has no committee yet. */
async function begun(): Promise<Mesh> {
  const mesh = await deployMesh(connection);
  await submit(mesh, await genesisOf(mesh));
  return mesh;
}

describe("GroupKeys", () => {
  it("verify nothing before the first committee", async () => {
    const mesh = await loadFixture(begun);
    expect(await mesh.groupKeys.verify(DIGEST, blsSign(GROUP_SECRET, DIGEST))).to.equal(false);
    expect(await mesh.groupKeys.verify(DIGEST, NO_SIGNATURE)).to.equal(false);
    expect(await mesh.groupKeys.seatOf(ethers.ZeroAddress)).to.equal(0n);
  });

  it("verify the swarm's signature over this digest, and nothing else", async () => {
    const mesh = await loadFixture(opened);
    expect(await mesh.groupKeys.verify(DIGEST, blsSign(GROUP_SECRET, DIGEST))).to.equal(true);
    expect(await mesh.groupKeys.verify(DIGEST, blsSign(secretOf(8n), DIGEST))).to.equal(false);
    expect(await mesh.groupKeys.verify(word(1), blsSign(GROUP_SECRET, DIGEST))).to.equal(false);
    expect(await mesh.groupKeys.verify(DIGEST, NO_SIGNATURE)).to.equal(false);
    // Off the curve: false too, since a bad point is as wrong as a bad signature.
    expect(await mesh.groupKeys.verify(DIGEST, { ...NO_SIGNATURE, x0Lo: 1n })).to.equal(false);
  });

  it("name committee, seats and keys", async () => {
    const mesh = await loadFixture(begun);
    const office = { ...officeOf(mesh), committee: [...officeOf(mesh).committee, ethers.ZeroAddress] };
    await expect(mesh.ceremony.install(office))
      .to.emit(mesh.groupKeys, "OfficeTaken")
      .withArgs(1n, 1n, 1n, Object.values(office.blsKey), office.edKey, office.verificationRoot, office.committee);
    expect(await mesh.groupKeys.committee()).to.deep.equal(office.committee);
    expect(await mesh.groupKeys.generation()).to.equal(1n);
    expect(await mesh.groupKeys.epoch()).to.equal(1n);
    expect(await mesh.groupKeys.blsKey()).to.deep.equal(Object.values(office.blsKey));
    expect(await mesh.groupKeys.edKey()).to.equal(office.edKey);
    expect(await mesh.groupKeys.verificationRoot()).to.equal(office.verificationRoot);
    expect((await mesh.groupKeys.office()).ceremony).to.equal(1n);
    expect(await mesh.groupKeys.seatOf(office.committee[2] ?? "")).to.equal(3n);
    expect(await mesh.groupKeys.seatOf(mesh.stranger)).to.equal(0n);
    // An empty seat is nobody's.
    expect(await mesh.groupKeys.seatOf(ethers.ZeroAddress)).to.equal(0n);
  });

  it("change hands by the ceremony alone", async () => {
    const mesh = await loadFixture(begun);
    await expect(mesh.groupKeys.connect(mesh.stranger).setOffice(officeOf(mesh)))
      .to.be.revertedWithCustomError(mesh.groupKeys, "WrongCaller")
      .withArgs(mesh.stranger.address, await mesh.ceremony.getAddress());
  });

  it("stay the same while their generation lasts, and the committee may change", async () => {
    const mesh = await loadFixture(opened);
    for (const change of [{ blsKey: blsPublicKey(secretOf(8n)) }, { edKey: word(8) }]) {
      await expect(mesh.ceremony.install({ ...officeOf(mesh, 2n), ...change }))
        .to.be.revertedWithCustomError(mesh.groupKeys, "KeysOfGenerationChanged")
        .withArgs(1n);
    }
    const committee = mesh.members.slice(3, 8).map((member) => member.address);
    await mesh.ceremony.install({ ...officeOf(mesh, 2n), committee });
    expect(await mesh.groupKeys.committee()).to.deep.equal(committee);
    await mesh.ceremony.install(officeOf(mesh, 3n, 2n, secretOf(8n)));
    expect(await mesh.groupKeys.verify(DIGEST, blsSign(secretOf(8n), DIGEST))).to.equal(true);
    expect(await mesh.groupKeys.verify(DIGEST, blsSign(GROUP_SECRET, DIGEST))).to.equal(false);
  });

  it("go from generation to generation and from epoch to epoch without a gap or a way back", async () => {
    const mesh = await loadFixture(opened);
    for (const epoch of [0n, 1n, 3n]) {
      await expect(mesh.ceremony.install(officeOf(mesh, epoch)))
        .to.be.revertedWithCustomError(mesh.groupKeys, "WrongEpoch")
        .withArgs(epoch, 1n);
    }
    for (const generation of [0n, 3n]) {
      await expect(mesh.ceremony.install(officeOf(mesh, 2n, generation)))
        .to.be.revertedWithCustomError(mesh.groupKeys, "WrongGeneration")
        .withArgs(generation, 1n);
    }
  });

  it("are refused where no swarm could use them", async () => {
    const mesh = await loadFixture(begun);
    for (const change of [
      { blsKey: g1Struct(new Uint8Array(128)) },
      { blsKey: g1OutsideSubgroup() },
      { edKey: ethers.ZeroHash },
    ]) {
      await expect(mesh.ceremony.install({ ...officeOf(mesh), ...change })).to.be.revertedWithCustomError(
        mesh.groupKeys,
        "InvalidGroupKey",
      );
    }
    await expect(mesh.ceremony.install(officeOf(mesh, 1n, 0n)))
      .to.be.revertedWithCustomError(mesh.groupKeys, "WrongGeneration")
      .withArgs(0n, 0n);
    for (const seats of [3, 33]) {
      await expect(
        mesh.ceremony.install({ ...officeOf(mesh), committee: Array<string>(seats).fill(mesh.meshId.slice(0, 42)) }),
      )
        .to.be.revertedWithCustomError(mesh.groupKeys, "InvalidCommitteeSize")
        .withArgs(BigInt(seats));
    }
  });

  describe("in probation", () => {
    const { probationSeconds, probationHeads, headSeconds, tickSeconds } = PARAMETERS;

    /** The last head that a committee owes which took office at this time. */
    async function lastOwed(mesh: Mesh, since: bigint): Promise<bigint> {
      const heads = (since - (await mesh.anchor.start())) / BigInt(headSeconds) + BigInt(probationHeads);
      return (heads * BigInt(headSeconds)) / BigInt(tickSeconds);
    }

    /** A second committee, of the other four members, took over by resharing. */
    async function handedOver(): Promise<Mesh> {
      const mesh = await opened();
      await postHead(mesh, 5n);
      await time.increase(3 * headSeconds);
      const committee = mesh.members.slice(4, 8).map(({ address }) => address);
      await mesh.ceremony.install({ ...officeOf(mesh, 2n), committee });
      return mesh;
    }

    it("a committee owes heads by a time; the first one and one of a new generation owe nothing", async () => {
      const mesh = await loadFixture(opened);
      const { groupKeys } = mesh;
      expect(await groupKeys.probation()).to.deep.equal([0n, 0n]);
      expect(await groupKeys.inProbation()).to.equal(false);
      const second = await loadFixture(handedOver);
      const since = await second.groupKeys.since();
      const until = since + BigInt(probationSeconds);
      const head = await lastOwed(second, since);
      expect(await second.groupKeys.probation()).to.deep.equal([head, until]);
      const began = second.groupKeys.filters.ProbationBegan();
      const [event] = await second.groupKeys.queryFilter(began);
      expect(event?.args).to.deep.equal([2n, head, until]);
      expect(await second.groupKeys.inProbation()).to.equal(true);
      await second.ceremony.install(officeOf(second, 3n, 2n, secretOf(8n)));
      expect(await second.groupKeys.probation()).to.deep.equal([0n, 0n]);
      expect(await second.groupKeys.inProbation()).to.equal(false);
    });

    it("a committee that makes its heads stays, and the one before is free to go", async () => {
      const mesh = await loadFixture(handedOver);
      const { groupKeys } = mesh;
      const [before, now] = [mesh.members[0] as Signer, mesh.members[4] as Signer];
      const { head } = await groupKeys.probation();
      const [since, start] = [await groupKeys.since(), await mesh.anchor.start()];
      // The newest head that the committee before can have made: of the tick in which it left.
      await postHead(mesh, (since - start) / BigInt(tickSeconds));
      expect([await groupKeys.isBound(before), await groupKeys.inProbation()]).to.deep.equal([true, true]);
      await postHead(mesh, head - 1n);
      expect(await groupKeys.isBound(before)).to.equal(true);
      await postHead(mesh, head);
      expect([await groupKeys.isBound(before), await groupKeys.isBound(now)]).to.deep.equal([false, true]);
      await time.increase(probationSeconds + 1);
      await expect(groupKeys.revertOffice())
        .to.be.revertedWithCustomError(groupKeys, "OfficeStays")
        .withArgs(head, (await groupKeys.probation()).until);
    });

    it("office does not go back before the time, nor where nobody owes anything", async () => {
      const first = await loadFixture(opened);
      await expect(first.groupKeys.revertOffice())
        .to.be.revertedWithCustomError(first.groupKeys, "OfficeStays")
        .withArgs(0n, 0n);
      const mesh = await loadFixture(handedOver);
      const { head, until } = await mesh.groupKeys.probation();
      await time.setNextBlockTimestamp(until);
      await expect(mesh.groupKeys.revertOffice())
        .to.be.revertedWithCustomError(mesh.groupKeys, "OfficeStays")
        .withArgs(head, until);
    });

    it("office goes back to the committee before, by anyone, with the same keys, the next epoch and no probation", async () => {
      const mesh = await loadFixture(handedOver);
      const { groupKeys } = mesh;
      const { until } = await groupKeys.probation();
      const first = officeOf(mesh);
      await time.increaseTo(until);
      const sent = groupKeys.connect(mesh.stranger).revertOffice();
      await expect(sent).to.emit(groupKeys, "OfficeReverted").withArgs(2n);
      await expect(sent)
        .to.emit(groupKeys, "OfficeTaken")
        .withArgs(1n, 3n, 1n, Object.values(first.blsKey), first.edKey, first.verificationRoot, first.committee);
      expect(await groupKeys.committee()).to.deep.equal(first.committee);
      expect([await groupKeys.epoch(), await groupKeys.generation()]).to.deep.equal([3n, 1n]);
      expect(await groupKeys.since()).to.equal(await time.latest());
      expect(await groupKeys.verify(DIGEST, blsSign(GROUP_SECRET, DIGEST))).to.equal(true);
      expect(await groupKeys.isBound(mesh.members[4] as Signer)).to.equal(false);
      await time.increase(probationSeconds + 1);
      await expect(groupKeys.revertOffice()).to.be.revertedWithCustomError(groupKeys, "OfficeStays").withArgs(0n, 0n);
      // The next committee comes after it, and has the reverted one behind it no more.
      await mesh.ceremony.install(officeOf(mesh, 4n));
      expect(await groupKeys.epoch()).to.equal(4n);
    });
  });
});

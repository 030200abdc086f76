import { expect } from "chai";

import {
  GROUP_SECRET,
  NO_SIGNATURE,
  blsPublicKey,
  blsSign,
  connection,
  deployMesh,
  g1OutsideSubgroup,
  g1Struct,
  genesisOf,
  officeOf,
  opened,
  secretOf,
  submit,
  word,
  type Mesh,
} from "./mesh.js";

const { ethers, networkHelpers } = connection;
const { loadFixture } = networkHelpers;
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
});

/** Re-keys on the contracts: real shares, new keys that the old ones sign, and what must not come about without that. */
import { expect } from "chai";

import { Phase, present } from "./ceremony-fixture.js";
import { FAR, generationsOf, signaturesOf, startRekey } from "./generations-fixture.js";
import {
  deployInOffice,
  handOver,
  newKeysToAcknowledge,
  passProbation,
  refreshAll,
  swarmSign,
} from "./rotation-fixture.js";

describe("a re-key", () => {
  it("puts new keys into office that the old ones signed, and no others; the next handover is of those", async () => {
    const mesh = await deployInOffice(4, 8);
    const generations = await generationsOf(mesh);
    const before = await startRekey(mesh);
    const after = await newKeysToAcknowledge(mesh);
    const { activation, succession, bySelf } = await signaturesOf(mesh, before, after);
    const activate = (by: typeof succession, outcome = after.outcome) =>
      generations.activateRekey(mesh.id, 1, outcome, activation, by);

    await expect(mesh.ceremony.activate(mesh.id, 1, after.outcome, activation)).to.be.revertedWithCustomError(
      mesh.ceremony,
      "WrongCaller",
    );
    await expect(activate(bySelf)).to.be.revertedWithCustomError(generations, "InvalidSwarmSignature");
    const otherEd = { ...after.outcome, edKey: before.derived.outcome.edKey };
    await expect(activate(succession, otherEd)).to.be.revertedWithCustomError(generations, "InvalidSwarmSignature");
    // Signed for another ceremony: one that was given up, say.
    const other = await signaturesOf(mesh, before, after, { ceremony: Number(mesh.id) + 1 });
    await expect(activate(other.succession)).to.be.revertedWithCustomError(generations, "InvalidSwarmSignature");

    await expect(activate(succession)).to.emit(generations, "KeysSucceeded").to.emit(mesh.groupKeys, "OfficeTaken");
    const office = await mesh.groupKeys.office();
    expect([office.generation, office.epoch]).to.deep.equal([2n, 2n]);
    expect(office.edKey).to.equal(after.outcome.edKey).and.not.to.equal(before.derived.outcome.edKey);
    expect(office.committee).to.have.members(before.seated.map(({ wallet }) => wallet.address));
    // Nobody could take these keys back to those before.
    expect(await mesh.groupKeys.inProbation()).to.equal(false);
    await expect(activate(succession))
      .to.be.revertedWithCustomError(generations, "WrongPhase")
      .withArgs(Phase.Active, Phase.Acknowledge);

    mesh.incumbents = { seated: mesh.seated, derived: after, quorum: mesh.quorum };
    await refreshAll(mesh);
    await handOver(mesh);
    // Whose office could go back does not hand on what only it holds.
    const third = { generation: 3n, expiry: FAR };
    await expect(generations.startRekey(3n, FAR, swarmSign(mesh, generations, "Rekey", third)))
      .to.be.revertedWithCustomError(generations, "InProbation")
      .withArgs(3n, (await mesh.groupKeys.probation()).head);
    const next = await mesh.groupKeys.office();
    expect([next.generation, next.epoch, next.edKey]).to.deep.equal([2n, 3n, office.edKey]);
  });

  it("is started by the swarm, for the next generation, once, in time, and not while a ceremony runs", async () => {
    const mesh = await deployInOffice(4);
    const generations = await generationsOf(mesh);
    const signed = (generation: bigint, expiry = FAR) => swarmSign(mesh, generations, "Rekey", { generation, expiry });
    const tooFew = swarmSign(mesh, generations, "Rekey", { generation: 2n, expiry: FAR }, [1, 2]);
    await expect(generations.startRekey(2, FAR, tooFew)).to.be.revertedWithCustomError(
      generations,
      "InvalidSwarmSignature",
    );
    for (const generation of [0n, 1n, 3n]) {
      await expect(generations.startRekey(generation, FAR, signed(generation)))
        .to.be.revertedWithCustomError(generations, "WrongGeneration")
        .withArgs(generation, 1n);
    }
    await expect(generations.startRekey(2, 1n, signed(2n, 1n))).to.be.revertedWithCustomError(
      generations,
      "StatementExpired",
    );
    const first = signed(2n);
    const later = signed(2n, FAR + 1n);
    const notNow = signed(2n);
    await expect(generations.startRekey(2, FAR, first))
      .to.emit(generations, "RekeyStarted")
      .withArgs(2n, 2n);
    await expect(generations.startRekey(2, FAR, notNow)).to.be.revertedWithCustomError(generations, "StatementUsed");
    await expect(generations.startRekey(2, FAR + 1n, later)).to.be.revertedWithCustomError(
      mesh.ceremony,
      "CeremonyRunning",
    );
    await expect(mesh.ceremony.startRekey(false)).to.be.revertedWithCustomError(mesh.ceremony, "WrongCaller");
  });

  it("goes on with n - f of the committee, and invites nobody else", async () => {
    const mesh = await deployInOffice(4, 8);
    const before = await startRekey(mesh);
    const invited = await mesh.invited();
    expect(invited.map((member) => member?.wallet.address)).to.have.members(
      before.seated.map(({ wallet }) => wallet.address),
    );
    await mesh.acceptAll([present(invited[1], "member")]);
    await mesh.advanceLate();
    expect((await mesh.status()).phase).to.equal(Phase.Deal);
    await mesh.takeSeats();
    expect(mesh.seated).to.have.length(3);
  });

  it("ends with an attempt that fails: the old keys stay, and a handover or another re-key may follow", async () => {
    const mesh = await deployInOffice(4, 8);
    const generations = await generationsOf(mesh);
    const key = await mesh.groupKeys.edKey();
    const before = await startRekey(mesh);
    await mesh.advanceLate();
    expect((await mesh.status()).phase).to.equal(Phase.Abandoned);
    await expect(mesh.ceremony.advance(mesh.id)).to.be.revertedWithCustomError(mesh.ceremony, "WrongPhase");
    expect(await mesh.groupKeys.edKey()).to.equal(key);
    mesh.incumbents = before;
    await refreshAll(mesh);
    await handOver(mesh);
    expect(await mesh.groupKeys.generation()).to.equal(1n);
    const any = mesh.sign(before.derived, [1, 2, 3]);
    await expect(generations.activateRekey(mesh.id, 1, before.derived.outcome, any, any))
      .to.be.revertedWithCustomError(generations, "NotARekey")
      .withArgs(mesh.id);
    await passProbation(mesh);
    await startRekey(mesh, 2n, FAR + 1n);
    expect((await mesh.status()).phase).to.equal(Phase.Accept);
  });
});

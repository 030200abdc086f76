import { p256 } from "@noble/curves/nist.js";
import { expect } from "chai";
import { AbiCoder, ZeroAddress, getBytes, hexlify } from "ethers";

import { evidenceDigest } from "../../src/protocol/evidence.js";
import { domainSeparator, type StatementName } from "../../src/statements/eip712.js";
import {
  DAY,
  PARAMETERS,
  connection,
  gasOf,
  officeOf,
  opened,
  registrationOf,
  rootSign,
  secretOf,
  tlsKeyOf,
  word,
  type Mesh,
} from "./mesh.js";
import { tlsPinOf } from "./tls-key.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;

/** A report with both signatures checked; what it costs is what a reporter is paid back at most. */
const REPORT_CEILING = 190_000n;

const STAKE = PARAMETERS.minimumStake;
const LOST = (STAKE * BigInt(PARAMETERS.slashBps)) / 10_000n;
const KIND = { drlHead: 1, checkpoint: 2, committeeList: 3, activation: 4, beacon: 5 } as const;
const EQUIVOCATION = 3n;
const TLS_KEY = 0x71504n;
const OTHER_KEY = 0x71505n;
const TLS_SECRET = secretOf(TLS_KEY);
const OTHER_SECRET = secretOf(OTHER_KEY);

type Values = Record<string, bigint | Uint8Array>;

function keyOf(secret: Uint8Array) {
  const point = p256.getPublicKey(secret, false);
  return { keyX: hexlify(point.subarray(1, 33)), keyY: hexlify(point.subarray(33)) };
}

/** The first member, with a TLS key that the test has. */
async function registered(): Promise<Mesh> {
  const mesh = await opened();
  const [offender] = mesh.members;
  if (offender === undefined) throw new Error("no members");
  const registration = await registrationOf(mesh, offender.address, secretOf(500n), TLS_KEY);
  await mesh.registry.connect(offender).register(registration, { value: STAKE });
  return mesh;
}

async function currentTick(mesh: Mesh): Promise<bigint> {
  return (BigInt(await time.latest()) - (await mesh.anchor.start())) / BigInt(PARAMETERS.tickSeconds);
}

function head(number: bigint, root: bigint): Values {
  return { number, root: getBytes(word(root)), words: 1n, issued: 1_000n, expires: 2_000n, blockNumber: 10n };
}

function checkpoint(number: bigint, hash: bigint): Values {
  return { number, blockNumber: 10n, blockHash: getBytes(word(hash)) };
}

function beacon(epoch: bigint, previous: bigint): Values {
  return { epoch, previous: getBytes(word(previous)), blockNumber: 10n, prevrandao: getBytes(word(6n)) };
}

function activation(epoch: bigint, qualified: bigint, root: bigint): Values {
  const at = (value: bigint): Uint8Array => getBytes(word(value));
  return {
    generation: 1n,
    epoch,
    qualified: at(qualified),
    verificationRoot: at(root),
    blsKeyHash: at(3n),
    edKey: at(4n),
  };
}

const NAMES: Record<number, StatementName> = { 1: "DrlHead", 2: "Checkpoint", 4: "Activation", 5: "Beacon" };

/** A vote with its evidence, signed by `secret`. */
async function vote(mesh: Mesh, kind: number, values: Values, secret = TLS_SECRET) {
  const taker: Record<number, keyof Mesh & ("ceremony" | "rotation")> = { 4: "ceremony", 5: "rotation" };
  const contract = mesh[taker[kind] ?? "revocations"];
  const digest = await mesh.digest(contract, NAMES[kind] as StatementName, values);
  const part = new Uint8Array(96).fill(7);
  const separator = domainSeparator({
    chainId: mesh.chainId,
    verifyingContract: getBytes(await mesh.registry.getAddress()),
    meshId: getBytes(mesh.meshId),
  });
  const message = evidenceDigest(separator, digest, part);
  const [r, s] = rootSign(secret, message);
  const fields = AbiCoder.defaultAbiCoder().encode(
    Object.values(values).map((value) => (value instanceof Uint8Array ? "bytes32" : "uint256")),
    Object.values(values),
  );
  return { fields, partialHash: ethers.keccak256(part), r, s };
}

async function report(mesh: Mesh, kind: number, one: Values, other: Values) {
  return { kind, ...keyOf(TLS_SECRET), first: await vote(mesh, kind, one), second: await vote(mesh, kind, other) };
}

async function contradictingHeads(mesh: Mesh) {
  const number = await currentTick(mesh);
  return report(mesh, KIND.drlHead, head(number, 1n), head(number, 2n));
}

async function expectBalanced(mesh: Mesh) {
  const rest = (await mesh.registry.totalStake()) + (await mesh.registry.totalBurnt());
  expect(await ethers.provider.getBalance(mesh.registry)).to.equal(rest);
}

describe("equivocation", () => {
  it("costs stake and sends to jail, and pays the reporter at most its gas", async () => {
    const mesh = await loadFixture(registered);
    const account = mesh.members[0]?.address as string;
    const reporter = mesh.registry.connect(mesh.stranger);
    const evidence = await contradictingHeads(mesh);
    const before = await ethers.provider.getBalance(mesh.stranger);
    const sent = await reporter.reportEquivocation(evidence);
    const receipt = await sent.wait();
    if (receipt === null) throw new Error("no receipt");
    await expect(sent)
      .to.emit(mesh.registry, "Slashed")
      .withArgs(account, EQUIVOCATION, LOST, STAKE - LOST);
    await expect(sent)
      .to.emit(mesh.registry, "Jailed")
      .withArgs(account, BigInt(await time.latest()) + BigInt(PARAMETERS.unbondingSeconds));

    const spent = receipt.gasUsed * receipt.gasPrice;
    const paid = (await ethers.provider.getBalance(mesh.stranger)) - before + spent;
    expect(paid).to.be.greaterThan(0n);
    expect(paid).to.be.at.most(spent);
    await expect(sent).to.emit(mesh.registry, "ReporterPaid").withArgs(mesh.stranger.address, paid);
    expect(await mesh.registry.totalBurnt()).to.equal(LOST - paid);
    expect(receipt.gasUsed).to.be.at.most(REPORT_CEILING);
    await expectBalanced(mesh);
  });

  it("pays a contract for the call alone, however long that makes its data", async () => {
    const mesh = await loadFixture(registered);
    const reporter = await ethers.deployContract("PaddingReporter", [mesh.registry]);
    const evidence = await contradictingHeads(mesh);
    const receipt = await (await reporter.report(evidence, 300_000)).wait();
    if (receipt === null) throw new Error("no receipt");
    const { baseFeePerGas } = (await ethers.provider.getBlock(receipt.blockNumber))!;
    const paid = await ethers.provider.getBalance(reporter);
    expect(paid).to.be.greaterThan(0n);
    // Its transaction has other uses.
    expect(paid).to.be.at.most((REPORT_CEILING - 21_000n) * (baseFeePerGas ?? 0n));
    expect(await mesh.registry.totalBurnt()).to.equal(LOST - paid);
    await expectBalanced(mesh);
  });

  it("pays an account for no more data than evidence has", async () => {
    const mesh = await loadFixture(registered);
    const evidence = await contradictingHeads(mesh);
    const { data, to } = await mesh.registry.reportEquivocation.populateTransaction(evidence);
    expect(data.length / 2 - 1).to.equal(900);
    const paidFor = async (padded: string): Promise<bigint> => {
      const again = await networkHelpers.takeSnapshot();
      const sent = await mesh.stranger.sendTransaction({ to, data: padded });
      const receipt = await sent.wait();
      const block = await ethers.provider.getBlock(receipt?.blockNumber ?? 0);
      const lost = LOST - (await mesh.registry.totalBurnt());
      await again.restore();
      return lost / (block?.baseFeePerGas ?? 1n);
    };
    const gas = await paidFor(data);
    expect(await paidFor(data + "00".repeat(10_000))).to.equal(gas);
  });

  it("is shown by checkpoints, activations and beacons as well", async () => {
    const mesh = await loadFixture(registered);
    const number = await currentTick(mesh);
    await mesh.registry.reportEquivocation(
      await report(mesh, KIND.checkpoint, checkpoint(number, 1n), checkpoint(number, 2n)),
    );
    await mesh.registry.reportEquivocation(
      await report(mesh, KIND.activation, activation(2n, 5n, 1n), activation(2n, 5n, 2n)),
    );
    await mesh.registry.reportEquivocation(await report(mesh, KIND.beacon, beacon(2n, 1n), beacon(2n, 2n)));
    await expectBalanced(mesh);
  });

  it("is punished once", async () => {
    const mesh = await loadFixture(registered);
    const evidence = await contradictingHeads(mesh);
    await mesh.registry.reportEquivocation(evidence);
    const swapped = { ...evidence, first: evidence.second, second: evidence.first };
    for (const again of [evidence, swapped]) {
      await expect(mesh.registry.reportEquivocation(again)).to.be.revertedWithCustomError(
        mesh.registry,
        "AlreadyPunished",
      );
    }
    expect((await mesh.registry.validator(mesh.members[0]?.address as string)).stake).to.equal(STAKE - LOST);
  });

  it("is not one vote twice, nor votes on two places, nor two attempts at one epoch", async () => {
    const mesh = await loadFixture(registered);
    await time.increase(PARAMETERS.tickSeconds);
    const number = await currentTick(mesh);
    for (const harmless of [
      await report(mesh, KIND.drlHead, head(number, 1n), head(number, 1n)),
      await report(mesh, KIND.drlHead, head(number, 1n), head(number - 1n, 2n)),
      await report(mesh, KIND.activation, activation(2n, 5n, 1n), activation(2n, 6n, 2n)),
    ]) {
      await expect(mesh.registry.reportEquivocation(harmless)).to.be.revertedWithCustomError(
        mesh.registry,
        "NoEquivocation",
      );
    }
  });

  it("is of ordered statements only, with the fields that these have", async () => {
    const mesh = await loadFixture(registered);
    const evidence = await contradictingHeads(mesh);
    for (const kind of [0, KIND.committeeList, 6, 255]) {
      await expect(mesh.registry.reportEquivocation({ ...evidence, kind }))
        .to.be.revertedWithCustomError(mesh.registry, "NotOrdered")
        .withArgs(kind, 192n);
    }
    const longer = { ...evidence.first, fields: `${evidence.first.fields}00` };
    await expect(mesh.registry.reportEquivocation({ ...evidence, first: longer }))
      .to.be.revertedWithCustomError(mesh.registry, "NotOrdered")
      .withArgs(KIND.drlHead, 193n);
  });

  it("is shown by signatures of one key alone: altered, foreign and high ones prove nothing", async () => {
    const mesh = await loadFixture(registered);
    const number = await currentTick(mesh);
    const evidence = await contradictingHeads(mesh);
    const { second } = evidence;
    const order = p256.Point.CURVE().n;
    for (const forged of [
      await vote(mesh, KIND.drlHead, head(number, 2n), OTHER_SECRET),
      { ...second, partialHash: word(1n) },
      { ...second, fields: (await vote(mesh, KIND.drlHead, head(number, 3n))).fields },
      { ...second, s: word(order - BigInt(second.s)) },
      { ...second, r: word(0n) },
    ]) {
      await expect(mesh.registry.reportEquivocation({ ...evidence, second: forged })).to.be.revertedWithCustomError(
        mesh.registry,
        "InvalidEvidence",
      );
    }
  });

  it("of a key that nobody registered costs nobody", async () => {
    const mesh = await loadFixture(registered);
    const number = await currentTick(mesh);
    const evidence = {
      kind: KIND.drlHead,
      ...keyOf(OTHER_SECRET),
      first: await vote(mesh, KIND.drlHead, head(number, 1n), OTHER_SECRET),
      second: await vote(mesh, KIND.drlHead, head(number, 2n), OTHER_SECRET),
    };
    await expect(mesh.registry.reportEquivocation(evidence))
      .to.be.revertedWithCustomError(mesh.registry, "NothingAtStake")
      .withArgs(ethers.ZeroAddress);
  });

  it("of a key that was replaced, by a member that leaves, still finds its owner until the stake is free", async () => {
    const mesh = await loadFixture(registered);
    const [offender] = mesh.members;
    if (offender === undefined) throw new Error("no members");
    const evidence = await contradictingHeads(mesh);
    const own = mesh.registry.connect(offender);
    await own.update(await tlsKeyOf(mesh, offender.address, OTHER_KEY), "validator.example:8443", "geo:u33dc");
    await own.exit();
    await networkHelpers.time.increase(DAY - 60n);
    await mesh.registry.reportEquivocation(evidence);
    expect(await mesh.registry.tlsPinOwner(tlsPinOf(TLS_SECRET))).to.equal(offender.address);
    expect((await mesh.registry.validator(offender.address)).stake).to.equal(STAKE - LOST);
  });

  it("counts until the stake of that time is free, and no longer", async () => {
    const mesh = await loadFixture(registered);
    const heads = await contradictingHeads(mesh);
    await time.increase(DAY + BigInt(PARAMETERS.tickSeconds));
    await expect(mesh.registry.reportEquivocation(heads)).to.be.revertedWithCustomError(
      mesh.registry,
      "EvidenceExpired",
    );
    // Of the last epochs, whatever the time; of older ones, not.
    for (let epoch = 2n; epoch <= 3n; epoch++) await mesh.ceremony.install(officeOf(mesh, epoch));
    const old = await report(mesh, KIND.activation, activation(1n, 5n, 1n), activation(1n, 5n, 2n));
    await expect(mesh.registry.reportEquivocation(old))
      .to.be.revertedWithCustomError(mesh.registry, "EvidenceExpired")
      .withArgs(1n, 3n);
    await mesh.registry.reportEquivocation(
      await report(mesh, KIND.activation, activation(2n, 5n, 1n), activation(2n, 5n, 2n)),
    );
    // A number that no clock reaches is no way around either.
    const never = await report(mesh, KIND.drlHead, head(2n ** 64n - 1n, 1n), head(2n ** 64n - 1n, 2n));
    await mesh.registry.reportEquivocation(never);
  });

  it("keeps the offender out of draws until its time is over and it asks", async () => {
    const mesh = await loadFixture(registered);
    const [offender] = mesh.members;
    if (offender === undefined) throw new Error("no members");
    const own = mesh.registry.connect(offender);
    expect(await mesh.registry.eligibleAmong([offender.address, ZeroAddress, offender.address])).to.equal(0b101n);
    const never = await next();
    await expect(own.unjail()).to.be.revertedWithCustomError(mesh.registry, "NotReleased").withArgs(0n, never);
    await mesh.registry.reportEquivocation(await contradictingHeads(mesh));
    const { jailedUntil } = await mesh.registry.validator(offender.address);
    expect(await mesh.registry.eligibleAmong([offender.address])).to.equal(0n);
    const early = await next();
    await expect(own.unjail()).to.be.revertedWithCustomError(mesh.registry, "NotReleased").withArgs(jailedUntil, early);
    await time.increaseTo(jailedUntil);
    expect(await mesh.registry.eligibleAmong([offender.address])).to.equal(0n);
    await expect(own.unjail()).to.emit(mesh.registry, "Unjailed").withArgs(offender.address);
    expect(await mesh.registry.eligibleAmong([offender.address])).to.equal(1n);
    expect(await gasOf(own.addStake({ value: 1n }))).to.be.greaterThan(0n);
  });

  /** The time of the next block, from now on whatever the clock says. */
  async function next(): Promise<bigint> {
    const second = BigInt(await time.latest()) + 1n;
    await time.setNextBlockTimestamp(second);
    return second;
  }
});

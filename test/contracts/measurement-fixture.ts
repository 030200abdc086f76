/** A round of measurement as members hold it: reports committed, revealed, and settled. */
import { AbiCoder, keccak256 } from "ethers";
import { network } from "hardhat";

import { packClasses } from "../../src/statements/classes.js";
import {
  PARAMETERS,
  deployMesh,
  genesisOf,
  officeOf,
  registrationOf,
  secretOf,
  submit,
  word,
  type Mesh,
  type Signer,
} from "./mesh.js";

export const EPOCH = 1n;
export const SALT = word(77n);

export type Measured = Awaited<ReturnType<typeof contractsOf>>;

/** What the rotation of a mesh created, when its first round may begin. */
export async function contractsOf(mesh: Mesh) {
  const { ethers, networkHelpers } = mesh.on;
  const [measurement, reputation, pool] = await Promise.all([
    ethers.getContractAt("Measurement", await mesh.rotation.measurement()),
    ethers.getContractAt("Reputation", await mesh.rotation.reputation()),
    ethers.getContractAt("RewardPool", await mesh.rotation.rewards()),
  ]);
  await networkHelpers.time.increase(PARAMETERS.epochSeconds / 4);
  return { mesh, measurement, reputation, pool, committee: officeOf(mesh).committee };
}

/** What a report is committed to by. */
export function commitmentOf(
  account: string,
  qualities: bigint,
  participation: bigint,
  salt = SALT,
  epoch = EPOCH,
): string {
  return keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["uint64", "address", "uint256", "uint128", "bytes32"],
      [epoch, account, qualities, participation, salt],
    ),
  );
}

/** The account at a seat. */
export function member(mesh: Mesh, seat: number): Signer {
  return mesh.members[seat - 1] as Signer;
}

/** Classes of the sample's candidates, and of the seats. */
export interface View {
  readonly qualities: readonly number[];
  readonly participation: readonly number[];
}

/** A whole round: each seat that has a view commits and reveals it. */
export async function hold({ mesh, measurement, committee }: Measured, views: ReadonlyMap<number, View>) {
  const { time } = mesh.on.networkHelpers;
  for (const [seat, { qualities, participation }] of views) {
    const own = member(mesh, seat);
    const commitment = commitmentOf(own.address, packClasses(qualities), packClasses(participation));
    await measurement.connect(own).commitReport(EPOCH, commitment);
  }
  await time.increase(PARAMETERS.phaseSeconds);
  for (const [seat, { qualities, participation }] of views) {
    await measurement
      .connect(member(mesh, seat))
      .revealReport(EPOCH, packClasses(qualities), packClasses(participation), SALT);
  }
  await time.increase(PARAMETERS.phaseSeconds);
  return measurement.settle(EPOCH, committee);
}

export type MeasuredMesh = Awaited<ReturnType<typeof measuredMesh>>;

/**
 * A mesh with a committee of `seats`, all registered and with stake, half of its candidates, and something in the reward pool.
 * Every round is of full reports, and all that it measures has changed since the one before.
 */
export async function measuredMesh(seats: number) {
  const mesh = await deployMesh(await network.create());
  const { ethers, networkHelpers } = mesh.on;
  const members = (await ethers.getSigners()).slice(0, seats);
  const committee = members.map(({ address }) => address);
  const accounts = [...committee, ...Array.from({ length: seats }, (_, i) => `0x${word(0x10000 + i).slice(-40)}`)];
  const candidates = accounts.map((account, i) => ({ account, operator: word(i + 1) }));
  await submit(mesh, await genesisOf(mesh, { committeeSize: seats }, { members: candidates }));
  for (const [i, own] of members.entries()) {
    const registration = await registrationOf(mesh, own.address, secretOf(100n + BigInt(i)), 100n + BigInt(i));
    await mesh.registry.connect(own).register(registration, { value: PARAMETERS.minimumStake });
  }
  const takeOffice = async (epoch: bigint): Promise<void> => {
    await mesh.ceremony.install({ ...officeOf(mesh, epoch), committee });
  };
  await takeOffice(EPOCH);
  const contracts = await contractsOf(mesh);
  await contracts.pool.payIn(1n, { value: 10n ** 18n });
  const ranks = committee.map((_, rank) => rank);
  await mesh.rotation.refresh(ranks);
  const reportOf = (epoch: bigint) => {
    const value = epoch % 2n === 0n ? 6 : 15;
    const classes = (count: number): bigint => packClasses(Array.from({ length: count }, () => value));
    return { qualities: classes(accounts.length), participation: classes(seats), salt: SALT };
  };
  return {
    ...contracts,
    rotation: mesh.rotation,
    members,
    committee,
    ranks,
    takeOffice,
    reportOf,
    commitment: (account: string, epoch: bigint): string => {
      const { qualities, participation, salt } = reportOf(epoch);
      return commitmentOf(account, qualities, participation, salt, epoch);
    },
    passProbing: () => networkHelpers.time.increase(PARAMETERS.epochSeconds / 4),
  };
}

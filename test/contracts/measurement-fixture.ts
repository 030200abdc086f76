/** A round of measurement as members hold it: reports committed, revealed, and settled. */
import { AbiCoder, keccak256 } from "ethers";

import { packClasses } from "../../src/statements/classes.js";
import { PARAMETERS, officeOf, word, type Mesh, type Signer } from "./mesh.js";

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

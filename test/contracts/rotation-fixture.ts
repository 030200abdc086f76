/** Turns of a mesh whose members take part as real ones do: weights, freeze, beacon, resharing, office and the heads of a probation. */
import { getBytes } from "ethers";

import { quorumOf } from "../../src/statements/quorum.js";
import {
  domainSeparator,
  statementDigest,
  type StatementName,
  type StatementValues,
} from "../../src/statements/eip712.js";
import { deployMesh, EPOCH, present, type CeremonyMesh, type Derived } from "./ceremony-fixture.js";
import { setNextTick } from "./ticks.js";

/** A mesh of `members` candidates, all registered, whose first committee of `seats` is in office. */
export async function deployInOffice(seats: number, members = seats): Promise<CeremonyMesh> {
  const mesh = await deployMesh(seats, members);
  await takeOffice(mesh, await mesh.runToAcknowledge());
  return mesh;
}

export function seatsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Acknowledgements of all and the activation: the committee is in office, and deals in the next ceremony. */
export async function takeOffice(mesh: CeremonyMesh, derived: Derived): Promise<void> {
  await mesh.acknowledge(await mesh.late(), derived.outcomeHash);
  await activate(mesh, derived);
}

/** The activation alone, signed by the last t seats. */
export async function activate(mesh: CeremonyMesh, derived: Derived): Promise<void> {
  const { generation, epoch } = await mesh.groupKeys.office();
  const digest = mesh.activationDigest(derived, mesh.meshId, epoch + 1n, generation === 0n ? 1n : generation);
  const signature = mesh.sign(derived, seatsUpTo(mesh.seated.length).slice(-mesh.quorum.t), digest);
  await mesh.ceremony.activate(mesh.id, mesh.attempt, derived.outcome, signature);
  mesh.incumbents = { seated: mesh.seated, derived, quorum: mesh.quorum };
}

/** A statement to `contract` under the group key, signed by the last t of the committee in office, or by these seats of it. */
export function swarmSign(
  mesh: CeremonyMesh,
  contract: { readonly target: unknown },
  name: StatementName,
  values: StatementValues,
  seats?: readonly number[],
) {
  const { derived, quorum } = present(mesh.incumbents, "committee");
  const verifyingContract = getBytes(contract.target as string);
  const separator = domainSeparator({ chainId: 31337n, verifyingContract, meshId: mesh.meshId });
  const last = [...derived.shares.keys()].slice(-quorum.t);
  return mesh.sign(derived, seats ?? last, statementDigest(separator, name, values));
}

/** Weighs all candidates. */
export async function refreshAll({ rotation, members }: CeremonyMesh): Promise<void> {
  await rotation.refresh(members.map((_, rank) => rank));
}

/** Lets the epoch of the committee in office pass. */
export async function passEpoch({ groupKeys, chain: { networkHelpers } }: CeremonyMesh): Promise<void> {
  const due = (await groupKeys.since()) + BigInt(EPOCH);
  if (BigInt(await networkHelpers.time.latest()) < due) await networkHelpers.time.increaseTo(due);
}

/** The signature of the beacon of the turn under way, or of one with other fields. */
export async function signBeacon(
  mesh: CeremonyMesh,
  changed: Partial<Record<"epoch" | "previous" | "blockNumber" | "prevrandao", Uint8Array | bigint>> = {},
) {
  const { epoch, blockNumber, prevrandao } = await mesh.rotation.turn();
  const previous = getBytes(await mesh.rotation.lastBeacon());
  const fields = { epoch, previous, blockNumber, prevrandao: getBytes(prevrandao), ...changed };
  return swarmSign(mesh, mesh.rotation, "Beacon", fields);
}

/** The turn of the committee in office, up to its beacon. */
export async function takeTurn(mesh: CeremonyMesh): Promise<void> {
  await passEpoch(mesh);
  await mesh.rotation.freeze();
  await mesh.chain.networkHelpers.mine(1);
  const { epoch } = await mesh.rotation.turn();
  await mesh.rotation.postBeacon(epoch, await signBeacon(mesh));
}

/** Begins the ceremony to the committee of the turn. */
export async function startResharing(mesh: CeremonyMesh): Promise<void> {
  await mesh.ceremony.startResharing();
  mesh.id = await mesh.ceremony.current();
  mesh.quorum = quorumOf(Number((await mesh.status()).seats));
  mesh.attempt = 1;
  mesh.dealings.clear();
}

/** Looks at the ceremony for new keys that has just started, which has no dealers but its receivers. */
export async function sitDownToNewKeys(mesh: CeremonyMesh): Promise<void> {
  mesh.incumbents = undefined;
  mesh.id = await mesh.ceremony.current();
  mesh.quorum = quorumOf(Number((await mesh.status()).seats));
  mesh.attempt = 1;
  mesh.dealings.clear();
}

/** The ceremony for new keys, with all acknowledgements. */
export async function newKeysToAcknowledge(mesh: CeremonyMesh): Promise<Derived> {
  await mesh.seatAll();
  await mesh.dealAll();
  await mesh.advance();
  const derived = await mesh.acknowledgeAll();
  await mesh.advance();
  return derived;
}

/** A turn over the weights as they are now, and its ceremony up to the dealings. */
export async function reshareToDealing(mesh: CeremonyMesh): Promise<void> {
  await refreshAll(mesh);
  await takeTurn(mesh);
  await startResharing(mesh);
  await mesh.seatAll();
}

/** The ceremony of the turn with all acknowledgements, all honest but for dealers that do not deal. */
export async function reshareToAcknowledge(mesh: CeremonyMesh, silent: readonly number[] = []): Promise<Derived> {
  await startResharing(mesh);
  await mesh.seatAll();
  await mesh.dealAll(silent);
  await (silent.length === 0 ? mesh.advance() : mesh.advanceLate());
  const derived = await mesh.acknowledgeAll();
  await mesh.advance();
  return derived;
}

/** A whole handover, from the turn on. */
export async function handOver(mesh: CeremonyMesh): Promise<Derived> {
  await takeTurn(mesh);
  const derived = await reshareToAcknowledge(mesh);
  await takeOffice(mesh, derived);
  return derived;
}

/** Puts the next head of the revocation list on the ledger once its tick has come, or one of this number, signed by the committee in office or by these seats of it. */
export async function postHead(mesh: CeremonyMesh, seats?: readonly number[], wanted?: bigint): Promise<void> {
  const number = wanted ?? (await mesh.revocations.headNumber()) + 1n;
  await setNextTick(mesh.chain, mesh.anchor, number);
  const head = { number, root: new Uint8Array(32), words: 0n, issued: 1n, expires: 2n, blockNumber: 1n };
  await mesh.revocations.postHead(head, swarmSign(mesh, mesh.revocations, "DrlHead", head, seats));
}

/** The last head that a new committee owes. */
export async function passProbation(mesh: CeremonyMesh): Promise<void> {
  await postHead(mesh, undefined, (await mesh.groupKeys.probation()).head);
}

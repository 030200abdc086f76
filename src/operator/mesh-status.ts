/** A mesh as it stands on the ledger now. It informs and proves nothing: what has to be believed is signed. */
import { ZeroAddress } from "ethers";

import { paysRewards } from "../ledger/reward-projection.js";
import { formatEther } from "../statements/ether.js";
import { quorumOf } from "../statements/quorum.js";
import { type MeshLedger, VALIDATOR_STATES, blockTime } from "./ledger.js";
import { type MeshParameters, PUBLIC_PARAMETERS } from "./parameters.js";

const PHASES = ["none", "accept", "deal", "complain", "acknowledge", "active", "abandoned"] as const;

export async function meshStatus(ledger: MeshLedger) {
  const { contracts, mesh, endpoint, addresses } = ledger;
  const { anchor, groupKeys, ceremony, registry, revocations, fleets, rotation, measurement, reputation } = contracts;
  const [time, start, parameters, office, current, candidates, head, checkpoint, counts, pool] = await Promise.all([
    blockTime(endpoint),
    anchor.start(),
    anchor.parameters(),
    groupKeys.office(),
    ceremony.current(),
    registry.candidates(),
    revocations.latestHead(),
    revocations.latestCheckpoint(),
    Promise.all([fleets.grantCount(), fleets.fleetCount(), fleets.nextIndex()]),
    Promise.all([contracts.rewards.unallotted(), contracts.rewards.totalOwed()]),
  ]);
  const [grants, fleetCount, nextIndex] = counts.map(Number) as [number, number, number];
  const running = current === 0n ? undefined : await ceremony.statusOf(current);
  const certificateHash = office.generation === 0n ? undefined : await anchor.certificateHash(office.generation);
  const seats = quorumOf(Number(parameters.committeeSize));
  return {
    meshId: `0x${Buffer.from(mesh.meshId).toString("hex")}`,
    chainId: mesh.chainId,
    rootFingerprint: mesh.rootFingerprint,
    started: Number(start),
    time,
    contracts: { ...addresses },
    parameters: Object.fromEntries(
      (Object.keys(PUBLIC_PARAMETERS) as (keyof MeshParameters)[]).map((name) => [name, parameters[name]]),
    ) as Record<keyof MeshParameters, bigint>,
    quorum: { seats: seats.n, faulty: seats.f, signatures: seats.t },
    office:
      office.generation === 0n
        ? undefined
        : {
            generation: Number(office.generation),
            epoch: Number(office.epoch),
            committee: office.committee.filter((account) => account !== ZeroAddress),
            certified: certificateHash !== undefined && !/^0x0{64}$/.test(certificateHash),
          },
    ceremony:
      running === undefined
        ? undefined
        : {
            number: Number(current),
            phase: PHASES[Number(running.phase)] ?? "unknown",
            attempt: Number(running.attempt),
            accepted: running.accepted.toString(2).replaceAll("0", "").length,
            deadline: Number(running.deadline),
          },
    members: await Promise.all(
      candidates.map(async (account, rank) => {
        const [{ state, stake, endpoint: address, scope }, quality, score, weight] = await Promise.all([
          registry.validator(account),
          measurement.qualityOf(rank),
          reputation.scoreOf(account),
          rotation.weightOf(rank),
        ]);
        return {
          account,
          /** From 1; undefined for a candidate that is not in office. */
          seat: seatOf(office.committee, account),
          state: VALIDATOR_STATES[Number(state)] ?? "unknown",
          stake,
          endpoint: address,
          scope,
          quality: Number(quality),
          reputation: Number(score),
          weight: Number(weight),
        };
      }),
    ),
    head:
      head.number === 0n
        ? undefined
        : { number: Number(head.number), issued: Number(head.issued), expires: Number(head.expires) },
    checkpoint:
      checkpoint.number === 0n
        ? undefined
        : { number: Number(checkpoint.number), block: Number(checkpoint.blockNumber) },
    /** Wei. */
    rewards: { unallotted: pool[0], owed: pool[1] },
    grants,
    fleets: fleetCount,
    devices: nextIndex,
  };
}

function seatOf(committee: readonly string[], account: string): number | undefined {
  const index = committee.indexOf(account);
  return index < 0 ? undefined : index + 1;
}

export type MeshStatus = Awaited<ReturnType<typeof meshStatus>>;

/** For people: a line or two on each subject. */
export function describeStatus(status: MeshStatus): string {
  const { office, ceremony, members, head, quorum } = status;
  const keys =
    office === undefined
      ? "no group keys yet"
      : `generation ${office.generation}, epoch ${office.epoch}, ${office.committee.length} validators in office, ${
          office.certified ? "certified by the root" : "NOT certified by the root yet (swarmkeep mesh certify)"
        }`;
  const lines = [
    `mesh         ${status.meshId}`,
    `root         SHA-256 ${Buffer.from(status.rootFingerprint).toString("hex")}`,
    `chain        ${status.chainId}, anchor ${status.contracts.anchor}`,
    `keys         ${keys}`,
    `quorum       ${quorum.signatures} of ${quorum.seats} validators sign, ${quorum.faulty} may be faulty`,
    `ceremony     ${
      ceremony === undefined ? "none yet" : `number ${ceremony.number}, attempt ${ceremony.attempt}, ${ceremony.phase}`
    }`,
    `head         ${head === undefined ? "none posted" : `number ${head.number}, ${head.expires - status.time} s to live`}`,
    `fleets       ${status.fleets}, grants ${status.grants}, device indexes taken ${status.devices}`,
    `rewards      ${
      !paysRewards(status.parameters)
        ? "none: the mesh was founded without"
        : `${formatEther(status.rewards.unallotted)} in the pool, ${formatEther(status.rewards.owed)} to be claimed`
    }`,
    ...members.map(
      ({ account, seat, state, quality, reputation, endpoint }) =>
        `validator    ${account} ${(seat === undefined ? "no seat" : `seat ${seat}`).padEnd(7)} ${state.padEnd(8)} quality ${String(quality).padEnd(2)} reputation ${String(reputation).padEnd(2)} ${endpoint}`,
    ),
    ...Object.entries(status.parameters).map(([name, value]) => `parameter    ${name} ${value}`),
  ];
  return lines.join("\n");
}

/** The turns of a mesh as its ledger tells them: beacons, weights, and what the weights were made of at the time. */
import { getBytes } from "ethers";

import { g1FromEip2537 } from "../crypto/points.js";
import { eventDecoder } from "../ledger/events.js";
import { g1Bytes, signatureBytes } from "../ledger/points.js";
import { Projection } from "../ledger/projection.js";
import { logsOf } from "../ledger/source.js";
import type { BeaconChain, KeyPeriod } from "../protocol/beacon-chain.js";
import type { DrawCandidate, DrawInputs } from "../protocol/draw-explanation.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { MeshLedger } from "./ledger.js";

/** Blocks asked for at once: public endpoints take a few thousand. */
const RANGE = 2_000;

/** Reads all events of the mesh. */
export async function readRotationHistory(ledger: MeshLedger): Promise<Projection> {
  const { endpoint, addresses, mesh } = ledger;
  const decode = eventDecoder(addresses);
  const projection = new Projection();
  const last = await endpoint.provider.getBlockNumber();
  for (let from = mesh.deployedBlock; from <= last; from += RANGE) {
    const logs = await logsOf(endpoint, Object.values(addresses), from, Math.min(from + RANGE - 1, last));
    for (const log of logs) projection.apply(decode(log));
  }
  return projection;
}

/** The chain of beacons with the keys that signed it. */
export function beaconChainOf(ledger: MeshLedger, projection: Projection): BeaconChain {
  const keys: KeyPeriod[] = projection.offices().map(({ epoch, blsKey }) => ({
    fromEpoch: epoch,
    blsKey: g1FromEip2537(g1Bytes(blsKey)).toBytes(),
  }));
  return {
    chainId: ledger.mesh.chainId,
    meshId: ledger.mesh.meshId,
    rotation: getBytes(ledger.addresses.rotation),
    keys: keys.filter((key, i) => i === 0 || !sameKey(key, keys[i - 1] as KeyPeriod)),
    links: [...projection.rotation.turns.values()].flatMap(({ epoch, blockNumber, prevrandao, beacon }) =>
      beacon === undefined
        ? []
        : [
            {
              epoch,
              blockNumber,
              prevrandao: getBytes(prevrandao),
              previous: getBytes(beacon.previous),
              signature: signatureBytes(beacon.signature),
              value: getBytes(beacon.value),
            },
          ],
    ),
  };
}

function sameKey(a: KeyPeriod, b: KeyPeriod): boolean {
  return Buffer.from(a.blsKey).equals(b.blsKey);
}

/** All that the draw of an epoch was made of. @throws SwarmkeepError `no-draw` */
export function drawInputsOf(projection: Projection, epoch: bigint): DrawInputs {
  const turn = projection.rotation.turns.get(epoch);
  if (turn?.beacon === undefined) {
    const known = [...projection.rotation.turns.values()].filter(({ beacon }) => beacon !== undefined);
    const range = known.length === 0 ? "none" : `${known[0]?.epoch} to ${known.at(-1)?.epoch}`;
    throw new SwarmkeepError(`no committee of epoch ${epoch} was drawn`, {
      kind: "usage",
      code: "no-draw",
      advice: `Draws were made for epochs ${range}; the first committee comes from the genesis, without a draw.`,
      details: { epoch: String(epoch) },
    });
  }
  const offices = projection.offices();
  const office = offices.find((one) => one.epoch === epoch);
  // A re-key, a recovery and a reversion take an epoch too, and leave the draw aside.
  const started = office && projection.ceremonies.get(office.ceremony)?.[0];
  const isResharing = started?.name === "CeremonyStarted" && started.args.kind === 1n;
  const isOfTurn = isResharing && offices.find(({ ceremony }) => ceremony === office?.ceremony) === office;
  const candidates = projection.membersAt(turn.frozenIn).slice(0, turn.candidates);
  return {
    epoch,
    beacon: getBytes(turn.beacon.value),
    seats: turn.seats,
    weights: turn.weights,
    committee: isOfTurn ? office?.committee : undefined,
    isDisplaced: office !== undefined && !isOfTurn,
    candidates: candidates.map((member, rank): DrawCandidate => ({
      account: member.account,
      weighedBy: turn.weighedBy[rank],
      barred: projection.barOf(member, turn.frozenIn),
    })),
  };
}

/**
 * The committee changes by itself, and the gateway is drawn into it: the meter, which has no ledger, renews its certificate after each
 * handover, by the committee list that the swarm signed, under the key that it has pinned.
 */
import { hexlify } from "ethers";

import type { Progress } from "../progress.js";
import type { Fleet } from "./fleet-story.js";
import { type LocalMesh, until } from "./local-mesh.js";

const ROTATIONS = 2;
/** Of a handover, as the contract counts them: from accepting a seat to acknowledging the outcome. */
const [FIRST_PHASE, LAST_PHASE] = [1n, 4n];
/** Until the gateway was drawn there may be more of them, and no more than these. */
const MOST_ROTATIONS = 5;

export async function tellRotationStory(
  { ledger, running }: LocalMesh,
  { meter }: Fleet,
  gateway: string,
  progress: Progress,
): Promise<void> {
  const { groupKeys, rotation, ceremony } = ledger.contracts;
  /** Whether shares are being dealt just now. */
  const isHandingOver = async (): Promise<boolean> => {
    const { phase } = await ceremony.statusOf(await ceremony.current());
    return phase >= FIRST_PHASE && phase <= LAST_PHASE;
  };
  // The one that certified the first devices was of epoch 1; others may have followed it while these things were shown.
  const certificate = await meter.agent.certificate();
  const key = hexlify(meter.agent.trust?.keys.ed25519 ?? new Uint8Array());
  for (
    let shown = 1, seen = 1n, seats = 0n, renewals = 0;
    shown <= ROTATIONS || seats === 0n || renewals === 0;
    shown++
  ) {
    if (shown > MOST_ROTATIONS)
      throw new Error("the gateway was not drawn, or no handover was seen while it was under way");
    const { office, seat, during } = await progress.step("rotation", async () => {
      let epoch = 0n;
      let meanwhile = "";
      await until(running, `a committee after that of epoch ${seen} is in office`, 180, async () => {
        if (meanwhile === "" && (await isHandingOver())) {
          await meter.agent.renew({ attempts: 30 });
          meanwhile = ", while the meter renews";
        }
        epoch = await groupKeys.epoch();
        return epoch > seen;
      });
      const [posted] = await rotation.queryFilter(rotation.filters.BeaconPosted(epoch));
      const drawn = posted === undefined ? "" : `drawn by beacon ${posted.args.beacon.slice(2, 10)}..., `;
      const own = await groupKeys.seatOf(gateway);
      const its = own > 0n ? `; the gateway has seat ${own}` : "";
      const detail = `epoch ${epoch}: ${drawn}keys handed over by resharing${meanwhile}${its}`;
      return { detail, value: { office: epoch, seat: own, during: meanwhile === "" ? 0 : 1 } };
    });
    [seen, seats, renewals] = [office, seats + seat, renewals + during];
    await progress.step("renew", async () => {
      const renewed = await meter.agent.renew({ attempts: 30 });
      const isSame =
        key === (await groupKeys.edKey()) && key === hexlify(meter.agent.trust?.keys.ed25519 ?? new Uint8Array());
      if (!isSame || renewed.generation !== certificate?.generation) throw new Error("the group key has changed");
      return {
        detail: `the meter, by the committee of the swarm's new list, under the public key ${key.slice(2, 10)}... of before`,
        value: undefined,
      };
    });
  }
  await tellMeasurements(ledger, progress);
}

/** What the committees have measured of the candidates meanwhile; nothing where a busy machine let every round fail. */
async function tellMeasurements({ contracts }: LocalMesh["ledger"], progress: Progress): Promise<void> {
  const { measurement, reputation, registry } = contracts;
  const rounds = await measurement.queryFilter(measurement.filters.RoundSettled());
  const last = rounds.findLast(({ args }) => args.isMeasured);
  if (last === undefined) return;
  await progress.step("measured", async () => {
    const ranks = Array.from({ length: Number(await registry.candidateCount()) }, (_, rank) => rank);
    const qualities = await Promise.all(ranks.map(async (rank) => Number(await measurement.qualityOf(rank))));
    const accounts = await registry.candidatesAt(ranks);
    const scores = await Promise.all(accounts.map(async (account) => Number(await reputation.scoreOf(account))));
    const of = (values: readonly number[]): string => `${Math.min(...values)} to ${Math.max(...values)}`;
    const measured = `${ranks.length} candidates, by probes in epoch ${last.args.epoch}`;
    return { detail: `${measured}: quality ${of(qualities)} of 15, reputation ${of(scores)} of 15`, value: undefined };
  });
}

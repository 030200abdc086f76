/** What the ledger tells of one validator over time: its standing, the epochs it served, what it earned, what it was fined for. */
import type { Projection } from "../ledger/projection.js";
import { candidateWeight } from "../protocol/weight.js";
import { CLASSES, classAt } from "../statements/classes.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { formatEther } from "../statements/ether.js";

/** An epoch in which the account had a seat. */
export type ServedEpoch = {
  readonly epoch: bigint;
  readonly seat: number;
  /** Class of what it did, and its score afterwards; null where the epoch was not measured. */
  readonly participated: number | null;
  readonly score: number | null;
  /** Whether it gave its own report of the others. */
  readonly reported: boolean;
  /** Wei. */
  readonly earned: bigint;
};

/** A round in which it was one of the candidates measured. */
export type MeasuredRound = {
  readonly epoch: bigint;
  readonly quality: number;
};

const OFFENCES = ["bad dealing", "bad complaint", "missing dealing", "equivocation"] as const;

/** @throws SwarmkeepError `no-candidate` */
export function validatorHistory(projection: Projection, account: string) {
  const key = account.toLowerCase();
  const rank = projection.members().findIndex((one) => one.account.toLowerCase() === key);
  const member = projection.members()[rank];
  if (member === undefined) {
    throw new SwarmkeepError(`${account} is no candidate of this mesh`, {
      kind: "usage",
      code: "no-candidate",
      advice: "See who is: swarmkeep committee show.",
      details: { account },
    });
  }
  const { measurement, rewards, rotation } = projection;
  const credits = new Map(measurement.creditsOf(account).map((credit) => [credit.epoch, credit]));
  const served = projection.offices().flatMap(({ epoch, committee }): ServedEpoch[] => {
    const seat = committee.findIndex((one) => one.toLowerCase() === key) + 1;
    if (seat === 0) return [];
    const { participated = null, score = null } = credits.get(epoch) ?? {};
    const reported = measurement.rounds.get(epoch)?.reports.has(seat) ?? false;
    return [{ epoch, seat, participated, score, reported, earned: rewards.earnedIn(epoch, account) }];
  });
  const rounds = [...measurement.rounds.values()].flatMap(({ epoch, first, sampled, result }): MeasuredRound[] => {
    const wasMeasured = result?.isMeasured === true && rank >= first && rank < first + sampled;
    return wasMeasured ? [{ epoch, quality: classAt(result.qualities, rank - first) }] : [];
  });
  const inputs = projection.weightInputsOf(rank, member);
  return {
    account: member.account,
    rank,
    state: member.jailedUntil === 0n ? member.state : ("jailed" as const),
    stake: member.stake,
    quality: inputs.quality,
    reputation: inputs.reputation,
    weight: rotation.weightOf(rank),
    weightIfRefreshed: candidateWeight(inputs).weight,
    served,
    rounds,
    ...rewards.earningsOf(account),
    fines: projection.slashes
      .filter((slash) => slash.account.toLowerCase() === key)
      .map(({ offence, amount, blockNumber }) => ({
        offence: OFFENCES[Number(offence)] ?? `offence ${offence}`,
        amount,
        blockNumber,
      })),
  };
}

export type ValidatorHistory = ReturnType<typeof validatorHistory>;

/** For people: how it stands, then a line for each epoch. */
export function describeHistory(history: ValidatorHistory): string {
  const { account, state, stake, quality, reputation, weight, weightIfRefreshed, served, rounds, fines } = history;
  const becomes = weight === weightIfRefreshed ? "" : `, ${weightIfRefreshed} when it is refreshed`;
  const measured = served.filter(({ participated }) => participated !== null).length;
  return [
    `validator    ${account}, ${state}, stake ${formatEther(stake)}`,
    `quality      ${quality} of ${CLASSES.best}${rounds.length === 0 ? ", not measured yet" : `, measured in ${rounds.length} rounds`}`,
    `reputation   ${reputation} of ${CLASSES.best}${measured === 0 ? ", where a newcomer begins" : `, by ${measured} epochs in office`}`,
    `weight       ${weight}${becomes}`,
    `rewards      ${formatEther(history.earned)} earned, ${formatEther(history.owed)} of it to be claimed`,
    ...mergedEpochs(history),
    ...fines.map(
      ({ offence, amount, blockNumber }) =>
        `fined        ${formatEther(amount)} for ${offence}, in block ${blockNumber}`,
    ),
  ].join("\n");
}

function mergedEpochs({ served, rounds }: ValidatorHistory): string[] {
  const epochs = new Map<bigint, string[]>();
  for (const { epoch, seat, participated, score, reported, earned } of served) {
    const did =
      participated === null
        ? "not measured"
        : `did ${participated} of ${CLASSES.best} of what it owed, reputation ${score} since`;
    const paid = earned === 0n ? [] : [`earned ${formatEther(earned)}`];
    epochs.set(epoch, [`seat ${seat}`, did, ...(reported ? [] : ["gave no report"]), ...paid]);
  }
  for (const { epoch, quality } of rounds)
    epochs.set(epoch, [...(epochs.get(epoch) ?? []), `quality ${quality} since`]);
  return [...epochs]
    .toSorted(([a], [b]) => Number(a - b))
    .map(([epoch, facts]) => `epoch ${String(epoch).padEnd(6)} ${facts.join(", ")}`);
}

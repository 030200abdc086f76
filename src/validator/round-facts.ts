/** What the ledger shows of a round of measurements, as its next step depends on it (docs/protocol.md, section 15.4). */
import { ZeroAddress } from "ethers";

import type { Round } from "../ledger/measurement-projection.js";
import type { Office, Projection } from "../ledger/projection.js";
import type { RoundFacts } from "../protocol/measurement-round.js";
import { CLASSES, classAt } from "../statements/classes.js";

/** RewardPool.sol counts in these. */
const BASIS_POINTS = 10_000n;

/** @param office of the round's epoch. */
export function roundFacts(round: Round, office: Office, projection: Projection): RoundFacts {
  const { measurement, rewards } = projection;
  const { epoch, first, sampled, commitDeadline, revealDeadline, committed, reports, result } = round;
  return {
    commitDeadline: Number(commitDeadline),
    revealDeadline: Number(revealDeadline),
    sample: { first, sampled },
    commitments: new Set(committed),
    reports: new Set(reports.keys()),
    isMeasured: result?.isMeasured,
    isCredited: measurement.lastCredited >= epoch,
    isPaid: rewards.lastEpoch >= epoch || !isOwed(round, office, projection),
  };
}

/** Whether the pool has anything for an epoch, as RewardPool.sol divides it. */
function isOwed({ result }: Round, { committee }: Office, { genesis, rewards }: Projection): boolean {
  const budget = (rewards.unallotted * (genesis?.parameters.rewardBps ?? 0n)) / BASIS_POINTS;
  return committee.some((account, i) => {
    const share = (budget * BigInt(classAt(result?.participation ?? 0n, i))) / BigInt(CLASSES.best * committee.length);
    return account !== ZeroAddress && share > 0n;
  });
}

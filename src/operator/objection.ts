/** Objections: proposals that the swarm, which still has its keys, cancels a recovery that the root CA asks for. */
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { when } from "../statements/time.js";
import { type MeshLedger, blockTime } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, submitProposed } from "./proposal.js";
import { RECOVERY_STAGE } from "./recovery.js";
import type { Validators } from "./swarm-signature.js";

export interface ObjectionProposal extends ProposalPlace {
  /** Address of the Recovery, checksummed. */
  readonly recovery: string;
  /** Of the request. */
  readonly number: bigint;
}

export const OBJECTION_KIND = "swarmkeep-objection/1";
/** Each takes a signature of the root CA; JSON holds it exactly. */
const MAXIMUM_NUMBER = 2 ** 32;

export function formatObjection(objection: ObjectionProposal): string {
  return formatProposal(OBJECTION_KIND, { ...objection });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseObjection(text: string): ObjectionProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(OBJECTION_KIND);
  return {
    ...fields.place(),
    recovery: fields.address("recovery"),
    number: fields.count("number", MAXIMUM_NUMBER),
  };
}

export function proposedObjection({ meshId, chainId, recovery, number }: ObjectionProposal): Proposed {
  return {
    meshId,
    chainId,
    taker: "recovery",
    contract: recovery,
    request: { name: "RecoveryCancellation", values: { number } },
    description: [
      `The mesh ${meshId}`,
      `  of        chain ${chainId}, recovery at ${recovery}`,
      `  refuses   the root CA's request ${number} for new group keys: the present ones are neither lost nor in wrong hands`,
    ].join("\n"),
  };
}

/** Gathers the swarm's signature and cancels the request. */
export async function submitObjection(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  objection: ObjectionProposal,
): Promise<Receipt> {
  return submitProposed(ledger, validators, sender, proposedObjection(objection), {
    method: "cancelRecovery",
    values: [objection.number],
    action: "cancel the recovery",
  });
}

/**
 * The number of the request that the swarm may cancel now.
 * @throws SwarmkeepError `no-recovery`, which says why there is none
 */
export async function cancellableRequest({ contracts, endpoint }: MeshLedger): Promise<bigint> {
  const { number, generation, until, isCompromised, stage } = await contracts.recovery.standing();
  const refused = (what: string, advice: string): SwarmkeepError =>
    new SwarmkeepError(what, { kind: "usage", code: "no-recovery", advice, details: { number } });
  const nothing = "There is nothing to object to.";
  const isOfOthers = generation !== (await contracts.groupKeys.generation());
  if (stage === RECOVERY_STAGE.none || isOfOthers) {
    throw refused("the root CA has not asked for new group keys in place of the present ones", nothing);
  }
  if (stage === RECOVERY_STAGE.cancelled) throw refused(`the swarm cancelled request ${number} already`, nothing);
  const tooLate = "The members that it names make new keys: `swarmkeep mesh status` shows when they are in office.";
  if (stage === RECOVERY_STAGE.begun) throw refused(`request ${number} has begun`, tooLate);
  if (isCompromised) {
    const advice = "It begins only if more than a third of the committee say so: without that there is nothing to do.";
    throw refused(`request ${number} is of keys in wrong hands, whose signature would prove nothing`, advice);
  }
  const now = await blockTime(endpoint, "latest");
  if (now <= Number(until)) return number;
  throw refused(`request ${number} could be cancelled until ${when(Number(until))}`, tooLate);
}

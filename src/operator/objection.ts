/** Objections: proposals that the swarm, which still has its keys, cancels a recovery that the root CA asks for. */
import { signatureStruct } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import type { MeshLedger } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, gatherProposed } from "./proposal.js";
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
  const signature = await gatherProposed(ledger, validators, proposedObjection(objection));
  const data = ledger.contracts.recovery.interface.encodeFunctionData("cancelRecovery", [
    objection.number,
    signatureStruct(signature),
  ]);
  return sender.send({ to: ledger.addresses.recovery, data, action: "cancel the recovery" });
}

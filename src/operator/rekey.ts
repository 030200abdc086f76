/** Re-keys: proposals that the committee makes new group keys, and their submission once operators have approved them. */
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import type { MeshLedger } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, submitProposed } from "./proposal.js";
import type { Validators } from "./swarm-signature.js";
import { when } from "../statements/time.js";

export interface RekeyProposal extends ProposalPlace {
  /** Address of the Generations, checksummed. */
  readonly generations: string;
  /** The one to come. */
  readonly generation: bigint;
  /** Seconds since 1970: the ledger takes the statement until then. */
  readonly expiry: bigint;
}

export const REKEY_KIND = "swarmkeep-rekey/1";
/** No mesh gets there; JSON holds it exactly. */
const MAXIMUM_GENERATION = 2 ** 32;

export function formatRekey(rekey: RekeyProposal): string {
  return formatProposal(REKEY_KIND, { ...rekey });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseRekey(text: string): RekeyProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(REKEY_KIND);
  return {
    ...fields.place(),
    generations: fields.address("generations"),
    generation: fields.count("generation", MAXIMUM_GENERATION),
    expiry: fields.time("expiry"),
  };
}

export function proposedRekey({ meshId, chainId, generations, generation, expiry }: RekeyProposal): Proposed {
  return {
    meshId,
    chainId,
    taker: "generations",
    contract: generations,
    request: { name: "Rekey", values: { generation, expiry } },
    description: [
      `The mesh ${meshId}`,
      `  of        chain ${chainId}, generations at ${generations}`,
      `  makes     group keys of generation ${generation}, signed by the present ones`,
      `  submitted until ${when(Number(expiry))}`,
    ].join("\n"),
  };
}

/** Gathers the swarm's signature and submits the re-key. */
export async function submitRekey(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  rekey: RekeyProposal,
): Promise<Receipt> {
  return submitProposed(ledger, validators, sender, proposedRekey(rekey), {
    method: "startRekey",
    values: [rekey.generation, rekey.expiry],
    action: "start the re-key",
  });
}

/** Successors: proposals that a mesh goes on with other contracts or on another chain, and their submission once approved. */
import { getBytes } from "ethers";

import type { Receipt, TransactionSender } from "../ledger/sender.js";
import type { MeshLedger } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, submitProposed } from "./proposal.js";
import type { Validators } from "./swarm-signature.js";
import { when } from "../statements/time.js";

/** A successor as it is proposed. */
export interface SuccessorProposal extends ProposalPlace {
  /** The TrustAnchor that takes it. */
  readonly anchor: string;
  /** Where the mesh goes on. */
  readonly nextChainId: bigint;
  readonly nextAnchor: string;
  readonly nextMeshId: string;
  /** Seconds since 1970: the ledger takes the statement until then. */
  readonly expiry: bigint;
}

export const SUCCESSOR_KIND = "swarmkeep-successor/1";

export function formatSuccessor({ nextChainId, ...rest }: SuccessorProposal): string {
  return formatProposal(SUCCESSOR_KIND, { ...rest, nextChainId: nextChainId.toString() });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseSuccessor(text: string): SuccessorProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(SUCCESSOR_KIND);
  return {
    ...fields.place(),
    anchor: fields.address("anchor"),
    nextChainId: fields.chainId("nextChainId"),
    nextAnchor: fields.address("nextAnchor"),
    nextMeshId: fields.word("nextMeshId"),
    expiry: fields.time("expiry"),
  };
}

export function proposedSuccessor(successor: SuccessorProposal): Proposed {
  const { meshId, chainId, anchor, nextChainId, nextAnchor, nextMeshId, expiry } = successor;
  return {
    meshId,
    chainId,
    taker: "anchor",
    contract: anchor,
    request: {
      name: "Successor",
      values: { chainId: nextChainId, anchor: getBytes(nextAnchor), meshId: getBytes(nextMeshId), expiry },
    },
    description: [
      `The mesh ${meshId}`,
      `  of        chain ${chainId}, trust anchor ${anchor}`,
      `  goes on   as mesh ${nextMeshId}, chain ${nextChainId}, trust anchor ${nextAnchor}`,
      `  submitted until ${when(Number(expiry))}`,
      "A mesh names a successor once and for ever.",
    ].join("\n"),
  };
}

/** Gathers the swarm's signature and submits the successor. */
export async function submitSuccessor(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  successor: SuccessorProposal,
): Promise<Receipt> {
  const { nextChainId, nextAnchor, nextMeshId, expiry } = successor;
  return submitProposed(ledger, validators, sender, proposedSuccessor(successor), {
    method: "nameSuccessor",
    values: [{ chainId: nextChainId, anchor: nextAnchor, meshId: nextMeshId, expiry }],
    action: "name the successor",
  });
}

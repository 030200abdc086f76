/** Resizes: proposals that committees have more or fewer seats, and their submission once operators have approved them. */
import { signatureStruct } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE, quorumOf } from "../statements/quorum.js";
import { when } from "../statements/time.js";
import type { MeshLedger } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, gatherProposed } from "./proposal.js";
import type { Validators } from "./swarm-signature.js";

export interface ResizeProposal extends ProposalPlace {
  /** Address of the Rotation, checksummed. */
  readonly rotation: string;
  /** Of each committee from the next draw on. */
  readonly seats: bigint;
  /** Seconds since 1970: the ledger takes the statement until then. */
  readonly expiry: bigint;
}

export const RESIZE_KIND = "swarmkeep-resize/1";

export function formatResize(resize: ResizeProposal): string {
  return formatProposal(RESIZE_KIND, { ...resize });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseResize(text: string): ResizeProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(RESIZE_KIND);
  return {
    ...fields.place(),
    rotation: fields.address("rotation"),
    seats: fields.count("seats", MAXIMUM_COMMITTEE, MINIMUM_COMMITTEE),
    expiry: fields.time("expiry"),
  };
}

export function proposedResize({ meshId, chainId, rotation, seats, expiry }: ResizeProposal): Proposed {
  const { f, t } = quorumOf(Number(seats));
  return {
    meshId,
    chainId,
    taker: "rotation",
    contract: rotation,
    request: { name: "Resize", values: { seats, expiry } },
    description: [
      `The mesh ${meshId}`,
      `  of        chain ${chainId}, rotation at ${rotation}`,
      `  seats     ${seats} members in committees from the next draw on: ${t} make a signature, ${f} may fail`,
      `  submitted until ${when(Number(expiry))}`,
    ].join("\n"),
  };
}

/** Gathers the swarm's signature and submits the resize. */
export async function submitResize(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  resize: ResizeProposal,
): Promise<Receipt> {
  const signature = await gatherProposed(ledger, validators, proposedResize(resize));
  const { seats, expiry } = resize;
  const data = ledger.contracts.rotation.interface.encodeFunctionData("resize", [
    seats,
    expiry,
    signatureStruct(signature),
  ]);
  return sender.send({ to: ledger.addresses.rotation, data, action: "resize the committee" });
}

/** Admissions: proposals that an account may register as a validator, and their submission once operators have approved them. */
import { getBytes } from "ethers";

import type { Receipt, TransactionSender } from "../ledger/sender.js";
import type { MeshLedger } from "./ledger.js";
import { ProposalFields, type ProposalPlace, type Proposed, formatProposal, submitProposed } from "./proposal.js";
import type { Validators } from "./swarm-signature.js";
import { when } from "../statements/time.js";

/** An admission as it is proposed. */
export interface AdmissionProposal extends ProposalPlace {
  /** The ValidatorRegistry that takes it. */
  readonly registry: string;
  /** The candidate. */
  readonly account: string;
  /** Who runs it: `0x` and 64 digits. */
  readonly operator: string;
  /** Seconds since 1970: the ledger takes the admission until then. */
  readonly expiry: bigint;
}

export const ADMISSION_KIND = "swarmkeep-admission/1";

export function formatAdmission(admission: AdmissionProposal): string {
  return formatProposal(ADMISSION_KIND, { ...admission });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseAdmission(text: string): AdmissionProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(ADMISSION_KIND);
  return {
    ...fields.place(),
    registry: fields.address("registry"),
    account: fields.address("account"),
    operator: fields.word("operator"),
    expiry: fields.time("expiry"),
  };
}

export function proposedAdmission(admission: AdmissionProposal): Proposed {
  const { meshId, chainId, registry, account, operator, expiry } = admission;
  return {
    meshId,
    chainId,
    taker: "registry",
    contract: registry,
    request: {
      name: "Admission",
      values: { account: getBytes(account), operator: getBytes(operator), expiry },
    },
    description: [
      `The account ${account} may register as a validator`,
      `  of        operator ${operator}`,
      `  submitted until ${when(Number(expiry))}`,
      `  in mesh   ${meshId}, chain ${chainId}, validator registry ${registry}`,
      "Once it has a stake there it can get a seat in the committee, and with it a share of the group keys.",
    ].join("\n"),
  };
}

/** Gathers the swarm's signature and submits the admission. */
export async function submitAdmission(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  admission: AdmissionProposal,
): Promise<Receipt> {
  return submitProposed(ledger, validators, sender, proposedAdmission(admission), {
    method: "admit",
    values: [admission.account, admission.operator, admission.expiry],
    action: "admit the candidate",
  });
}

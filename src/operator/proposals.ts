/** Every kind of proposal that an operator may be asked to approve. */
import { ADMISSION_KIND, parseAdmission, proposedAdmission } from "./admission.js";
import { GRANT_KIND, parseGrant, proposedGrant } from "./governance.js";
import { OBJECTION_KIND, parseObjection, proposedObjection } from "./objection.js";
import { ProposalFields, type Proposed, badStatement } from "./proposal.js";
import { REKEY_KIND, parseRekey, proposedRekey } from "./rekey.js";
import { RESIZE_KIND, parseResize, proposedResize } from "./resize.js";
import { SUCCESSOR_KIND, parseSuccessor, proposedSuccessor } from "./successor.js";

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseProposal(text: string): Proposed {
  const { kind } = new ProposalFields(text);
  switch (kind) {
    case GRANT_KIND:
      return proposedGrant(parseGrant(text));
    case ADMISSION_KIND:
      return proposedAdmission(parseAdmission(text));
    case SUCCESSOR_KIND:
      return proposedSuccessor(parseSuccessor(text));
    case REKEY_KIND:
      return proposedRekey(parseRekey(text));
    case RESIZE_KIND:
      return proposedResize(parseResize(text));
    case OBJECTION_KIND:
      return proposedObjection(parseObjection(text));
    default:
      throw badStatement("kind", kind);
  }
}

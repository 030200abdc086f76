/** Statements that operators decide: grants, admissions, successors, re-keys, resizes, objections to a recovery. Signed only if this validator's operator approved it. */
import { type PartialAnswer, type StatementRequest, decodeStatementRequest } from "../protocol/api.js";
import type { ContractName } from "../ledger/contracts.js";
import { statementDigest } from "../statements/eip712.js";
import { expectApproval } from "./approvals.js";
import type { MeshContext } from "./mesh-context.js";
import type { Standing } from "./standing.js";

/** The contract that takes each. */
const TAKER = {
  Grant: "fleets",
  Admission: "registry",
  Successor: "anchor",
  Rekey: "generations",
  Resize: "rotation",
  RecoveryCancellation: "recovery",
} as const satisfies Record<StatementRequest["name"], ContractName>;

/** The digest of a statement in this mesh. */
export function governedDigest(context: MeshContext, { name, values }: StatementRequest): Uint8Array {
  return statementDigest(context.separators[TAKER[name]], name, values);
}

/** @param folder `approvals` of the data folder. @throws SwarmkeepError `not-approved`, and those of `Standing` */
export async function coSignStatement(
  context: MeshContext,
  standing: Standing,
  folder: string,
  body: Uint8Array,
): Promise<PartialAnswer> {
  const statement = decodeStatementRequest(body);
  const digest = governedDigest(context, statement);
  await expectApproval(folder, digest, statement);
  return standing.inOffice().signer.partial(digest);
}

/**
 * What the operator of this validator has agreed to (docs/protocol.md, section 8). One file for each statement, written by
 * a local command on this machine; nothing that comes over the network makes this validator sign one.
 */
import { join } from "node:path";

import { bytesToHex } from "@noble/hashes/utils.js";

import type { StatementRequest } from "../protocol/api.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../statements/errors.js";

function approvalPath(folder: string, digest: Uint8Array): string {
  return join(folder, `${bytesToHex(digest)}.json`);
}

/** Keeps an approval. `folder` is `approvals` of the validator's data folder. */
export async function approve(folder: string, digest: Uint8Array, statement: StatementRequest): Promise<void> {
  const values = Object.fromEntries(
    Object.entries(statement.values).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? `0x${bytesToHex(value)}` : value.toString(),
    ]),
  );
  const approval = { name: statement.name, values, digest: `0x${bytesToHex(digest)}` };
  await writeAtomically(approvalPath(folder, digest), `${JSON.stringify(approval, null, 2)}\n`);
}

/** Whether the operator agreed to the statement with this digest. */
export async function isApproved(folder: string, digest: Uint8Array): Promise<boolean> {
  return (await readIfPresent(approvalPath(folder, digest), 16_384)) !== undefined;
}

/** @throws SwarmkeepError `not-approved` */
export async function expectApproval(folder: string, digest: Uint8Array, statement: StatementRequest): Promise<void> {
  if (await isApproved(folder, digest)) return;
  throw new SwarmkeepError(`this validator's operator has not approved the ${statement.name} ${bytesToHex(digest)}`, {
    kind: "refused",
    code: "not-approved",
    advice: "Its operator runs `swarmkeep validator approve` on the validator's machine.",
  });
}

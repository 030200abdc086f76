/** Whether a request between members comes from one: it is signed with a registered TLS key for this very connection. */
import { createHash } from "node:crypto";

import { getBytes } from "ethers";

import type { SignatureChecks } from "../certificate/signatures.js";
import { equalBytes } from "../crypto/bytes.js";
import type { FrostCommitRequest } from "../protocol/api.js";
import { evidenceDigest, verifyEvidence } from "../protocol/evidence.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { MeshContext } from "./mesh-context.js";
import { statementId } from "./signer.js";
import type { Standing } from "./standing.js";

/** @throws SwarmkeepError `not-a-member` */
export function expectMember(
  standing: Standing,
  context: MeshContext,
  { seat, tlsKey, proof }: FrostCommitRequest,
  message: Uint8Array,
  channelBinding: Uint8Array,
  checks: SignatureChecks,
): void {
  const { committee, projection } = standing.inOffice();
  const account = committee.accounts.get(seat);
  const pin = account === undefined ? undefined : projection.member(account)?.contact?.tlsPin;
  const digest = evidenceDigest(context.separators.registry, statementId(message), channelBinding);
  const isMember =
    pin !== undefined &&
    equalBytes(getBytes(pin), Uint8Array.from(createHash("sha256").update(tlsKey).digest())) &&
    verifyEvidence(tlsKey, digest, proof, checks.device);
  if (isMember) return;
  throw new SwarmkeepError(`the request is not signed by the member of seat ${seat} for this connection`, {
    kind: "refused",
    code: "not-a-member",
    advice: "Ask as a member of the committee in office, with its registered TLS key.",
  });
}

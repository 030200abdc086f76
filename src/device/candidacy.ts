/** A gateway becomes a candidate for the committee: the swarm signs the admission of an account that the gateway names. */
import { signCandidacy } from "../certificate/candidacy.js";
import { PATH } from "../protocol/api.js";
import { seconds } from "../runtime/clock.js";
import { domainSeparator, statementDigest } from "../statements/eip712.js";
import type { DeviceIdentity } from "./identity.js";
import type { IssuanceContext } from "./issuance.js";
import { askInRounds } from "./rounds.js";
import { signByBls } from "./swarm-signing.js";

/** How long the ledger takes the swarm's signature: half of what validators allow, so that clocks may differ. */
const LIFETIME_SECONDS = 1_800;

export interface CandidacyRequest {
  /** Of the ledger, 20 bytes. */
  readonly account: Uint8Array;
  /** The certified key. */
  readonly signer: DeviceIdentity;
  readonly certificate: Uint8Array;
  readonly attempts: number;
  readonly signal: AbortSignal | undefined;
}

/** What the ledger takes from the account: `ValidatorRegistry.admitDevice`. */
export interface SignedAdmission {
  readonly index: number;
  /** Seconds since 1970. */
  readonly expiry: number;
  /** Of the swarm over `DeviceAdmission`, 96 bytes. */
  readonly signature: Uint8Array;
}

/** @throws SwarmkeepError of kind `refused` with the validators' reason, or `too-few-validators`; the signal's reason */
export async function obtainAdmission(context: IssuanceContext, request: CandidacyRequest): Promise<SignedAdmission> {
  const { store, mesh, checks, clock } = context;
  const { account, signer, certificate, attempts, signal } = request;
  const { index } = store.provisioning;
  // Fixed once: every member must sign the same statement.
  const expiry = seconds(clock) + LIFETIME_SECONDS;
  const signature = await askInRounds(context, { attempts, signal }, () => {
    const { externalAad, chainId, meshId, registry } = mesh.trust;
    const separator = domainSeparator({ chainId, meshId, verifyingContract: registry });
    const message = statementDigest(separator, "DeviceAdmission", { account, index, expiry });
    const body = (channelBinding: Uint8Array): Promise<Uint8Array> =>
      signCandidacy({ account, expiry, channelBinding, certificate }, signer, externalAad);
    return signByBls(mesh, PATH.candidacy, { signed: { message, digest: message }, body, signal }, checks);
  });
  return { index, expiry, signature };
}

/** A device revokes itself: the swarm signs what the device asks for, and validators put it on the ledger. */
import { signDeviceRevocation } from "../certificate/revocation-request.js";
import { PATH, encodeRevokeRequest, encodeSignedRevocation } from "../protocol/api.js";
import { revocationDigest, revocationEntries } from "../protocol/revocation.js";
import { RemoteError } from "../net/error-body.js";
import { seconds } from "../runtime/clock.js";
import type { RevocationReason } from "../statements/cose.js";
import type { DeviceIdentity } from "./identity.js";
import type { IssuanceContext } from "./issuance.js";
import type { Mesh } from "./mesh.js";
import { askInRounds } from "./rounds.js";
import { signByBls } from "./swarm-signing.js";

/** How long the ledger takes the swarm's signature: half of what validators allow, so that clocks may differ. */
const LIFETIME_SECONDS = 1_800;
/** A validator answers once the transaction is in a block. */
const SUBMISSION_MILLISECONDS = 60_000;
/** What a validator answers that has nothing to send: the device is revoked, or another's transaction came first. */
const ALREADY = "already-revoked";

export interface SelfRevocation {
  /** The certified key, or without a certificate the manifest key. */
  readonly signer: DeviceIdentity;
  readonly certificate: Uint8Array | undefined;
  readonly reason: RevocationReason;
  readonly attempts: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Has the device revoked. When this returns, f + 1 validators, of which at least one is honest, have taken the signed
 * statement for the ledger.
 * @throws SwarmkeepError of kind `refused` with the validators' reason, or `too-few-validators`; the signal's reason
 */
export async function revokeSelf(context: IssuanceContext, request: SelfRevocation): Promise<void> {
  const { store, mesh, checks, clock } = context;
  const { signer, certificate, reason, attempts, signal } = request;
  const { index, enrolment } = store.provisioning;
  const entries = revocationEntries([index]);
  // Fixed once: every member must sign the same statement.
  const expiry = seconds(clock) + LIFETIME_SECONDS;
  const subject = certificate ?? enrolment;

  const once = async (): Promise<void> => {
    const { externalAad, revocations } = mesh.trust;
    const message = revocationDigest(revocations, entries, reason, expiry);
    const body = async (channelBinding: Uint8Array): Promise<Uint8Array> => {
      const fields = { index, reason, expiry, channelBinding, subject };
      return encodeRevokeRequest({ by: "device", request: await signDeviceRevocation(fields, signer, externalAad) });
    };
    const signature = await signByBls(
      mesh,
      PATH.revoke,
      { signed: { message, digest: message }, body, as: "itself", signal },
      checks,
    );
    const statement = encodeSignedRevocation({ ...entries, reason, expiry, signature });
    await submit(mesh, statement, signal);
  };

  await askInRounds(context, { attempts, signal }, once);
}

/** Hands the statement to f + 1 validators. The first transaction counts: the others have nothing left to do. */
async function submit(mesh: Mesh, statement: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  await mesh.ask(
    mesh.quorum.f + 1,
    async (member, stop) => {
      const request = { method: "POST", path: PATH.revocations, body: statement, signal: stop } as const;
      try {
        await mesh.request(member, { ...request, timeoutMilliseconds: SUBMISSION_MILLISECONDS });
      } catch (error) {
        if (!(error instanceof RemoteError && error.code === ALREADY)) throw error;
      }
    },
    { signal },
  );
}

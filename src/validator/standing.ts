/**
 * Where this validator stands: what the finalised ledger says, whether it is in office, and whether it may sign at all.
 * One object that the follower of the ledger moves on and everything else reads.
 */
import type { Office, Projection } from "../ledger/projection.js";
import type { VerifiedHeader } from "../ledger/state-proof.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { Committee } from "./committee.js";
import type { Signer } from "./signer.js";

/** The last finalised block, with the state root that proofs hang on. */
export type FinalisedBlock = VerifiedHeader;

export interface InOffice {
  readonly committee: Committee;
  readonly signer: Signer;
  readonly projection: Projection;
  readonly finalised: FinalisedBlock;
}

export class Standing {
  readonly projection: Projection;
  /** The last block whose events are in the projection. */
  finalised: FinalisedBlock | undefined;
  committee: Committee | undefined;
  /** Of the committee, as the ledger has it: what the projection knows may be a step ahead. */
  office: Office | undefined;
  signer: Signer | undefined;
  /** Why this validator signs nothing at present; undefined when it may. */
  silence: string | undefined = "the ledger has not been read yet";
  /** Why it may not be this process that has to sign in this validator's place (`presence.ts`); undefined when it is. */
  doubts: () => string | undefined = () => "it has not looked yet whether another process answers in its place";
  /** Whether another process is known to have signed there while the committee was in office. */
  isDisputed = false;

  constructor(projection: Projection) {
    this.projection = projection;
  }

  /** @throws SwarmkeepError `not-in-office`, `ledger-away` or `place-in-doubt` */
  inOffice(): InOffice {
    const { committee, signer, projection } = this;
    const finalised = this.expectLedger();
    if (committee === undefined || signer === undefined) throw notInOffice();
    this.expectPlace();
    return { committee, signer, projection, finalised };
  }

  /** @throws SwarmkeepError `ledger-away` while what is seen of the ledger is not good enough to sign about */
  expectLedger(): FinalisedBlock {
    const { silence, finalised } = this;
    if (silence === undefined && finalised !== undefined) return finalised;
    throw silent("ledger-away", silence ?? "the ledger has not been read yet");
  }

  /** @throws SwarmkeepError `place-in-doubt` while another process may be the one that signs in this validator's place */
  expectPlace(): void {
    const doubt = this.doubts();
    if (doubt !== undefined) throw silent("place-in-doubt", doubt);
  }
}

function silent(code: string, why: string): SwarmkeepError {
  return new SwarmkeepError(`this validator signs nothing now: ${why}`, {
    kind: "network",
    code,
    advice: "Ask another validator, or this one again in a moment.",
  });
}

export function notInOffice(): SwarmkeepError {
  return new SwarmkeepError("this validator has no share of the group keys now", {
    kind: "refused",
    code: "not-in-office",
    advice: "Ask the members of the committee list; get a newer trust bundle if this one is in it.",
  });
}

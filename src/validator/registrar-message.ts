/** What a registrar sends to validators counts if the account that registered the fleet signed it, and for devices of that fleet only. */
import { hexlify, recoverAddress } from "ethers";

import type { Projection } from "../ledger/projection.js";
import { SwarmkeepError } from "../statements/errors.js";

/** A message about some devices of one fleet, signed as an EIP-712 digest. */
export interface RegistrarMessage {
  readonly fleetId: number;
  readonly digest: Uint8Array;
  /** 65 bytes: r, s, v. */
  readonly signature: Uint8Array;
  /** What it has for each device. */
  readonly devices: readonly { readonly index: number }[];
}

/** @param what names the message's content. @throws SwarmkeepError `not-registrar`, `unknown-device`, `bad-signature` */
export function expectOfRegistrar(projection: Projection, message: RegistrarMessage, what: string): void {
  const { fleetId, digest, signature, devices } = message;
  const fleet = projection.fleets.get(BigInt(fleetId));
  if (fleet === undefined || fleet.registrar.toLowerCase() !== recover(digest, signature)) {
    throw refused(
      "not-registrar",
      `the ${what} of fleet ${fleetId} are not signed by its registrar`,
      "Check the account.",
    );
  }
  for (const { index } of devices) {
    if (projection.batchOf(BigInt(index))?.fleetId !== BigInt(fleetId)) {
      throw refused("unknown-device", `device ${index} is not of fleet ${fleetId}`, "Register the batch first.");
    }
  }
}

/** The account that signed a digest, in lower case. */
export function recover(digest: Uint8Array, signature: Uint8Array): string {
  try {
    return recoverAddress(digest, hexlify(signature)).toLowerCase();
  } catch (cause) {
    throw new SwarmkeepError("the signature is no signature of an account", {
      kind: "refused",
      code: "bad-signature",
      advice: "Sign the EIP-712 digest with the registrar's account; s in the lower half, v 27 or 28.",
      cause,
    });
  }
}

function refused(code: string, message: string, advice: string): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice });
}

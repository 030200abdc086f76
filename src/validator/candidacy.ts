/**
 * Admits gateways as candidates (docs/protocol.md, section 8.2): co-signed for a device that shows its certificate, with nobody asked.
 * How many may come is the grant's to say, and the ledger counts; what is refused here too would only cost its gas.
 */
import { getAddress, hexlify } from "ethers";

import { verifyCandidacy } from "../certificate/candidacy.js";
import type { Projection } from "../ledger/projection.js";
import type { PartialAnswer } from "../protocol/api.js";
import { deviceOfOperator, deviceOperator } from "../statements/device-operator.js";
import { statementDigest } from "../statements/eip712.js";
import { SwarmkeepError, deviceRevoked } from "../statements/errors.js";
import { formerKeys } from "./generations.js";
import { type IssuingOptions, isRevoked } from "./issuing.js";
import { expectExpiry, expectSameChannel } from "./revoking.js";
import { notInOffice } from "./standing.js";

export type CandidacyOptions = Pick<IssuingOptions, "context" | "standing" | "prover" | "checks" | "nowSeconds">;

/**
 * This member's part of the signature that admits the gateway's account.
 * @throws SwarmkeepError of kind `refused`, Refusal; LedgerError where the device's state cannot be proven
 */
export async function coSignCandidacy(
  options: CandidacyOptions,
  body: Uint8Array,
  binding: Uint8Array,
): Promise<PartialAnswer> {
  const { context, standing, prover, checks, nowSeconds } = options;
  const { signer, committee, projection, finalised } = standing.inOffice();
  const now = nowSeconds();
  const former = formerKeys(projection, committee.generation, now);
  const trust = {
    externalAad: context.separators.anchor,
    generation: committee.generation,
    keys: committee.keys,
    former,
  };
  const { account, expiry, channelBinding, device } = verifyCandidacy(body, trust, now, checks);
  expectSameChannel(channelBinding, binding);
  expectExpiry("admission", expiry, now);
  expectAllowed(projection, device.index, getAddress(hexlify(account)), finalised.timestamp);
  await prover.prove(device.index, finalised);
  if (standing.inOffice().signer !== signer) throw notInOffice();
  // The proof may be of some blocks ago.
  if (isRevoked(projection, device.index, standing.expectLedger().number)) throw deviceRevoked(device.index);
  const { index } = device;
  return signer.partial(statementDigest(context.separators.registry, "DeviceAdmission", { account, index, expiry }));
}

/** What the ledger would refuse as well. */
function expectAllowed(projection: Projection, index: number, account: string, time: number): void {
  const grantId = grantOf(projection, index);
  const grant = grantId === undefined ? undefined : projection.grants.get(grantId);
  if (grant === undefined) {
    throw refused("unknown-device", `device ${index} is in no batch on the ledger`, "Check the provisioning file.");
  }
  if (time > grant.expiry) {
    throw refused(
      "grant-expired",
      `grant ${grantId} of device ${index} has ended`,
      "Have its fleet's registrar ask for another one.",
    );
  }
  const members = projection.members();
  const devices = members.map(({ operator }) => deviceOfOperator(operator)).filter((one) => one !== undefined);
  const taken = devices.filter((one) => grantOf(projection, one) === grantId).length;
  const own = members.find(({ operator, state }) => operator === deviceOperator(index) && state !== "exited");
  if (own !== undefined) {
    throw refused(
      "already-a-candidate",
      `device ${index} is a candidate already, with the account ${own.account}`,
      "Run the validator that has this account.",
    );
  }
  if (taken >= Number(grant.candidates)) {
    throw refused(
      "no-candidate-left",
      `grant ${grantId} lets ${grant.candidates} of its devices be candidates, and ${taken} have been`,
      "Have the operators give its registrar a grant with more: `swarmkeep mesh grant --candidates`.",
    );
  }
  if (projection.member(account) !== undefined) {
    throw refused(
      "account-known",
      `the account ${account} is or was a candidate`,
      "Make another one: `swarmkeep validator init` in an empty folder.",
    );
  }
}

function grantOf(projection: Projection, index: number): bigint | undefined {
  const batch = projection.batchOf(BigInt(index));
  return batch && projection.fleets.get(batch.fleetId)?.grantId;
}

function refused(code: string, message: string, advice: string): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice });
}

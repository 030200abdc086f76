/** The policy of a fleet as its registration put it on the ledger, and what follows from it for X.509. */
import { checkX509Offered } from "../protocol/issuance.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { MeshLedger } from "./ledger.js";
import type { FleetPolicy } from "./registrar.js";

/** @throws SwarmkeepError `no-such-fleet` */
export async function policyOf({ contracts, mesh }: MeshLedger, fleetId: number): Promise<FleetPolicy> {
  const { fleets } = contracts;
  const [registered] = await fleets.queryFilter(fleets.filters.FleetRegistered(fleetId), mesh.deployedBlock);
  if (registered === undefined) {
    throw new SwarmkeepError(`the ledger has no fleet ${fleetId}`, {
      kind: "usage",
      code: "no-such-fleet",
      advice: "Give the number that `swarmkeep fleet register` printed.",
      details: { fleetId },
    });
  }
  const { scopes, maximumLifetime, quota, joinMethods, graceSeconds } = registered.args.policy;
  return {
    scopes: [...scopes],
    maximumLifetime: Number(maximumLifetime),
    quota: Number(quota),
    joinMethods: Number(joinMethods),
    graceSeconds: Number(graceSeconds),
  };
}

/**
 * Whether the fleet's devices can have certificates in X.509 (docs/protocol.md, section 8.1).
 * @throws SwarmkeepError `x509-not-offered`, with the numbers
 */
export async function expectX509(ledger: MeshLedger, policy: FleetPolicy): Promise<void> {
  const { certificatePeriodSeconds, headLifetimeSeconds } = await ledger.contracts.anchor.parameters();
  checkX509Offered(policy, {
    certificatePeriodSeconds: Number(certificatePeriodSeconds),
    headLifetimeSeconds: Number(headLifetimeSeconds),
  });
}

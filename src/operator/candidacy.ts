/** A gateway's account hands the ledger the swarm's admission of it as a candidate. */
import { getBytes, hexlify } from "ethers";

import type { Agent } from "../device/agent.js";
import { signatureStruct } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { MeshLedger } from "./ledger.js";
import { batchOfDevice } from "./registrar.js";

export interface Applied {
  /** Of the device in the mesh. */
  readonly index: number;
  readonly receipt: Receipt;
}

/**
 * Has the swarm admit the sender's account as the gateway's candidate, and submits that.
 * @throws SwarmkeepError `wrong-mesh`, and those of `Agent.stand`; LedgerError
 */
export async function applyAsCandidate(
  ledger: MeshLedger,
  agent: Pick<Agent, "provisioning" | "stand">,
  sender: TransactionSender,
  signal?: AbortSignal,
): Promise<Applied> {
  const { mesh, contracts, addresses } = ledger;
  const { index, meshId } = agent.provisioning;
  if (hexlify(meshId) !== hexlify(mesh.meshId)) {
    throw new SwarmkeepError(`device ${index} is of mesh ${hexlify(meshId)}, not of ${hexlify(mesh.meshId)}`, {
      kind: "usage",
      code: "wrong-mesh",
      advice: "Give the mesh file of the device's mesh.",
      details: { index },
    });
  }
  const batch = await batchOfDevice(ledger, index);
  const account = getBytes(sender.address);
  const admission = await agent.stand(account, { ...(signal && { signal }) });
  const data = contracts.registry.interface.encodeFunctionData("admitDevice", [
    batch,
    index,
    admission.expiry,
    signatureStruct(admission.signature),
  ]);
  const receipt = await sender.send({ to: addresses.registry, data, action: "admit the gateway as a candidate" });
  return { index, receipt };
}

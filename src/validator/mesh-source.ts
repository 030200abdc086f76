/** The ledger of a mesh as whoever serves it reads it: the endpoints of the mesh file, where the contracts are, and what is final. */
import { hexlify } from "ethers";

import { type MeshAddresses, addressesOf, contractsAt } from "../ledger/contracts.js";
import { Endpoint } from "../ledger/endpoint.js";
import { LedgerError } from "../ledger/errors.js";
import { LedgerSource } from "../ledger/source.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { SwarmkeepError } from "../statements/errors.js";

/** @throws SwarmkeepError `too-few-endpoints` */
export function openEndpoints(mesh: MeshFile): readonly [Endpoint, ...Endpoint[]] {
  // Most nodes offer subscriptions at the same address; where one does not, its blocks are polled for.
  const [first, ...others] = mesh.rpc.map(
    (url) => new Endpoint({ url, webSocketUrl: url.replace(/^http/, "ws"), chainId: mesh.chainId }),
  );
  if (first !== undefined) return [first, ...others];
  throw new SwarmkeepError("the mesh file names no RPC endpoint", {
    kind: "usage",
    code: "too-few-endpoints",
    advice: "Add the address of a node to `rpc`.",
  });
}

/** @throws LedgerError `endpoints-disagree`, `too-few-endpoints`, `no-mesh`; SwarmkeepError `wrong-mesh` */
export async function openMeshSource(
  mesh: MeshFile,
  endpoints: readonly Endpoint[],
): Promise<{ readonly source: LedgerSource; readonly addresses: MeshAddresses }> {
  const { addresses, finalityBlocks } = await agreedMesh(endpoints, mesh.anchor, mesh.meshId);
  return { source: new LedgerSource({ endpoints, ownNode: mesh.ownNode, finalityBlocks }), addresses };
}

/** Where the mesh's contracts are and how it counts finality, as all endpoints say. */
async function agreedMesh(
  endpoints: readonly Endpoint[],
  anchor: string,
  meshId: Uint8Array,
): Promise<{ readonly addresses: MeshAddresses; readonly finalityBlocks: number }> {
  const answers = await Promise.all(
    endpoints.map(async ({ provider }) => {
      const addresses = await addressesOf(anchor, provider);
      const contract = contractsAt(addresses, provider).anchor;
      const found = await contract.meshId();
      if (found !== hexlify(meshId)) {
        const expected = hexlify(meshId);
        throw new SwarmkeepError(`the trust anchor at ${anchor} is of mesh ${found}, not of ${expected}`, {
          kind: "usage",
          code: "wrong-mesh",
          advice: "Use the mesh file that belongs to this ledger.",
          details: { anchor, found, expected },
        });
      }
      const { finalityBlocks } = await contract.parameters();
      return { addresses, finalityBlocks: Number(finalityBlocks) };
    }),
  );
  const [answer, ...others] = answers;
  if (answer === undefined || others.some((other) => JSON.stringify(other) !== JSON.stringify(answer))) {
    throw new LedgerError(
      "endpoints-disagree",
      `the ledger endpoints name different contracts for the anchor ${anchor}`,
    );
  }
  return answer;
}

/** The ledger as operators' commands open it: with several endpoints, of which one may be away or lie. */
import { expect } from "chai";
import { getBytes } from "ethers";
import { network } from "hardhat";

import { type MeshLedger, openMeshLedger } from "../../src/operator/ledger.js";
import type { MeshFile } from "../../src/runtime/mesh-file.js";
import { type Mesh, openMesh } from "../contracts/mesh.js";
import { Proxy } from "../ledger/support/proxy.js";
import { type Served, serve } from "../ledger/support/serve.js";
import { errorOf } from "../net/server-fixture.js";

describe("the ledger of an operator's command", () => {
  let mesh: Mesh;
  let served: Served;
  let proxy: Proxy;

  before(async () => {
    mesh = await openMesh(await network.create());
    served = await serve(mesh.on.provider);
    proxy = await new Proxy(served.url).start();
  });
  after(async () => {
    await proxy.stop();
    await served.close();
  });

  async function open(rpc: readonly string[], ownNode = false): Promise<MeshLedger> {
    const { chainId, meshId } = mesh;
    const anchor = await mesh.anchor.getAddress();
    const file = { rpc, ownNode, chainId, meshId: getBytes(meshId), anchor, deployedBlock: 0 };
    return openMeshLedger(file as unknown as MeshFile);
  }

  it("is that of the first that answers, if all that answer name the same contracts", async () => {
    for (const rpc of [
      [served.url, proxy.url],
      ["http://127.0.0.1:9", proxy.url],
      [proxy.url, "http://127.0.0.1:9"],
    ]) {
      const ledger = await open(rpc);
      expect(ledger.addresses.anchor).to.equal(await mesh.anchor.getAddress());
      ledger.close();
    }
    const registry = (await mesh.registry.getAddress()).slice(2).toLowerCase();
    proxy.lie = ({ method }, result) =>
      method === "eth_call" ? String(result).replaceAll(registry, "77".repeat(20)) : result;
    for (const rpc of [
      [served.url, proxy.url],
      ["http://127.0.0.1:9", served.url, proxy.url],
    ]) {
      expect(await errorOf(open(rpc))).to.include({ code: "endpoints-disagree" });
    }
    (await open([served.url], true)).close();
  });
});

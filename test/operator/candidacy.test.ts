/** A gateway's account hands in its admission: what the ledger makes of it. */
import { expect } from "chai";
import { getBytes } from "ethers";

import type { SignedAdmission } from "../../src/device/candidacy.js";
import type { Provisioning } from "../../src/device/provisioning.js";
import type { TransactionSender } from "../../src/ledger/sender.js";
import { applyAsCandidate } from "../../src/operator/candidacy.js";
import type { MeshLedger } from "../../src/operator/ledger.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { deviceOperator } from "../../src/statements/device-operator.js";
import { FAR, GROUP_SECRET, type Mesh, SCOPES, connection, opened, word } from "../contracts/mesh.js";

const { loadFixture } = connection.networkHelpers;
const POLICY = { scopes: SCOPES, maximumLifetime: 60, quota: 1, joinMethods: 1, graceSeconds: 0 };

/** Fleets with the devices 0 to 3 and 256 to 259. */
async function withDevices(): Promise<Mesh> {
  const mesh = await opened();
  const by = mesh.fleets.connect(mesh.registrar);
  for (const base of [0, 256]) await by.registerFleet(1, SCOPES, POLICY, word(base + 1), base, 4);
  return mesh;
}

async function apply(mesh: Mesh, index: number, meshId = mesh.meshId): Promise<unknown> {
  const { contracts, addresses, file } = ledgerOf(mesh);
  const agent = {
    provisioning: { index, meshId: getBytes(meshId) } as Provisioning,
    async stand(account: Uint8Array): Promise<SignedAdmission> {
      const expiry = Number(FAR);
      const digest = await mesh.digest(mesh.registry, "DeviceAdmission", { account, index, expiry });
      return { index, expiry, signature: nobleBls.sign(GROUP_SECRET, digest) };
    },
  };
  const sender = {
    address: mesh.stranger.address,
    async send({ to, data }: { to: string; data: string }) {
      const receipt = await (await mesh.stranger.sendTransaction({ to, data })).wait();
      return { transactionHash: receipt?.hash, blockNumber: receipt?.blockNumber, gasUsed: receipt?.gasUsed };
    },
  };
  const ledger = { mesh: file, contracts, addresses } as unknown as MeshLedger;
  return applyAsCandidate(ledger, agent, sender as unknown as TransactionSender);
}

function ledgerOf(mesh: Mesh) {
  return {
    contracts: { fleets: mesh.fleets, registry: mesh.registry },
    addresses: { registry: mesh.registry.target },
    file: { meshId: getBytes(mesh.meshId), deployedBlock: 0 },
  };
}

describe("a gateway applies as a candidate", () => {
  it("with the batch that has it, and its own account is admitted", async () => {
    const mesh = await loadFixture(withDevices);
    await apply(mesh, 258);
    const { state, operator } = await mesh.registry.validator(mesh.stranger);
    expect([state, operator]).to.deep.equal([1n, deviceOperator(258)]);
  });

  it("and hears at once that it is of another mesh, or that the ledger has no such device", async () => {
    const mesh = await loadFixture(withDevices);
    for (const [index, meshId, code] of [
      [258, word(5), "wrong-mesh"],
      [4, mesh.meshId, "no-such-device"],
    ] as const) {
      const error: unknown = await apply(mesh, index, meshId).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(SwarmkeepError).with.property("code", code);
    }
  });
});

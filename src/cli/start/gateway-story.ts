/** A gateway of the fleet becomes a validator on its own machine, by its certificate; the rotations that follow draw it. */
import { join } from "node:path";

import { initDevice, openDevice } from "../../device/open.js";
import { readDelivery } from "../../device/keystore.js";
import { readProvisioning } from "../../device/store.js";
import { openBatchFolder } from "../../operator/batch-folder.js";
import { applyAsCandidate } from "../../operator/candidacy.js";
import { fundFromNode } from "../../operator/dev-account.js";
import { provisionBatch, range, writeProvisioning } from "../../operator/factory.js";
import { withSender } from "../../operator/ledger.js";
import { nextBase, registerFleet } from "../../operator/registrar.js";
import { batchesFolder } from "../../operator/registrar-folder.js";
import { readIfPresent } from "../../runtime/atomic-file.js";
import { hasDataFolder, openDataFolder } from "../../runtime/data-folder.js";
import { LIGHT_KDF } from "../../runtime/sealed-file.js";
import { DEVICE_CLASS, KEY_TYPE } from "../../statements/cose.js";
import { initialiseValidator, readAccount } from "../../validator/settings.js";
import type { Progress } from "../progress.js";
import { DEVICE_SCOPE, FLEET_POLICY, type Fleet, certify, patiently } from "./fleet-story.js";
import { type LocalMesh, SCOPE, gatewayFolder, startGateway, until } from "./local-mesh.js";

const ETHER = 10n ** 18n;
const NAME = "gateway";
const BATCH = "gateways";
/** Ten times what the others stake: the draw passes it over once in a thousand times, and the demonstration is about its being drawn. */
const STAKE = 10n * ETHER;

/** @returns the gateway's account. */
export async function tellGatewayStory(local: LocalMesh, fleet: Fleet, progress: Progress): Promise<string> {
  await enrolGateway(local, fleet, progress);
  return startCandidate(local, progress);
}

function deviceFolder({ workspace }: LocalMesh): string {
  return workspace.folder.file("devices", NAME);
}

async function enrolGateway(local: LocalMesh, { registrar }: Fleet, progress: Progress): Promise<void> {
  const { workspace, ledger, mesh } = local;
  await progress.step("enrol", async () => {
    const path = deviceFolder(local);
    if (!(await hasDataFolder(path))) {
      const folder = join(batchesFolder(registrar), BATCH);
      const { certificatePeriodSeconds } = await ledger.contracts.anchor.parameters();
      const validators = await local.validators();
      const told = {
        mesh,
        periodSeconds: Number(certificatePeriodSeconds),
        validators: validators.members.map(({ endpoint }) => endpoint),
      };
      const made =
        (await readIfPresent(join(folder, "batch.json"))) === undefined
          ? await provisionBatch(folder, {
              ...told,
              lots: [{ join: "identity-key", keyType: KEY_TYPE.p256, count: 1 }],
              base: await nextBase(ledger),
              deviceClass: DEVICE_CLASS.gateway,
              scope: DEVICE_SCOPE,
              lifetimeSeconds: FLEET_POLICY.maximumLifetime,
              accounts: [],
              devicePassphrase: workspace.passphrase,
              sealer: registrar.sealer,
              deviceCost: LIGHT_KDF,
            })
          : await openBatchFolder(folder);
      const { batch } = await withSender(ledger.endpoint, registrar.wallet, (sender) =>
        registerFleet(ledger, sender, made, { policy: FLEET_POLICY }),
      );
      await writeProvisioning(batch.file, await batch.records(), batch.facts, told, range(1));
      const delivered = (file: string): string => batch.file("devices", "0", file);
      const secret = await readDelivery(delivered, workspace.passphrase);
      const provisioning = await readProvisioning(delivered("provisioning.json"));
      await initDevice(path, workspace.passphrase, provisioning, secret, { cost: LIGHT_KDF });
    }
    const { agent } = await openDevice(path, workspace.passphrase);
    try {
      const { since } = await certify(local, agent);
      const how = since === "now" ? "by its identity key: of the class that may be a validator" : since;
      return { detail: `gateway (device ${agent.provisioning.index}) ${how}`, value: undefined };
    } finally {
      await agent.close();
    }
  });
}

/** The gateway's validator: admitted by its certificate, staked, and running as a process of its own. */
async function startCandidate(local: LocalMesh, progress: Progress): Promise<string> {
  const { workspace, ledger, running } = local;
  const { registry } = ledger.contracts;
  return progress.step("candidate", async () => {
    const path = gatewayFolder(workspace);
    const listen = `127.0.0.1:${workspace.gatewayPort}`;
    // What an earlier start has made, killed in the middle of it maybe, is kept.
    if (running.gateway === undefined) {
      const folder = await openDataFolder(path, "validator");
      const settings = { listen, endpoint: listen, scope: SCOPE, stakeWei: STAKE.toString() };
      await initialiseValidator(folder, workspace.passphrase, { settings, cost: LIGHT_KDF }).finally(() =>
        folder.close(),
      );
    }
    const { address, privateKey } = await readAccount(path, workspace.passphrase);
    const isNew = (await registry.validator(address)).state === 0n;
    if (isNew) {
      await fundFromNode(ledger.endpoint, [address], STAKE + 10n * ETHER);
      const { agent } = await openDevice(deviceFolder(local), workspace.passphrase);
      try {
        await withSender(ledger.endpoint, privateKey, (sender) =>
          patiently(() => applyAsCandidate(ledger, agent, sender)),
        );
      } finally {
        await agent.close();
      }
    }
    if (running.gateway === undefined) await startGateway(workspace, running);
    await until(
      running,
      "the gateway is in the registry",
      120,
      async () => (await registry.eligibleAmong([address])) === 1n,
    );
    const how = isNew ? "admitted by its certificate within the tenant's grant, and staked" : "as before";
    return { detail: `the gateway is a validator: ${how}`, value: address };
  });
}

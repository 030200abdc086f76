/** A tenant arrives: the swarm grants it devices, it registers a fleet, and three devices get certificates. */
import { execFile } from "node:child_process";
import { randomBytes, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";

import { getAddress, hexlify } from "ethers";

import type { Certificate } from "../../certificate/certificate.js";
import { initDevice, openDevice } from "../../device/open.js";
import type { Agent, EnrolOptions } from "../../device/agent.js";
import { generateDeviceKey, softwareIdentity } from "../../device/identity.js";
import { type SealedKeystore, readDelivery, readShardRoot } from "../../device/keystore.js";
import { JOIN_METHOD_BITS } from "../../device/provisioning.js";
import { readProvisioning } from "../../device/store.js";
import { type BatchFolder, openBatchFolder } from "../../operator/batch-folder.js";
import { fundFromNode } from "../../operator/dev-account.js";
import { type DeviceLot, provisionBatch, range, writeProvisioning } from "../../operator/factory.js";
import { type GrantProposal, grantDigest, proposedGrant, submitGrant } from "../../operator/governance.js";
import { withSender } from "../../operator/ledger.js";
import {
  type RegistrarFolder,
  batchesFolder,
  createRegistrarFolder,
  openRegistrarFolder,
} from "../../operator/registrar-folder.js";
import { createMaster, openMaster } from "../../operator/shard-master.js";
import { type FleetPolicy, nextBase, registerFleet, uploadChannelKeys } from "../../operator/registrar.js";
import { makeFolder, readIfPresent, readLimited } from "../../runtime/atomic-file.js";
import { hasDataFolder } from "../../runtime/data-folder.js";
import { SwarmkeepError, systemCode } from "../../runtime/errors.js";
import { LIGHT_KDF } from "../../runtime/sealed-file.js";
import { KEY_TYPE } from "../../statements/cose.js";
import { approve } from "../../validator/approvals.js";
import type { Progress } from "../progress.js";
import { type CertificateRequest, makeCertificateRequest } from "./certificate-request.js";
import { type LocalMesh, validatorFolder } from "./local-mesh.js";

const ETHER = 10n ** 18n;
const DAY = 86_400;
/** Of certificates: with the quota, so much that a revoked device still fits on a revocation list for TLS software. */
const LIFETIME = 43_200;
/** What the tenant is granted, and what its devices' certificates are for. */
const GRANTED = ["geo:u33"];
export const DEVICE_SCOPE = "geo:u33db";
export const FLEET_POLICY: FleetPolicy = {
  scopes: GRANTED,
  maximumLifetime: LIFETIME,
  // A start takes some for each device, and there may be several within a period.
  quota: 16,
  joinMethods: Object.values(JOIN_METHOD_BITS).reduce((all, bit) => all | bit, 0),
  graceSeconds: DAY,
};
/** More than a start takes. */
const SHOWN_SECONDS = 1_800;
const BATCH = "first";
/** Devices of the fleet beside the three that appear here. */
const OTHERS = 997;
/** Names of the three, by position in the batch. */
const DEVICES = ["lamp", "meter", "gate"] as const;

/** A device that is certified. */
export interface Certified {
  readonly name: string;
  readonly agent: Agent;
  readonly keystore: SealedKeystore;
  readonly index: number;
}

export interface Fleet {
  readonly registrar: RegistrarFolder;
  readonly lamp: Certified;
  readonly meter: Certified;
  readonly gate: Certified;
}

export async function bringFleet(local: LocalMesh, progress: Progress): Promise<Fleet> {
  const registrar = await grantRegistrar(local, progress);
  const request = await requestOfGate(local);
  const batch = await registerBatch(local, registrar, request, progress);
  const enrol = (position: number, how: string, options: EnrolOptions, key?: KeyObject): Promise<Certified> =>
    enrolDevice(local, batch, position, { how, options, key }, progress);
  return {
    registrar,
    lamp: await enrol(0, "by its identity key", {}),
    meter: await enrol(1, "by a pre-shared key alone", {}),
    gate: await enrol(2, `by a request that ${request.madeBy} made`, { csr: request.request }, request.privateKey),
  };
}

async function grantRegistrar(local: LocalMesh, progress: Progress): Promise<RegistrarFolder> {
  const { workspace, operator, ledger, mesh, running } = local;
  const { contracts, addresses, endpoint } = ledger;
  return progress.step("grant", async () => {
    const path = workspace.folder.file("registrar");
    const exists = await hasDataFolder(path);
    const registrar = exists
      ? await openRegistrarFolder(path, workspace.passphrase)
      : await createRegistrarFolder(path, workspace.passphrase, mesh, LIGHT_KDF);
    running.closers.push(() => registrar.close());
    if (!exists) await createMaster(registrar);
    const given = await contracts.fleets.queryFilter(
      contracts.fleets.filters.GrantGiven(undefined, registrar.address),
      mesh.deployedBlock,
    );
    if (given.length > 0) return { detail: "as before", value: registrar };

    await fundFromNode(endpoint, [registrar.address], ETHER);
    const grant: GrantProposal = {
      meshId: hexlify(mesh.meshId),
      chainId: mesh.chainId,
      fleets: getAddress(addresses.fleets),
      registrar: registrar.address,
      scopes: GRANTED,
      indexes: 1_000_000n,
      candidates: 2n,
      expiry: BigInt(Math.floor(Date.now() / 1000) + 365 * DAY),
      salt: hexlify(randomBytes(32)),
    };
    for (const [i] of running.validators.entries()) {
      const approvals = join(validatorFolder(workspace, i + 1), "approvals");
      await makeFolder(approvals);
      await approve(approvals, grantDigest(grant), proposedGrant(grant).request);
    }
    // The committee may change while it is asked.
    await patiently(async () => {
      const validators = await local.validators();
      return withSender(endpoint, operator.privateKey, (sender) => submitGrant(ledger, validators, sender, grant));
    });
    return { detail: `a tenant may register a million devices within ${GRANTED[0]}, says the swarm`, value: registrar };
  });
}

/** The gate's key is made first: its public half goes into the manifest. */
async function requestOfGate({ workspace }: LocalMesh): Promise<CertificateRequest> {
  return makeCertificateRequest(await workspace.folder.folder("gate-key"));
}

async function registerBatch(
  local: LocalMesh,
  registrar: RegistrarFolder,
  request: CertificateRequest,
  progress: Progress,
): Promise<BatchFolder> {
  const { workspace, ledger, mesh } = local;
  return progress.step("fleet", async () => {
    const path = join(batchesFolder(registrar), BATCH);
    const { certificatePeriodSeconds } = await ledger.contracts.anchor.parameters();
    const validators = await local.validators();
    const context = {
      mesh,
      periodSeconds: Number(certificatePeriodSeconds),
      validators: validators.members.map(({ endpoint }) => endpoint),
    };
    const key = (): DeviceLot & { publicKeys: unknown } => ({
      join: "identity-key",
      publicKeys: Array.from({ length: OTHERS }, () => softwareIdentity(generateDeviceKey(KEY_TYPE.ed25519)).key),
    });
    const exists = (await readIfPresent(join(path, "batch.json"))) !== undefined;
    const master = await openMaster(registrar);
    const made = exists
      ? await openBatchFolder(path)
      : await provisionBatch(path, {
          ...context,
          lots: [
            { join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 },
            { join: "pre-shared-key", count: 1 },
            { join: "csr", publicKeys: [softwareIdentity(request.privateKey).key] },
            key(),
          ],
          base: await nextBase(ledger),
          deviceClass: 0,
          scope: DEVICE_SCOPE,
          lifetimeSeconds: LIFETIME,
          accounts: await ledger.contracts.registry.candidates(),
          devicePassphrase: workspace.passphrase,
          sealer: registrar.sealer,
          deviceCost: LIGHT_KDF,
          deliveries: DEVICES.length,
          master,
        });
    await master.close();
    if (made.facts.registered !== undefined) {
      return {
        detail: `as before, devices ${made.facts.base} to ${made.facts.base + made.facts.count - 1}`,
        value: made,
      };
    }
    const registered = await withSender(ledger.endpoint, registrar.wallet, (sender) =>
      registerFleet(ledger, sender, made, {
        policy: FLEET_POLICY,
      }),
    );
    const { batch, receipt } = registered;
    await writeProvisioning(batch.file, await batch.records(), batch.facts, context, range(DEVICES.length));
    await expectUploads(local, registrar, registered);
    const gas = receipt === undefined ? "" : `, ${receipt.gasUsed} gas`;
    return {
      detail: `${batch.facts.count} devices registered by one Merkle root in one transaction${gas}`,
      value: batch,
    };
  });
}

/** A validator reads the registration some blocks later: until then it does not know the registrar. */
async function expectUploads(
  local: LocalMesh,
  registrar: RegistrarFolder,
  registered: Parameters<typeof uploadChannelKeys>[3],
): Promise<void> {
  const validators = await local.validators();
  for (let tries = 0; ; tries++) {
    const uploads = await uploadChannelKeys(local.ledger, validators, registrar, registered);
    const failed = uploads.filter(({ error }) => error !== undefined);
    if (failed.length === 0) return;
    if (tries === 20) throw failed[0]?.error;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

interface Enrolment {
  readonly how: string;
  readonly options: EnrolOptions;
  /** Made elsewhere, so that the factory has nothing to hand over. */
  readonly key: KeyObject | undefined;
}

async function enrolDevice(
  local: LocalMesh,
  batch: BatchFolder,
  position: number,
  { how, options, key }: Enrolment,
  progress: Progress,
): Promise<Certified> {
  const { workspace, running } = local;
  const name = DEVICES[position] as string;
  return progress.step(`enrol`, async () => {
    const path = workspace.folder.file("devices", name);
    if (!(await hasDataFolder(path))) {
      await makeFolder(workspace.folder.file("devices"));
      const delivered = (file: string): string => batch.file("devices", String(position), file);
      const provisioning = await readProvisioning(delivered("provisioning.json"));
      const secret =
        key === undefined
          ? await readDelivery(delivered, workspace.passphrase)
          : ({ kind: "key", privateKey: key } as const);
      const shardRoot = await readShardRoot(delivered, workspace.passphrase);
      await initDevice(path, workspace.passphrase, provisioning, secret, { shardRoot });
      shardRoot?.fill(0);
    }
    const { agent, keystore } = await openDevice(path, workspace.passphrase);
    running.closers.push(() => agent.close());
    const { index } = agent.provisioning;
    const { certificate, since } = await certify(local, agent, options);
    const detail =
      since === "now"
        ? `${how}: ${await sizeOf(path)} bytes for ${expiry(certificate)}, ${await judgedByOpenssl(path)}`
        : since;
    return { detail: `${name} (device ${index}) ${detail}`, value: { name, agent, keystore, index } };
  });
}

/** Since when a device has its certificate, in words. */
type Since = "now" | "as before" | "as before, with a new certificate in place of one that has ended";

/**
 * A certificate that lasts for what is shown, except for a device that is revoked: this start may come days after the last one.
 * Within its fleet's grace a device renews; later it enrols again.
 */
export async function certify(
  { ledger }: LocalMesh,
  agent: Agent,
  options?: EnrolOptions,
): Promise<{ readonly certificate: Certificate; readonly since: Since }> {
  const known = await agent.certificate();
  if (known === undefined) return { certificate: await patiently(() => agent.enrol(options)), since: "now" };
  const isLasting = known.expires > Date.now() / 1000 + SHOWN_SECONDS;
  if (isLasting || (await ledger.contracts.revocations.isRevoked(agent.provisioning.index))) {
    return { certificate: known, since: "as before" };
  }
  const certificate = await patiently(async () => {
    try {
      return await agent.renew({ attempts: 1 });
    } catch (error) {
      if (error instanceof SwarmkeepError && error.kind === "refused") return agent.enrol(options);
      throw error;
    }
  });
  return { certificate, since: "as before, with a new certificate in place of one that has ended" };
}

async function sizeOf(path: string): Promise<number> {
  return (await readLimited(join(path, "certificate.cbor"))).length;
}

/** What software that knows nothing of Swarmkeep says of the X.509 form: that under the root, by the swarm's cross-certificate. */
async function judgedByOpenssl(path: string): Promise<string> {
  const file = (name: string): string => join(path, `${name}.pem`);
  if ((await readIfPresent(file("certificate"))) === undefined) return "none in X.509";
  const args = ["verify", "-x509_strict", "-CAfile", file("root"), "-untrusted", file("chain"), file("certificate")];
  try {
    await promisify(execFile)("openssl", args);
    return "X.509: openssl says OK";
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "and in X.509";
    throw error;
  }
}

function expiry({ notBefore, expires }: Certificate): string {
  return `${Math.round((expires - notBefore) / 3_600)} h`;
}

/** Members see a new block at slightly different times; what one refuses now it may sign in a second. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 5 || !(error instanceof SwarmkeepError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  }
}

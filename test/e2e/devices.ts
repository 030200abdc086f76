/** Devices of a local mesh: a fleet that its registrar puts on the ledger, and single requests made by hand. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { certificatePayload, certificateToSign } from "../../src/certificate/certificate.js";
import type { MeshTrust } from "../../src/certificate/bundle.js";
import type { CommitteeMember } from "../../src/certificate/committee-list.js";
import type { DeviceKey } from "../../src/certificate/cose-key.js";
import { decodeDrlProof } from "../../src/certificate/drl.js";
import { HeadMemory } from "../../src/certificate/head-memory.js";
import { type EnrolRequest, REQUEST_KIND, requestedCertificate, signRequest } from "../../src/certificate/request.js";
import { type Accepted, verifyPresentation } from "../../src/certificate/verify.js";
import type { Agent } from "../../src/device/agent.js";
import type { DeviceIdentity } from "../../src/device/identity.js";
import { type SealedKeystore, readDelivery } from "../../src/device/keystore.js";
import { initDevice, openDevice } from "../../src/device/open.js";
import type { Provisioning } from "../../src/device/provisioning.js";
import { readProvisioning } from "../../src/device/store.js";
import { type Client, createClient } from "../../src/net/client.js";
import { parseEndpoint } from "../../src/net/endpoint.js";
import { RemoteError } from "../../src/net/error-body.js";
import { type DeviceLot, provisionBatch, range, writeProvisioning } from "../../src/operator/factory.js";
import { withSender } from "../../src/operator/ledger.js";
import { LOCAL_PARAMETERS } from "../../src/operator/parameters.js";
import {
  type FleetPolicy,
  type Registered,
  nextBase,
  registerFleet,
  uploadChannelKeys,
} from "../../src/operator/registrar.js";
import { PATH, type PartialAnswer, decodePartialAnswer } from "../../src/protocol/api.js";
import { blstBls } from "../../src/runtime/blst.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { COSE_ALG, JOIN_METHOD } from "../../src/statements/cose.js";
import type { LocalMesh } from "./harness.js";
import { PASSPHRASE, eventually } from "./waiting.js";

export const checks = { bls: blstBls, device: nativeSignatures };
export const SCOPE = "grp:city/lamps";

const POLICY: FleetPolicy = {
  scopes: [SCOPE],
  maximumLifetime: 86_400,
  quota: 8,
  joinMethods: 0b111,
  graceSeconds: 3_600,
};

let batches = 0;

export interface Fleet extends Registered {
  readonly mesh: LocalMesh;
  /** Keys of devices that join by a pre-shared key went to the validators that ran. */
  readonly keysGiven: number;
}

/** Makes devices and registers them as a fleet; resolves when every running validator has read of them. */
export async function makeFleet(
  mesh: LocalMesh,
  lots: readonly DeviceLot[],
  policy: Partial<FleetPolicy> = {},
): Promise<Fleet> {
  const folder = join(mesh.folder, "registrar");
  const { endpoint } = mesh.ledger;
  batches += 1;
  const clients = await mesh.clients();
  const sealer = await openSealer(join(mesh.folder, "registrar-seal.json"), PASSPHRASE, LIGHT_KDF);
  const told = {
    mesh: mesh.mesh,
    periodSeconds: LOCAL_PARAMETERS.certificatePeriodSeconds,
    validators: clients.members.map((member) => member.endpoint),
  };
  const made = await provisionBatch(join(folder, `batch-${batches}`), {
    ...told,
    lots,
    base: await nextBase(mesh.ledger),
    deviceClass: 0,
    scope: SCOPE,
    lifetimeSeconds: 3_600,
    accounts: clients.members.map(({ account }) => `0x${Buffer.from(account).toString("hex")}`),
    devicePassphrase: PASSPHRASE,
    sealer,
    deviceCost: LIGHT_KDF,
    // A folder for each of many devices would be most of a test's time.
    ...(lots.some((lot) => "publicKeys" in lot && lot.publicKeys.length > 100) ? { deliveries: 0 } : {}),
  });
  const registered = await withSender(endpoint, mesh.registrar.privateKey, (sender) =>
    registerFleet(mesh.ledger, sender, made, { policy: { ...POLICY, ...policy } }),
  );
  const { batch } = registered;
  await writeProvisioning(batch.file, await batch.records(), batch.facts, told, range(batch.facts.deliveries));
  await untilRead(mesh, registered.receipt?.blockNumber ?? 0);
  await untilListed(clients.members, batch.facts.base + batch.facts.count - 1);
  const byKey = lots.some(({ join: method }) => method === "pre-shared-key");
  const uploads = byKey
    ? await uploadChannelKeys(mesh.ledger, clients, { wallet: mesh.registrar, sealer }, registered)
    : [];
  sealer.wipe();
  return { ...registered, mesh, keysGiven: uploads.filter(({ keys }) => keys > 0).length };
}

/** Resolves when all validators that run have a block's events. */
export async function untilRead(mesh: LocalMesh, block: number): Promise<void> {
  const running = mesh.validators.filter(({ isUp }) => isUp);
  await Promise.all(
    running.map((validator) =>
      eventually(`validator ${validator.place.number} has read block ${block}`, async () => {
        const { finalisedBlock } = await validator.health();
        return (finalisedBlock ?? 0) >= block ? true : undefined;
      }),
    ),
  );
}

/** Resolves when every validator that can be reached has a head whose list has a place for the device. */
async function untilListed(members: readonly CommitteeMember[], index: number): Promise<void> {
  const proven = async (member: CommitteeMember): Promise<true | undefined> => {
    const client = clientOf(member);
    try {
      const { body } = await client.request({ method: "GET", path: `${PATH.drlProof}/${index}` });
      return decodeDrlProof(body).head.words > index / 256 ? true : undefined;
    } catch (error) {
      if (error instanceof RemoteError) throw error;
      return true;
    } finally {
      client.close();
    }
  };
  const reachable = members.filter(({ endpoint }) => endpoint !== "");
  await Promise.all(reachable.map((one) => eventually(`seat ${one.seat} has a head with ${index}`, () => proven(one))));
}

export interface Device {
  readonly path: string;
  readonly agent: Agent;
  readonly keystore: SealedKeystore;
}

/** What the factory made for the device in a position of the batch. */
export function provisioningOf({ batch }: Fleet, position: number): Promise<Provisioning> {
  return readProvisioning(batch.file("devices", String(position), "provisioning.json"));
}

export async function openFrom(fleet: Fleet, position: number): Promise<Device> {
  const inDelivery = (name: string): string => fleet.batch.file("devices", String(position), name);
  const secret = await readDelivery(inDelivery, PASSPHRASE);
  const path = join(fleet.mesh.folder, `device-${fleet.batch.facts.base + position}`);
  await initDevice(path, PASSPHRASE, await provisioningOf(fleet, position), secret, { cost: LIGHT_KDF });
  return { path, ...(await openDevice(path, PASSPHRASE)) };
}

type Judgement = Accepted | { readonly accepted: false; readonly code: string };

/** A verifier with a bundle and a clock, which asks nobody. */
export class OfflineVerifier {
  readonly #trust: MeshTrust;
  readonly #memory = new HeadMemory(undefined, () => undefined);

  constructor(trust: MeshTrust) {
    this.#trust = trust;
  }

  /** What became of a challenge that `present` answered: the accepted facts, or the refusal's code. */
  async judge(present: (challenge: Uint8Array) => Promise<Uint8Array>, scope = SCOPE): Promise<Judgement> {
    const challenge = new Uint8Array(randomBytes(32));
    return this.judgeAt(Math.floor(Date.now() / 1000), challenge, await present(challenge), scope);
  }

  /** The same for a presentation that is there already, at a time of the test's. */
  judgeAt(now: number, challenge: Uint8Array, presentation: Uint8Array, scope = SCOPE): Judgement {
    const verdict = verifyPresentation({
      trust: this.#trust,
      presentation,
      challenge,
      scope,
      now,
      memory: this.#memory,
      checks,
    });
    return verdict.accepted ? verdict : { accepted: false, code: verdict.refusal.code };
  }
}

/** One certificate that a device may ask for, field by field. */
export interface Order {
  readonly provisioning: Provisioning;
  readonly identity: DeviceIdentity;
  /** The key to be certified. */
  readonly key?: DeviceKey;
  readonly k?: number;
  readonly notBefore: number;
  readonly period?: number;
}

/** The request of an order, for a connection. */
export function requestOf(
  { provisioning, identity, key, k, notBefore, period }: Order,
  channelBinding: Uint8Array,
): EnrolRequest {
  const { index, scope, lifetimeSeconds, periodSeconds, enrolment } = provisioning;
  return {
    kind: REQUEST_KIND.enrol,
    index,
    period: period ?? Math.floor(notBefore / periodSeconds),
    k: k ?? 0,
    notBefore,
    expires: notBefore + lifetimeSeconds,
    scope,
    key: key ?? identity.key,
    algorithm: COSE_ALG.bls,
    channelBinding,
    csr: undefined,
    keyProof: undefined,
    enrolment,
    joinMethod: JOIN_METHOD.identityKey,
  };
}

/** The bytes that the swarm signs for an order. */
export function messageOf(
  order: Order,
  trust: MeshTrust,
): { readonly message: Uint8Array; readonly payload: Uint8Array } {
  const { generation, externalAad } = trust;
  const { meshId, enrolment } = order.provisioning;
  const from = { meshId, generation, deviceClass: enrolment.deviceClass };
  const payload = certificatePayload(requestedCertificate(requestOf(order, new Uint8Array(32)), from));
  return { payload, message: certificateToSign(COSE_ALG.bls, externalAad, payload) };
}

export function clientOf(member: CommitteeMember): Client {
  return createClient({ endpoint: parseEndpoint(member.endpoint), trust: { kind: "pin", pin: member.tlsPin } });
}

/** What one validator answers, asked again where it is too busy: that is no answer yet. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if ((error as { code?: string }).code !== "overloaded") throw error;
      const { retryAfter = 1 } = error as { retryAfter?: number };
      await new Promise((resolve) => setTimeout(resolve, 1000 * retryAfter));
    }
  }
}

/** Asks one validator for its part. @throws RemoteError with what it refused */
export function askOne(member: CommitteeMember, order: Order, trust: MeshTrust): Promise<PartialAnswer> {
  return patiently(() => askOnce(member, order, trust));
}

async function askOnce(member: CommitteeMember, order: Order, trust: MeshTrust): Promise<PartialAnswer> {
  const client = clientOf(member);
  try {
    const body = (binding: Uint8Array): Promise<Uint8Array> =>
      signRequest(requestOf(order, binding), order.identity, trust.externalAad);
    return decodePartialAnswer((await client.request({ method: "POST", path: PATH.issue, body })).body);
  } finally {
    client.close();
  }
}

/** The code of the error that `work` fails with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "nothing failed";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

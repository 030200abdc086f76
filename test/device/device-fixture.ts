/** A device of the test mesh, in a folder of its own. */
import { expect } from "chai";

import { type Agent, createAgent } from "../../src/device/agent.js";
import { generateDeviceKey } from "../../src/device/identity.js";
import {
  type DeviceSecret,
  type SealedKeystore,
  createSealedKeystore,
  openSealedKeystore,
} from "../../src/device/keystore.js";
import type { Provisioning } from "../../src/device/provisioning.js";
import { type DeviceStore, createDeviceStore, openDeviceStore } from "../../src/device/store.js";
import { LIGHT_KDF } from "../../src/runtime/sealed-file.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { scratchFolder } from "../runtime/scratch.js";
import { type TestMesh, checks } from "./mesh-fixture.js";

export const PASSPHRASE = "correct horse";

export interface TestDevice {
  readonly path: string;
  readonly agent: Agent;
  readonly store: DeviceStore;
  readonly keystore: SealedKeystore;
}

export function keySecret(): DeviceSecret {
  return { kind: "key", privateKey: generateDeviceKey(KEY_TYPE.ed25519) };
}

export interface TestDeviceOptions {
  readonly secret?: DeviceSecret;
  readonly changes?: Partial<Provisioning>;
  /** First index of its batch, of which it is the second device. */
  readonly base?: number;
  /** Root of its shards. */
  readonly shardRoot?: Uint8Array;
}

/** Makes a device and opens it; it has no bundle yet. */
export async function makeDevice(
  mesh: TestMesh,
  { secret = keySecret(), changes = {}, base, shardRoot }: TestDeviceOptions = {},
): Promise<TestDevice> {
  const path = await scratchFolder();
  const store = await createDeviceStore(path, mesh.provision(secret, changes, base), async (folder) => {
    (await createSealedKeystore(folder, PASSPHRASE, secret, { cost: LIGHT_KDF, shardRoot })).close();
  });
  await store.close();
  return openTestDevice(mesh, path);
}

/** As after a restart. */
export async function openTestDevice(mesh: TestMesh, path: string, transport = mesh.transport): Promise<TestDevice> {
  const store = await openDeviceStore(path);
  const keystore = await openSealedKeystore(store.folder, PASSPHRASE);
  const { clock } = mesh;
  return {
    path,
    store,
    keystore,
    agent: await createAgent({ store, keystore, transport, checks, clock, random: () => 0.5 }),
  };
}

/** Expects a typed error with this code whose message is one sentence and whose advice is there. */
export async function expectFailure(action: Promise<unknown>, code: string): Promise<Error & { code: string }> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason as Error & { code: string; advice?: string },
  );
  expect(error, "nothing failed").to.be.instanceOf(Error);
  expect(error?.code, error?.stack).to.equal(code);
  expect(error?.message).to.match(/^[^\n]{10,600}[^.\n]$/);
  return error as Error & { code: string };
}

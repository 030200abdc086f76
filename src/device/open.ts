/** The agent as it runs on an ordinary machine: sealed files for keys, TLS for the network, native code where it loads. */
import { type DeviceSignatures } from "../certificate/signatures.js";
import { type Bls, nobleBls } from "../crypto/bls.js";
import { createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type Agent, createAgent } from "./agent.js";
import {
  type DeviceSecret,
  type SealedKeystore,
  createSealedKeystore,
  manifestKeyOf,
  isSameKey,
  openSealedKeystore,
  type KeystoreOptions,
} from "./keystore.js";
import type { Transport } from "./mesh.js";
import type { Provisioning } from "./provisioning.js";
import { createDeviceStore, openDeviceStore } from "./store.js";
import type { SigningChecks } from "./swarm-signing.js";

/** HTTP over TLS 1.3. */
export const tlsTransport: Transport = (endpoint, trust, credentials) =>
  createClient({ endpoint: parseEndpoint(endpoint), trust, ...(credentials && { credentials }) });

/** Native BLS where its library loads on this machine, the portable one elsewhere. */
export async function loadChecks(device: DeviceSignatures = nativeSignatures): Promise<SigningChecks> {
  const bls: Bls = await import("../runtime/blst.js").then(
    ({ blstBls }) => blstBls,
    () => nobleBls,
  );
  return { bls, device };
}

/**
 * Makes a device's data folder from what the factory gave it.
 * @throws SwarmkeepError `device-exists`, `wrong-device-key`, and those of data folders.
 */
export async function initDevice(
  path: string,
  passphrase: string,
  provisioning: Provisioning,
  secret: DeviceSecret,
  options?: KeystoreOptions,
): Promise<void> {
  if (!isSameKey(manifestKeyOf(secret), provisioning.enrolment.key)) {
    throw new SwarmkeepError("the device's key is not the one that its provisioning file lists", {
      kind: "usage",
      code: "wrong-device-key",
      advice: "Take provisioning file and key of the same device.",
      details: { index: provisioning.index },
    });
  }
  const store = await createDeviceStore(path, provisioning, async (folder) => {
    (await createSealedKeystore(folder, passphrase, secret, options)).close();
  });
  await store.close();
}

/**
 * Opens a device: the one call for programs that do not bring a keystore or a transport of their own.
 * @throws SwarmkeepError `no-device`, `wrong-passphrase`, `folder-locked`, and those of data folders.
 */
export async function openDevice(
  path: string,
  passphrase: string,
): Promise<{ readonly agent: Agent; readonly keystore: SealedKeystore }> {
  const store = await openDeviceStore(path);
  try {
    const keystore = await openSealedKeystore(store.folder, passphrase);
    return {
      keystore,
      agent: await createAgent({ store, keystore, transport: tlsTransport, checks: await loadChecks() }),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

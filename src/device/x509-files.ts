/** What a device keeps for TLS software: its X.509 certificate, and the authorities above it, in PEM. */
import { decodeBundle } from "../certificate/bundle.js";
import { pem } from "../certificate/x509.js";
import { verifyAuthority } from "../certificate/x509-authority.js";
import { decodeDeviceCertificate } from "../certificate/x509-leaf.js";
import { deviceNames } from "../certificate/x509-names.js";
import type { DeviceSignatures } from "../certificate/signatures.js";
import { PATH } from "../protocol/api.js";
import { GatherError } from "../protocol/gather.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { ClientCredentials } from "../net/client.js";
import { type Clock, seconds } from "../runtime/clock.js";
import type { DeviceKeystore } from "./keystore.js";
import type { Mesh } from "./mesh.js";
import type { DeviceStore } from "./store.js";

/** The DER of the first certificate in a PEM text; undefined where there is none. */
export function derOfPem(content: Uint8Array): Uint8Array | undefined {
  const body = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(
    Buffer.from(content).toString("latin1"),
  )?.[1];
  return body === undefined ? undefined : new Uint8Array(Buffer.from(body, "base64"));
}

/** Stores a certificate with its chain, or removes what an earlier one left. */
export async function keepX509(store: DeviceStore, certificate: Uint8Array | undefined): Promise<void> {
  const bundle = await store.bundle();
  if (certificate === undefined || bundle === undefined) {
    await store.savePemFile("certificate", undefined);
    await store.savePemFile("chain", undefined);
    return;
  }
  const { root, crossCertificates } = decodeBundle(bundle);
  const own = pem("CERTIFICATE", certificate);
  await store.savePemFile("root", pem("CERTIFICATE", root));
  await store.savePemFile("chain", own + pem("CERTIFICATE", crossCertificates.at(-1) as Uint8Array));
  await store.savePemFile("certificate", own);
}

/**
 * Fetches the mesh's own certificate, if it is not there for the newest cross-certificate. Members may not have it yet: then the
 * root is what TLS software can trust, and the next renewal looks again.
 */
export async function keepAuthority(
  store: DeviceStore,
  mesh: Mesh,
  signatures: DeviceSignatures,
  signal: AbortSignal | undefined,
): Promise<void> {
  const bundle = await store.bundle();
  if (bundle === undefined) return;
  const crossCertificate = decodeBundle(bundle).crossCertificates.at(-1) as Uint8Array;
  const stored = await store.pemFile("ca");
  const known = stored === undefined ? undefined : derOfPem(stored);
  if (known !== undefined && isGood(() => verifyAuthority(known, crossCertificate, signatures))) return;
  try {
    const read = (body: Uint8Array): Uint8Array => {
      verifyAuthority(body, crossCertificate, signatures);
      return body;
    };
    await store.savePemFile("ca", pem("CERTIFICATE", await mesh.fetch(PATH.authority, read, signal)));
  } catch (error) {
    if (!(error instanceof GatherError)) throw error;
  }
}

/** Names that the stored X.509 certificate has besides the two that every device has, as far as `scope` allows them. */
export async function storedNames(store: DeviceStore, scope: string): Promise<string[]> {
  const stored = await store.pemFile("certificate");
  const encoded = stored === undefined ? undefined : derOfPem(stored);
  if (encoded === undefined) return [];
  try {
    const { names, index, authority } = decodeDeviceCertificate(encoded);
    return names.slice(2).filter((name) => isGood(() => deviceNames(authority.label, index, scope, [name])));
  } catch (error) {
    if (error instanceof SwarmkeepError) return [];
    throw error;
  }
}

/** Seconds before its end from which a certificate is not shown any more: a validator's clock may be ahead. */
const SHOWN_UNTIL_SECONDS = 60;

/**
 * What the device shows of itself in TLS, asked again and again: its certificate, while it has one that lasts and its key is at
 * hand; the same object for the same certificate.
 */
export function deviceCredentials(
  store: DeviceStore,
  keystore: DeviceKeystore,
  clock: Clock,
): () => Promise<ClientCredentials | undefined> {
  let last: { readonly pem: string; readonly shown: Promise<Shown | undefined> } | undefined;
  return async () => {
    const stored = await store.pemFile("certificate");
    if (stored === undefined) return undefined;
    const text = Buffer.from(stored).toString("latin1");
    if (last?.pem !== text) last = { pem: text, shown: shownBy(keystore, derOfPem(stored)) };
    const shown = await last.shown;
    return shown !== undefined && seconds(clock) < shown.until ? shown.credentials : undefined;
  };
}

interface Shown {
  readonly credentials: ClientCredentials;
  readonly until: number;
}

/** Undefined where the file or the key is not what it should be: the device can do without. */
async function shownBy(keystore: DeviceKeystore, certificate: Uint8Array | undefined): Promise<Shown | undefined> {
  if (certificate === undefined || keystore.privateKey === undefined) return undefined;
  try {
    const { key, expires } = decodeDeviceCertificate(certificate);
    const credentials = { key: await keystore.privateKey(key), chain: [certificate] };
    return { credentials, until: expires - SHOWN_UNTIL_SECONDS };
  } catch (error) {
    if (error instanceof SwarmkeepError) return undefined;
    throw error;
  }
}

function isGood(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof SwarmkeepError) return false;
    throw error;
  }
}

/**
 * The root CA: the one key that stands above a mesh, used a handful of times in its life. Either its key is sealed in the
 * operator's data folder, or it is elsewhere (an HSM, a machine without a network) and signs files that are carried to it.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { join } from "node:path";

import type { DeviceKey } from "../certificate/cose-key.js";
import { DER, DerReader } from "../certificate/der.js";
import { normalizeP256Signature } from "../certificate/public-key-info.js";
import { Refusal } from "../certificate/refusal.js";
import { createRootCertificate, verifyRootCertificate } from "../certificate/x509-root.js";
import { deviceKeyOf } from "../device/identity.js";
import { PUBLIC_FILE, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { certificateFromPem, certificatePem } from "../runtime/mesh-file.js";
import type { Sealer } from "../runtime/sealed-file.js";

export interface RootAuthority {
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  /** P-256. */
  readonly key: DeviceKey;
  /**
   * ECDSA with SHA-256 over `message`: r | s, 64 bytes, s in the lower half, as the ledger demands.
   * @param name of what is signed, for files and messages: lower-case letters, digits, hyphens.
   * @throws SwarmkeepError `root-signature-needed` where the key is elsewhere and has not signed this message yet.
   */
  sign(name: string, message: Uint8Array): Promise<Uint8Array>;
}

const CERTIFICATE_FILE = "root.pem";
const KEY_FILE = "root-key.sealed";
const KEY_PURPOSE = "root CA key";
const REQUESTS = "to-sign";
const YEAR = 365.25 * 86_400;
const ROOT_YEARS = 20;

/** Makes a root key and its certificate, the certificate last: where that exists, both do. */
export async function createRoot(folder: string, sealer: Sealer, name: string, now: number): Promise<RootAuthority> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  try {
    await sealer.write(join(folder, KEY_FILE), KEY_PURPOSE, pkcs8);
  } finally {
    pkcs8.fill(0);
  }
  const serial = randomBytes(16);
  serial[0] = (serial[0] as number) & 0x7f;
  const certificate = await createRootCertificate({
    key: deviceKeyOf(createPublicKey(privateKey)),
    commonName: name,
    serial,
    notBefore: now,
    notAfter: now + Math.floor(ROOT_YEARS * YEAR),
    sign: (tbs) => sign("sha256", tbs, { key: privateKey, dsaEncoding: "ieee-p1363" }),
  });
  await writeAtomically(join(folder, CERTIFICATE_FILE), certificatePem(certificate), PUBLIC_FILE);
  return openRoot(folder, sealer);
}

/** Takes the certificate of a root whose key stays where it is. @throws SwarmkeepError `bad-root` */
export async function adoptRoot(folder: string, pem: string): Promise<void> {
  const certificate = certificateFromPem(pem);
  if (certificate === undefined) throw badRoot("it is not a single certificate in PEM");
  rootKey(certificate);
  await writeAtomically(join(folder, CERTIFICATE_FILE), certificatePem(certificate), PUBLIC_FILE);
}

/** @throws SwarmkeepError `no-root`, `bad-root`, and those of files. */
export async function openRoot(folder: string, sealer: Sealer): Promise<RootAuthority> {
  const pem = await readIfPresent(join(folder, CERTIFICATE_FILE), 16_384);
  if (pem === undefined) {
    throw new SwarmkeepError(`${folder} holds no root CA`, {
      kind: "usage",
      code: "no-root",
      advice: "Run `swarmkeep mesh init` in this data folder first.",
      details: { folder },
    });
  }
  const certificate = certificateFromPem(Buffer.from(pem).toString("utf8"));
  if (certificate === undefined) throw badRoot("root.pem is not a certificate in PEM");
  const key = rootKey(certificate);
  const pkcs8 = await sealer.readIfPresent(join(folder, KEY_FILE), KEY_PURPOSE);
  if (pkcs8 === undefined) return { certificate, key, sign: externalSigner(folder, key) };
  const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
  pkcs8.fill(0);
  return {
    certificate,
    key,
    sign: async (_, message) =>
      normalizeP256Signature(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })),
  };
}

function rootKey(certificate: Uint8Array): DeviceKey {
  try {
    return verifyRootCertificate(certificate, nativeSignatures).key;
  } catch (error) {
    if (error instanceof Refusal) throw badRoot(error.message, error);
    throw error;
  }
}

function badRoot(problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`that is no root certificate for a mesh: ${problem}`, {
    kind: "usage",
    code: "bad-root",
    advice: "Give a self-signed P-256 certificate with CA:TRUE, keyCertSign and a path length of at least 1.",
    cause,
  });
}

/** Writes what is to be signed into a file and looks for its signature, in DER as OpenSSL writes it, beside it. */
function externalSigner(folder: string, key: DeviceKey): RootAuthority["sign"] {
  return async (name, message) => {
    const messagePath = join(folder, REQUESTS, `${name}.bin`);
    const signaturePath = join(folder, REQUESTS, `${name}.sig`);
    const der = await readIfPresent(signaturePath, 256);
    const signature = der === undefined ? undefined : rawSignature(der);
    if (signature !== undefined && nativeSignatures.verifyP256(key.bytes, message, signature)) {
      return normalizeP256Signature(signature);
    }
    await writeAtomically(messagePath, message, PUBLIC_FILE);
    const why = der === undefined ? "the root CA's key is elsewhere" : `${signaturePath} is no signature of it`;
    throw new SwarmkeepError(`the root CA has to sign ${messagePath}: ${why}`, {
      kind: "usage",
      code: "root-signature-needed",
      advice: `Where the key is: openssl dgst -sha256 -sign KEY -out ${name}.sig ${name}.bin; put the signature at ${signaturePath} and run this command again.`,
      details: { message: messagePath, signature: signaturePath },
    });
  };
}

/** ECDSA-Sig-Value (RFC 3279, section 2.2.3) to r | s, or undefined where it is none. */
function rawSignature(der: Uint8Array): Uint8Array | undefined {
  try {
    const outer = new DerReader(der, "signature");
    const pair = outer.enter(DER.sequence, "ecdsa");
    const signature = new Uint8Array([...pair.integer(32), ...pair.integer(32)]);
    pair.end();
    outer.end();
    return signature;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Makes the folder that requests for signatures are put into. */
export function requestFolder(folder: string): string {
  return join(folder, REQUESTS);
}

/**
 * The TLS key of a validator. Nobody certifies it: the registry holds its pin, and whoever connects compares. The
 * self-signed certificate around it only exists because TLS wants one; it is made anew at every start.
 */
import { type KeyObject, createHash, createPrivateKey, createPublicKey, sign, verify, webcrypto } from "node:crypto";

import { SwarmkeepError } from "../statements/errors.js";

export interface TlsIdentity {
  readonly key: KeyObject;
  /** DER, self-signed. */
  readonly certificate: Uint8Array;
  /** SubjectPublicKeyInfo, DER, 91 bytes: what the pin is the hash of, and what evidence is checked with. */
  readonly spki: Uint8Array;
  readonly pin: Uint8Array;
}

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** SHA-256 of the DER of a SubjectPublicKeyInfo, as in RFC 7469, section 2.4. 32 bytes. */
export function tlsKeyPin(spki: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash("sha256").update(spki).digest());
}

/** A new P-256 key, PKCS#8 DER: a secret, to be sealed and wiped. */
export async function generateTlsKey(): Promise<Uint8Array> {
  const { privateKey } = await webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  return new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", privateKey));
}

/**
 * @param pkcs8 of a P-256 key; may be wiped afterwards.
 * @throws SwarmkeepError `bad-tls-key`
 */
export async function tlsIdentity(pkcs8: Uint8Array): Promise<TlsIdentity> {
  let key: KeyObject;
  let pair: webcrypto.CryptoKeyPair;
  try {
    key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    pair = {
      privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, P256, false, ["sign"]),
      publicKey: await webcrypto.subtle.importKey("spki", spki, P256, true, ["verify"]),
    };
  } catch (cause) {
    throw new SwarmkeepError("the TLS key is not a P-256 key in PKCS#8", {
      kind: "environment",
      code: "bad-tls-key",
      advice: "Restore the data folder from a backup; a new key needs a new registration.",
      cause,
    });
  }
  // Takes as long to load as everything else that an operator's command needs, and none of those makes a certificate.
  await import("reflect-metadata");
  const { X509CertificateGenerator } = await import("@peculiar/x509");
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=Swarmkeep validator",
    keys: pair,
    signingAlgorithm: { ...P256, hash: "SHA-256" },
    // No well-defined end (RFC 5280, section 4.1.2.5): the pin decides, not the time.
    notBefore: new Date("2020-01-01T00:00:00Z"),
    notAfter: new Date("9999-12-31T23:59:59Z"),
  });
  const spki = Uint8Array.from(createPublicKey(key).export({ format: "der", type: "spki" }));
  return { key, certificate: new Uint8Array(certificate.rawData), spki, pin: tlsKeyPin(spki) };
}

/**
 * ES256 by the TLS key over `message` (SHA-256 inside): r | s, 64 bytes, with s <= N/2 as the ledger demands.
 */
export function signWithTlsKey({ key }: TlsIdentity, message: Uint8Array): Uint8Array {
  return withLowS(sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }));
}

/** As `signWithTlsKey`, in the thread pool: for whoever signs for many at once. */
export function signWithTlsKeyInPool({ key }: TlsIdentity, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) =>
    sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }, (error, signature) =>
      error === null ? resolve(withLowS(signature)) : reject(error),
    ),
  );
}

/**
 * Checks what `signWithTlsKey` made; takes s of either half.
 * @param spki of a TLS key whose pin was compared, DER.
 */
export function tlsKeyVerifier(spki: Uint8Array): (message: Uint8Array, signature: Uint8Array) => boolean {
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  return (message, signature) => verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

function withLowS(raw: Uint8Array): Uint8Array {
  const signature = Uint8Array.from(raw);
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
  if (s > P256_ORDER / 2n) {
    signature.set(Buffer.from((P256_ORDER - s).toString(16).padStart(64, "0"), "hex"), 32);
  }
  return signature;
}

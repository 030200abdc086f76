/**
 * One message to the owner of a key: HPKE (RFC 9180) in base mode, its ciphertext behind the encapsulated key. The key is a device's
 * identity key: P-256 by DHKEM(P-256, HKDF-SHA256), Ed25519 in its Montgomery form (RFC 7748, section 4.1) by DHKEM(X25519,
 * HKDF-SHA256); HKDF-SHA256 and AES-256-GCM follow. That one key signs and decrypts is sound for both: Thormarker, ePrint 2021/509, for
 * Ed25519 and X25519; Degabriele and others, CT-RSA 2012, for ECDSA and ECIES. Base mode says nothing about who sent it.
 */
import {
  ECDH,
  type KeyObject,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
} from "node:crypto";

import { ed25519 } from "@noble/curves/ed25519.js";

import type { DeviceKey } from "../certificate/cose-key.js";
import { KEY_TYPE } from "../statements/cose.js";
import { hmac, u16, wipe } from "./bytes.js";

interface Kem {
  readonly id: number;
  /** SubjectPublicKeyInfo up to the public key. */
  readonly spki: Buffer;
  /** Bytes of a public key, and so of an encapsulated one. */
  readonly length: number;
  readonly generate: () => { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
}

const X25519: Kem = {
  id: 0x0020,
  spki: Buffer.from("302a300506032b656e032100", "hex"),
  length: 32,
  generate: () => generateKeyPairSync("x25519"),
};
const P256: Kem = {
  id: 0x0010,
  spki: Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex"),
  length: 65,
  generate: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
};
/** PKCS#8 up to the secret of an X25519 key (RFC 8410, section 7). */
const X25519_PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");

/** Those of RFC 9180 that are used or that its vectors take. */
export const HPKE_AEAD = {
  aes128gcm: { id: 1, cipher: "aes-128-gcm", keyLength: 16 },
  aes256gcm: { id: 2, cipher: "aes-256-gcm", keyLength: 32 },
} as const;
type Aead = (typeof HPKE_AEAD)[keyof typeof HPKE_AEAD];

const HKDF_SHA256 = 1;
const TAG_LENGTH = 16;
const VERSION = "HPKE-v1";

/** What binds a message to its purpose and place. */
export interface HpkeContext {
  readonly info: Uint8Array;
  readonly associatedData: Uint8Array;
  /** AES-256-GCM if not given. */
  readonly aead?: Aead;
}

/** Encapsulated key | ciphertext | tag. @throws Error where the key is no point of its curve */
export function hpkeSeal(to: DeviceKey, plaintext: Uint8Array, context: HpkeContext): Uint8Array {
  const kem = kemOf(to);
  const recipient = agreementKey(to);
  const { privateKey, publicKey } = kem.generate();
  const encapsulated = rawOf(kem, publicKey);
  const dh = diffieHellman({ privateKey, publicKey: publicOf(kem, recipient) });
  const { key, nonce, cipher } = schedule(kem, dh, encapsulated, recipient, context);
  try {
    const sealing = createCipheriv(cipher, key, nonce).setAAD(context.associatedData);
    return Buffer.concat([encapsulated, sealing.update(plaintext), sealing.final(), sealing.getAuthTag()]);
  } finally {
    wipe(key, dh);
  }
}

/**
 * The plaintext, which the caller wipes; undefined where it was sealed to another key, or for another purpose, or was changed.
 * @param privateKey Ed25519 or P-256, whose public half it was sealed to; or X25519
 */
export function hpkeOpen(privateKey: KeyObject, sealed: Uint8Array, context: HpkeContext): Uint8Array | undefined {
  const kem = privateKey.asymmetricKeyType === "ec" ? P256 : X25519;
  if (sealed.length < kem.length + TAG_LENGTH) return undefined;
  const own = privateKey.asymmetricKeyType === "ed25519" ? montgomeryKey(privateKey) : privateKey;
  const recipient = rawOf(kem, createPublicKey(own));
  const encapsulated = sealed.subarray(0, kem.length);
  let dh: Buffer | undefined;
  let key: Uint8Array | undefined;
  try {
    // Refuses points that are on no curve, and such of small order.
    dh = diffieHellman({ privateKey: own, publicKey: publicOf(kem, encapsulated) });
    const derived = schedule(kem, dh, encapsulated, recipient, context);
    key = derived.key;
    const opening = createDecipheriv(derived.cipher, key, derived.nonce, { authTagLength: TAG_LENGTH });
    opening.setAAD(context.associatedData).setAuthTag(sealed.subarray(-TAG_LENGTH));
    const plaintext = opening.update(sealed.subarray(kem.length, -TAG_LENGTH));
    try {
      opening.final();
      return Uint8Array.from(plaintext);
    } finally {
      wipe(plaintext);
    }
  } catch {
    return undefined;
  } finally {
    wipe(dh, key);
  }
}

function kemOf({ type }: DeviceKey): Kem {
  return type === KEY_TYPE.ed25519 ? X25519 : P256;
}

/** The public key in the form that the KEM takes. */
function agreementKey({ type, bytes }: DeviceKey): Uint8Array {
  if (type === KEY_TYPE.ed25519) return ed25519.utils.toMontgomery(bytes);
  return ECDH.convertKey(bytes, "prime256v1", undefined, undefined, "uncompressed") as Buffer;
}

function montgomeryKey(privateKey: KeyObject): KeyObject {
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const secret = ed25519.utils.toMontgomerySecret(pkcs8.subarray(-32));
  const der = Buffer.concat([X25519_PKCS8_PREFIX, secret]);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    wipe(pkcs8, secret, der);
  }
}

function publicOf({ spki }: Kem, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spki, raw]), format: "der", type: "spki" });
}

function rawOf({ spki }: Kem, key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(spki.length);
}

/** Section 4.1 ExtractAndExpand, then section 5.1 KeySchedule without a pre-shared key. */
function schedule(
  { id }: Kem,
  dh: Uint8Array,
  encapsulated: Uint8Array,
  recipient: Uint8Array,
  { info, aead = HPKE_AEAD.aes256gcm }: HpkeContext,
): { readonly key: Uint8Array; readonly nonce: Uint8Array; readonly cipher: Aead["cipher"] } {
  const kemSuite = Buffer.concat([Buffer.from("KEM"), u16(id)]);
  const suite = Buffer.concat([Buffer.from("HPKE"), u16(id), u16(HKDF_SHA256), u16(aead.id)]);
  const none = new Uint8Array();
  const extract = (of: Uint8Array, salt: Uint8Array, label: string, input: Uint8Array): Buffer =>
    hmac(salt, VERSION, of, label, input);
  // One block of HKDF-SHA256 is enough for all of them.
  const expand = (of: Uint8Array, from: Uint8Array, label: string, about: Uint8Array, length: number): Buffer =>
    hmac(from, u16(length), VERSION, of, label, about, Uint8Array.of(1)).subarray(0, length);

  const extracted = extract(kemSuite, none, "eae_prk", dh);
  const shared = expand(kemSuite, extracted, "shared_secret", Buffer.concat([encapsulated, recipient]), 32);
  const about = Buffer.concat([
    Uint8Array.of(0),
    extract(suite, none, "psk_id_hash", none),
    extract(suite, none, "info_hash", info),
  ]);
  const secret = extract(suite, shared, "secret", none);
  try {
    const key = expand(suite, secret, "key", about, aead.keyLength);
    return { key, nonce: expand(suite, secret, "base_nonce", about, 12), cipher: aead.cipher };
  } finally {
    wipe(extracted, shared, secret);
  }
}

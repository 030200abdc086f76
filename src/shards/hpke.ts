/**
 * One message to the owner of a key: HPKE (RFC 9180) in base mode, its ciphertext behind the encapsulated key. The key is a device's
 * identity key: P-256 by DHKEM(P-256, HKDF-SHA256), Ed25519 in its Montgomery form (RFC 7748, section 4.1) by DHKEM(X25519,
 * HKDF-SHA256); HKDF-SHA256 and AES-256-GCM follow. That one key signs and decrypts is sound for both: Thormarker, ePrint 2021/509, for
 * Ed25519 and X25519; Degabriele and others, CT-RSA 2012, for ECDSA and ECIES. Base mode says nothing about who sent it.
 */
import { ECDH, type KeyObject } from "node:crypto";

import { Aes128Gcm, Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { ed25519 } from "@noble/curves/ed25519.js";

import type { DeviceKey } from "../certificate/cose-key.js";
import { KEY_TYPE } from "../statements/cose.js";
import { wipe } from "./bytes.js";

/** What is sealed with; the shorter one is that of RFC 9180's vectors. */
const AEADS = { aes128gcm: Aes128Gcm, aes256gcm: Aes256Gcm };
const KEMS = {
  x25519: { make: DhkemX25519HkdfSha256, encapsulatedLength: 32 },
  p256: { make: DhkemP256HkdfSha256, encapsulatedLength: 65 },
};
type Kem = keyof typeof KEMS;

/** What binds a message to its purpose and place. */
export interface HpkeContext {
  readonly info: Uint8Array;
  readonly associatedData: Uint8Array;
  /** `aes256gcm` if not given. */
  readonly aead?: keyof typeof AEADS;
}

/** Encapsulated key | ciphertext | tag. @throws Error where the key is no point of its curve */
export async function hpkeSeal(to: DeviceKey, plaintext: Uint8Array, context: HpkeContext): Promise<Uint8Array> {
  const suite = suiteOf(to.type === KEY_TYPE.ed25519 ? "x25519" : "p256", context);
  const recipientPublicKey = await suite.kem.deserializePublicKey(bufferOf(agreementKey(to)));
  const sender = await suite.createSenderContext({ recipientPublicKey, info: bufferOf(context.info) });
  const secret = bufferOf(plaintext);
  try {
    const sealed = await sender.seal(secret, bufferOf(context.associatedData));
    return Buffer.concat([new Uint8Array(sender.enc), new Uint8Array(sealed)]);
  } finally {
    wipe(new Uint8Array(secret));
  }
}

/**
 * The plaintext, which the caller wipes; undefined where it was sealed to another key, or for another purpose, or was changed.
 * @param privateKey Ed25519 or P-256, whose public half it was sealed to; or X25519
 */
export async function hpkeOpen(
  privateKey: KeyObject,
  sealed: Uint8Array,
  context: HpkeContext,
): Promise<Uint8Array | undefined> {
  const kem = privateKey.asymmetricKeyType === "ec" ? "p256" : "x25519";
  const { encapsulatedLength } = KEMS[kem];
  const suite = suiteOf(kem, context);
  const secret = agreementSecret(privateKey);
  try {
    const recipientKey = await suite.kem.deserializePrivateKey(secret);
    const enc = bufferOf(sealed.subarray(0, encapsulatedLength));
    // Refuses points that are on no curve, and such of small order.
    const recipient = await suite.createRecipientContext({ recipientKey, enc, info: bufferOf(context.info) });
    const opened = await recipient.open(
      bufferOf(sealed.subarray(encapsulatedLength)),
      bufferOf(context.associatedData),
    );
    return new Uint8Array(opened);
  } catch {
    return undefined;
  } finally {
    wipe(new Uint8Array(secret));
  }
}

function suiteOf(kem: Kem, { aead = "aes256gcm" }: HpkeContext): CipherSuite {
  return new CipherSuite({ kem: new KEMS[kem].make(), kdf: new HkdfSha256(), aead: new AEADS[aead]() });
}

/** The public key in the form that the KEM takes. */
function agreementKey({ type, bytes }: DeviceKey): Uint8Array {
  if (type === KEY_TYPE.ed25519) return ed25519.utils.toMontgomery(bytes);
  return ECDH.convertKey(bytes, "prime256v1", undefined, undefined, "uncompressed") as Buffer;
}

/** The secret scalar in the form that the KEM takes. */
function agreementSecret(privateKey: KeyObject): ArrayBuffer {
  const { d = "" } = privateKey.export({ format: "jwk" });
  const scalar = Buffer.from(d, "base64url");
  const secret = privateKey.asymmetricKeyType === "ed25519" ? ed25519.utils.toMontgomerySecret(scalar) : scalar;
  try {
    return bufferOf(secret);
  } finally {
    wipe(scalar, secret);
  }
}

/** The library takes buffers whole; a Buffer may lie in one that others share. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
}

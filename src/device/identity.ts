/**
 * The key that a device proves itself with. The agent sees this interface only, so that the key may live in a TPM, a
 * secure element or a PKCS#11 token; `softwareIdentity` is the one for devices that have none.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";

import type { DeviceKey } from "../certificate/cose-key.js";
import { preSharedIdentitySeed } from "../protocol/pre-shared-key.js";
import { KEY_TYPE, type KeyType } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";

export interface DeviceIdentity {
  readonly key: DeviceKey;
  /** The signature in COSE form: Ed25519 64 bytes (RFC 8032), or ECDSA with SHA-256 as r | s, 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** A key in this process's memory. `privateKey` is Ed25519 or P-256. @throws SwarmkeepError `unsupported-key` */
export function softwareIdentity(privateKey: KeyObject): DeviceIdentity {
  const key = deviceKeyOf(createPublicKey(privateKey));
  return {
    key,
    async sign(message) {
      return key.type === KEY_TYPE.ed25519
        ? sign(null, message, privateKey)
        : sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" });
    },
  };
}

/** The public key in the form that manifests and certificates have. @throws SwarmkeepError `unsupported-key` */
export function deviceKeyOf(publicKey: KeyObject): DeviceKey {
  const jwk = publicKey.export({ format: "jwk" });
  if (jwk.crv === "Ed25519" && jwk.x !== undefined) {
    return { type: KEY_TYPE.ed25519, bytes: new Uint8Array(Buffer.from(jwk.x, "base64url")) };
  }
  if (jwk.crv === "P-256" && jwk.x !== undefined && jwk.y !== undefined) {
    const y = Buffer.from(jwk.y, "base64url");
    const sign = ((y.at(-1) ?? 0) & 1) === 1 ? 3 : 2;
    return { type: KEY_TYPE.p256, bytes: Uint8Array.of(sign, ...Buffer.from(jwk.x, "base64url")) };
  }
  throw new SwarmkeepError(
    `a device key is Ed25519 or ECDSA on P-256, not ${jwk.kty ?? publicKey.type} ${jwk.crv ?? ""}`,
    {
      kind: "usage",
      code: "unsupported-key",
      advice: "Make one with `openssl genpkey -algorithm ED25519` or `openssl ecparam -name prime256v1 -genkey`.",
    },
  );
}

/** A new private key. */
export function generateDeviceKey(type: KeyType): KeyObject {
  return type === KEY_TYPE.ed25519
    ? generateKeyPairSync("ed25519").privateKey
    : generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** PKCS#8 up to the 32-byte seed of an Ed25519 key (RFC 8410, section 7). */
const ED25519_PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

/** The Ed25519 key of a device that was given nothing but a pre-shared key, derived from the whole of it. */
export function preSharedIdentityKey(preSharedKey: Uint8Array): KeyObject {
  const seed = preSharedIdentitySeed(preSharedKey);
  const der = Buffer.concat([ED25519_PKCS8_PREFIX, seed]);
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } finally {
    seed.fill(0);
    der.fill(0);
  }
}

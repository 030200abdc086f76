/** Public keys of devices: as COSE_Key (RFC 9052, section 7; RFC 9053, section 7), and as a manifest leaf names them. */
import { COSE_ALG, type DeviceAlgorithm, KEY_TYPE, type KeyType } from "../statements/cose.js";
import type { CborValue } from "./cbor.js";
import { type Reader, boolean, bytes, entry, map, oneOf, optional } from "./reader.js";
import { malformed } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";

export interface DeviceKey {
  readonly type: KeyType;
  /** Ed25519: 32 bytes (RFC 8032). P-256: 33 bytes, compressed (SEC 1, section 2.3.3). */
  readonly bytes: Uint8Array;
}

/** Labels and values of COSE_Key that the two kinds of key use. */
const LABEL = { keyType: 1, curve: -1, x: -2, ySign: -3 } as const;
const OKP = { keyType: 1, curve: 6 } as const;
const EC2 = { keyType: 2, curve: 1 } as const;

/** First byte of a compressed point: y even, y odd. */
const SEC1 = { even: 2, odd: 3 } as const;

export function coseKey(key: DeviceKey): CborValue {
  if (key.type === KEY_TYPE.ed25519) {
    return new Map<number, CborValue>([
      [LABEL.keyType, OKP.keyType],
      [LABEL.curve, OKP.curve],
      [LABEL.x, key.bytes],
    ]);
  }
  return new Map<number, CborValue>([
    [LABEL.keyType, EC2.keyType],
    [LABEL.curve, EC2.curve],
    [LABEL.x, key.bytes.subarray(1)],
    [LABEL.ySign, key.bytes[0] === SEC1.odd],
  ]);
}

const readFields = map({
  keyType: entry(LABEL.keyType, oneOf(OKP.keyType, EC2.keyType)),
  curve: entry(LABEL.curve, oneOf(OKP.curve, EC2.curve)),
  x: entry(LABEL.x, bytes(32)),
  ySign: optional(LABEL.ySign, boolean),
});

/** Reads a COSE_Key. That the bytes are a point of the curve shows when a signature is checked with it. */
export const readCoseKey: Reader<DeviceKey> = (value, field) => {
  const { keyType, curve, x, ySign } = readFields(value, field);
  if (keyType === OKP.keyType && curve === OKP.curve && ySign === undefined) {
    return { type: KEY_TYPE.ed25519, bytes: x };
  }
  if (keyType === EC2.keyType && curve === EC2.curve && ySign !== undefined) {
    return { type: KEY_TYPE.p256, bytes: Uint8Array.of(ySign ? SEC1.odd : SEC1.even, ...x) };
  }
  throw malformed(field, "takes an Ed25519 key {1: 1, -1: 6, -2: x} or a P-256 key {1: 2, -1: 1, -2: x, -3: y sign}");
};

/** The one algorithm that a key signs with. */
export function algorithmOf(key: DeviceKey): DeviceAlgorithm {
  return key.type === KEY_TYPE.ed25519 ? COSE_ALG.eddsa : COSE_ALG.es256;
}

export function verifyByDevice(
  key: DeviceKey,
  message: Uint8Array,
  signature: Uint8Array,
  signatures: DeviceSignatures,
): boolean {
  return key.type === KEY_TYPE.ed25519
    ? signatures.verifyEd25519(key.bytes, message, signature)
    : signatures.verifyP256(key.bytes, message, signature);
}

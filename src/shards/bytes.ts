/** Fixed-width integers, HMAC and hashes on node:crypto, as everything in this folder is made of. */
import { type Hmac, createHash, createHmac } from "node:crypto";

/** Big-endian, 8 bytes. @throws RangeError */
export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Big-endian, 2 bytes. @throws RangeError */
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function hmac(key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const mac: Hmac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** HKDF-Expand (RFC 5869, section 2.3) from a key that is uniformly random already. The caller wipes both. */
export function expand(key: Uint8Array, info: Uint8Array, length: number): Buffer {
  const output = Buffer.alloc(length);
  let block: Buffer = Buffer.alloc(0);
  for (let at = 0, counter = 1; at < length; counter++) {
    const next = hmac(key, block, info, Uint8Array.of(counter));
    block.fill(0);
    block = next;
    at += block.copy(output, at);
  }
  block.fill(0);
  return output;
}

export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}

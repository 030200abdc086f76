/**
 * One sealed shard: AES-256-GCM under a key of its own, so the nonce is constant. Mesh, device, version and index are
 * authenticated: a shard in the place of another one does not open (docs/protocol.md, section 20.3).
 */
import { createCipheriv, createDecipheriv } from "node:crypto";

import { TAG } from "../statements/tags.js";
import { u16, u64, wipe } from "./bytes.js";
import { type ShardContext, sealingKey } from "./derivation.js";
import { ShardError } from "./errors.js";

const NONCE = new Uint8Array(12);
const TAG_LENGTH = 16;

function associated({ meshId, device, version }: ShardContext, index: number): Buffer {
  return Buffer.concat([Buffer.from(TAG.shardSeal), meshId, u64(device), u64(version), u16(index)]);
}

export function sealShard(
  sealing: Uint8Array,
  context: ShardContext,
  salt: Uint8Array,
  index: number,
  piece: Uint8Array,
): Uint8Array {
  const key = sealingKey(sealing, context, salt, index);
  try {
    const cipher = createCipheriv("aes-256-gcm", key, NONCE).setAAD(associated(context, index));
    return Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()]);
  } finally {
    wipe(key);
  }
}

/** The piece in a sealed shard; the caller wipes it. @throws ShardError `shard-damaged` */
export function openShard(
  sealing: Uint8Array,
  context: ShardContext,
  salt: Uint8Array,
  index: number,
  sealed: Uint8Array,
): Uint8Array {
  const key = sealingKey(sealing, context, salt, index);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, NONCE, { authTagLength: TAG_LENGTH });
    decipher.setAAD(associated(context, index)).setAuthTag(sealed.subarray(-TAG_LENGTH));
    const piece = decipher.update(sealed.subarray(0, -TAG_LENGTH));
    try {
      decipher.final();
      return Uint8Array.from(piece);
    } finally {
      wipe(piece);
    }
  } catch (cause) {
    throw new ShardError(
      "shard-damaged",
      `shard ${index} of version ${context.version} does not open`,
      { index },
      { cause },
    );
  } finally {
    wipe(key);
  }
}

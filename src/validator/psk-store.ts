/**
 * Pre-shared keys of devices, this validator's own part of each (docs/protocol.md, section 7). They come from the fleet's
 * registrar, are sealed on disk, and are in memory while the validator runs, since a TLS handshake waits for nobody.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { decodePreSharedKeys, encodeKeyList, encodePreSharedKeys } from "../protocol/api.js";
import { indexOfIdentity } from "../protocol/pre-shared-key.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { statementDigest } from "../statements/eip712.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { MeshContext } from "./mesh-context.js";
import { recover } from "./revoking.js";
import type { Standing } from "./standing.js";

const PURPOSE = "pre-shared keys";

export class PskStore {
  readonly #keys = new Map<number, Uint8Array>();
  readonly #folder: string;
  readonly #sealer: Sealer;
  readonly #context: MeshContext;

  private constructor(folder: string, sealer: Sealer, context: MeshContext) {
    this.#folder = folder;
    this.#sealer = sealer;
    this.#context = context;
  }

  static async open(folder: string, sealer: Sealer, context: MeshContext): Promise<PskStore> {
    const store = new PskStore(folder, sealer, context);
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(".sealed"))) {
      const bytes = await sealer.read(join(folder, name), PURPOSE);
      for (const { index, key } of decodePreSharedKeys(bytes).keys) store.#keys.set(index, key.slice());
      bytes.fill(0);
    }
    return store;
  }

  /** The key for a TLS identity, or null. */
  find(identity: string): Uint8Array | null {
    const index = indexOfIdentity(this.#context.meshId, identity);
    return (index === undefined ? undefined : this.#keys.get(index)) ?? null;
  }

  /** Keeps keys of a fleet, if its registrar sent them. @throws SwarmkeepError of kind `refused` */
  async take(body: Uint8Array, standing: Standing, now: number): Promise<number> {
    const message = decodePreSharedKeys(body);
    const { fleetId, expiry, keys, signature } = message;
    const keysHash = keccak_256(encodeKeyList(keys));
    const digest = statementDigest(this.#context.separators.fleets, "PreSharedKeys", { fleetId, keysHash, expiry });
    const fleet = standing.projection.fleets.get(BigInt(fleetId));
    const refuse = (code: string, why: string, advice: string): SwarmkeepError =>
      new SwarmkeepError(why, { kind: "refused", code, advice });
    if (expiry <= now) throw refuse("expired", `the message expired at ${expiry}`, "Sign it anew.");
    if (fleet === undefined || fleet.registrar.toLowerCase() !== recover(digest, signature)) {
      throw refuse(
        "not-registrar",
        `the keys of fleet ${fleetId} are not signed by its registrar`,
        "Check the account.",
      );
    }
    for (const { index } of keys) {
      if (standing.projection.batchOf(BigInt(index))?.fleetId !== BigInt(fleetId)) {
        throw refuse("unknown-device", `device ${index} is not of fleet ${fleetId}`, "Register the batch first.");
      }
    }
    const path = join(this.#folder, `${fleetId}-${bytesToHex(keysHash.subarray(0, 16))}.sealed`);
    await this.#sealer.write(path, PURPOSE, encodePreSharedKeys(message));
    for (const { index, key } of keys) this.#keys.set(index, key.slice());
    return keys.length;
  }

  wipe(): void {
    for (const key of this.#keys.values()) key.fill(0);
    this.#keys.clear();
  }
}

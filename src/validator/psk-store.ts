/**
 * Pre-shared keys of devices, this validator's own part of each (docs/protocol.md, section 7). They come from the fleet's
 * registrar, are sealed on disk, and are in memory while the validator runs, since a TLS handshake waits for nobody.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { type PreSharedKeys, decodePreSharedKeys, encodeKeyList, encodePreSharedKeys } from "../protocol/api.js";
import { indexOfIdentity } from "../protocol/pre-shared-key.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { statementDigest } from "../statements/eip712.js";
import { SwarmkeepError } from "../statements/errors.js";
import { FileUses } from "./file-uses.js";
import type { MeshContext } from "./mesh-context.js";
import { expectOfRegistrar } from "./registrar-message.js";
import type { Standing } from "./standing.js";

const PURPOSE = "pre-shared keys";

/** Keys of one message. Of two that have a key for a device the one that expires later counts, whichever came first. */
interface KeyFile {
  readonly path: string;
  readonly expiry: number;
  /** Hex; decides between two that expire together. */
  readonly hash: string;
}

interface KeptKey {
  readonly key: Uint8Array;
  readonly from: KeyFile;
}

export class PskStore {
  readonly #keys = new Map<number, KeptKey>();
  readonly #files = new FileUses();
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
      const path = join(folder, name);
      const bytes = await sealer.read(path, PURPOSE);
      await store.#keep(path, decodePreSharedKeys(bytes));
      bytes.fill(0);
    }
    return store;
  }

  /** The key for a TLS identity, or null. */
  find(identity: string): Uint8Array | null {
    const index = indexOfIdentity(this.#context.meshId, identity);
    return (index === undefined ? undefined : this.#keys.get(index)?.key) ?? null;
  }

  /** Keeps keys of a fleet, if its registrar sent them. @throws SwarmkeepError of kind `refused` */
  async take(body: Uint8Array, standing: Standing, now: number): Promise<number> {
    const message = decodePreSharedKeys(body);
    const { fleetId, expiry, keys, signature } = message;
    const keysHash = keccak_256(encodeKeyList(keys));
    const digest = statementDigest(this.#context.separators.fleets, "PreSharedKeys", { fleetId, keysHash, expiry });
    if (expiry <= now) {
      throw new SwarmkeepError(`the message expired at ${expiry}`, {
        kind: "refused",
        code: "expired",
        advice: "Sign it anew.",
      });
    }
    expectOfRegistrar(standing.projection, { fleetId, digest, signature, devices: keys }, "keys");
    const path = join(this.#folder, `${fleetId}-${bytesToHex(keysHash.subarray(0, 16))}.sealed`);
    const from = { path, expiry, hash: bytesToHex(keysHash) };
    // Also keeps a message that is sent again later than it was signed from taking the place of its newer self on disk.
    if (keys.every(({ index }) => isNewerThan(this.#keys.get(index)?.from, from))) return keys.length;
    await this.#sealer.write(path, PURPOSE, encodePreSharedKeys(message));
    await this.#keep(path, message);
    return keys.length;
  }

  /** Takes a message's keys, but for devices that have a newer one, and removes files that nothing is used of any more. */
  async #keep(path: string, { expiry, keys }: PreSharedKeys): Promise<void> {
    const from: KeyFile = { path, expiry, hash: bytesToHex(keccak_256(encodeKeyList(keys))) };
    this.#files.count(path, 0);
    for (const { index, key } of keys) {
      const old = this.#keys.get(index);
      if (isNewerThan(old?.from, from)) continue;
      if (old !== undefined) {
        this.#files.count(old.from.path, -1);
        old.key.fill(0);
      }
      // A copy: what a Buffer slices is a view of it.
      this.#keys.set(index, { key: Uint8Array.from(key), from });
      this.#files.count(path, 1);
    }
    await this.#files.removeUnused();
  }

  wipe(): void {
    for (const { key } of this.#keys.values()) key.fill(0);
    this.#keys.clear();
  }
}

function isNewerThan(a: KeyFile | undefined, b: KeyFile): boolean {
  return a !== undefined && (a.expiry > b.expiry || (a.expiry === b.expiry && a.hash > b.hash));
}

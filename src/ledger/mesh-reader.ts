/**
 * Reads from the mesh's contracts what a member signs about, each word proven under the state root of a finalised block:
 * a lying endpoint cannot make a member certify a revoked device, or one that nobody registered.
 */
import { ZeroAddress, concat, getAddress, keccak256, toBeHex } from "ethers";

import type { RevocationWord } from "./bitmap.js";
import { type MeshAddresses, allAddresses } from "./contracts.js";
import { LedgerError } from "./errors.js";
import { batchHash, type Batch, type Fleet, type Projection } from "./projection.js";
import type { MapFields, MapVersion } from "./shard-book.js";
import type { LedgerSource } from "./source.js";
import { wordHex, type VerifiedHeader } from "./state-proof.js";
import { ANCHOR_SLOTS, FLEET_SLOTS, OFFICE_SLOTS, REVOCATION_SLOTS, SHARD_SLOTS, bitsOf } from "./storage-layout.js";

export interface ProvenKeys {
  readonly generation: bigint;
  readonly epoch: bigint;
  readonly ceremony: bigint;
  /** EIP-2537 encoding, 128 bytes in hex; all zero before the first committee. */
  readonly blsKey: string;
  readonly edKey: string;
  readonly verificationRoot: string;
}

/** All that the ledger knows of one device. */
export interface ProvenDevice {
  readonly fleet: Fleet;
  readonly batch: Batch;
  /** Revoked for ever. */
  readonly revoked: boolean;
  /** Held by its registrar. */
  readonly held: boolean;
}

/**
 * All addresses of a mesh, proven under its anchor's storage: what `addressesOf` finds, without trust in the endpoint.
 * @throws LedgerError `no-mesh` if there is no anchor at the address, or it has not accepted its genesis.
 */
export async function provenAddresses(
  source: LedgerSource,
  anchor: string,
  block: VerifiedHeader,
): Promise<MeshAddresses> {
  const words = await source.storage(anchor, ANCHOR_SLOTS.contracts, block);
  const [registry, ceremony, groupKeys, fleets, revocations, rotation] = words.map((word) =>
    getAddress(toBeHex(bitsOf(word, 0n, 160n), 20)),
  ) as [string, string, string, string, string, string];
  if (registry === ZeroAddress) {
    const message = `there is no trust anchor at ${anchor} that accepted its genesis by block ${block.number}`;
    throw new LedgerError("no-mesh", message, { anchor, blockNumber: block.number });
  }
  return allAddresses({ anchor, registry, ceremony, groupKeys, fleets, revocations, rotation });
}

function policyHashOf(fleetWord: bigint): string {
  return toBeHex(bitsOf(fleetWord, 0n, 192n), 24);
}

export class MeshReader {
  readonly #source: LedgerSource;
  readonly #addresses: MeshAddresses;
  /** Batches and policies never change: those proven once, by fleet and batch. */
  readonly #provenBatches = new Set<string>();

  constructor(source: LedgerSource, addresses: MeshAddresses) {
    this.#source = source;
    this.#addresses = addresses;
  }

  /** Both maps of some words of the revocation list. */
  async revocationWords(words: readonly number[], block: VerifiedHeader): Promise<readonly RevocationWord[]> {
    const slots = words.flatMap((word) => [REVOCATION_SLOTS.revoked(word), REVOCATION_SLOTS.held(word)]);
    const values = await this.#source.storage(this.#addresses.revocations, slots, block);
    return words.map((_, index) => ({ revoked: values[2 * index] ?? 0n, held: values[2 * index + 1] ?? 0n }));
  }

  /** Hash of a batch, zero hash if there is none. */
  async batchHash(fleetId: bigint, batch: bigint, block: VerifiedHeader): Promise<string> {
    const [word = 0n] = await this.#source.storage(
      this.#addresses.fleets,
      [FLEET_SLOTS.batchHash(fleetId, batch)],
      block,
    );
    return wordHex(word);
  }

  /** Hash of a fleet's policy, 24 bytes, all zero if there is no such fleet. */
  async policyHash(fleetId: bigint, block: VerifiedHeader): Promise<string> {
    const [word = 0n] = await this.#source.storage(this.#addresses.fleets, [FLEET_SLOTS.fleet(fleetId)], block);
    return policyHashOf(word);
  }

  /** How many device indexes are allocated. */
  async nextIndex(block: VerifiedHeader): Promise<bigint> {
    const [word = 0n] = await this.#source.storage(this.#addresses.fleets, [FLEET_SLOTS.nextIndex], block);
    return bitsOf(word, 0n, 64n);
  }

  /** The group keys in office. */
  async groupKeys(block: VerifiedHeader): Promise<ProvenKeys> {
    const { terms, current, blsKey, edKey } = OFFICE_SLOTS;
    const slots = [current, edKey, ...blsKey, ...terms.flat()];
    const words = await this.#source.storage(this.#addresses.groupKeys, slots, block);
    const [which = 0n, ed25519 = 0n] = words;
    const term = 6 + 2 * Number(bitsOf(which, 0n, 8n));
    const [numbers = 0n, verificationRoot = 0n] = words.slice(term, term + 2);
    return {
      generation: bitsOf(which, 72n, 64n),
      epoch: bitsOf(numbers, 0n, 64n),
      ceremony: bitsOf(numbers, 64n, 64n),
      blsKey: concat(words.slice(2, 6).map(wordHex)),
      edKey: wordHex(ed25519),
      verificationRoot: wordHex(verificationRoot),
    };
  }

  /**
   * A device with its fleet, batch and revocation, where the events (`projection`) say which and the state proves it.
   * @returns undefined if no batch has this index.
   * @throws LedgerError `bad-proof` if an endpoint's logs and its state differ, or a proof is wrong.
   */
  async device(projection: Projection, index: bigint, block: VerifiedHeader): Promise<ProvenDevice | undefined> {
    const batch = projection.batchOf(index);
    const fleet = batch === undefined ? undefined : projection.fleets.get(batch.fleetId);
    if (batch === undefined || fleet === undefined || batch.blockNumber > block.number) return undefined;
    const [[word = { revoked: 0n, held: 0n }]] = await Promise.all([
      this.revocationWords([Number(index / 256n)], block),
      this.#proveBatch(fleet, batch, block),
    ]);
    const bit = index % 256n;
    return { fleet, batch, revoked: bitsOf(word.revoked, bit, 1n) === 1n, held: bitsOf(word.held, bit, 1n) === 1n };
  }

  /**
   * That the newest two versions of a shard map are as the events say, shortened and invalidated where they were, and that there is none
   * after them.
   * @param versions of one subject, the newest last
   * @throws LedgerError `bad-proof`
   */
  async proveShardMaps(versions: readonly MapVersion[], block: VerifiedHeader): Promise<void> {
    const recent = versions.slice(-2);
    const [{ fleetId, subject } = { fleetId: 0n, subject: 0n }] = recent;
    const slots = recent.flatMap(({ map: { version } }) => [
      ...SHARD_SLOTS.record(fleetId, subject, version),
      SHARD_SLOTS.invalidated(fleetId, subject, version),
    ]);
    const words = await this.#source.storage(
      this.#addresses.shards,
      [SHARD_SLOTS.latest(fleetId, subject), ...slots],
      block,
    );
    const expected = recent.flatMap(({ map, holders, invalidated }) => [
      shardMapWord(map),
      BigInt(map.root),
      BigInt(keccak256(holders)),
      invalidated ? 1n : 0n,
    ]);
    const isSame = [BigInt(versions.length), ...expected].every((word, i) => word === words[i]);
    if (isSame) return;
    const message = `the logs and the state of the shard map of fleet ${fleetId}, subject ${subject} differ`;
    throw new LedgerError("bad-proof", message, { fleetId, subject, blockNumber: block.number });
  }

  async #proveBatch(fleet: Fleet, batch: Batch, block: VerifiedHeader): Promise<void> {
    const key = `${batch.fleetId}/${batch.batch}`;
    if (this.#provenBatches.has(key)) return;
    const slots = [FLEET_SLOTS.batchHash(batch.fleetId, batch.batch), FLEET_SLOTS.fleet(batch.fleetId)];
    const [batchWord = 0n, fleetWord = 0n] = await this.#source.storage(this.#addresses.fleets, slots, block);
    if (wordHex(batchWord) !== batchHash(batch) || policyHashOf(fleetWord) !== fleet.policyHash) {
      throw new LedgerError(
        "bad-proof",
        `the logs and the state of fleet ${batch.fleetId}, batch ${batch.batch} differ`,
        {
          fleetId: batch.fleetId,
          batch: batch.batch,
          blockNumber: block.number,
        },
      );
    }
    this.#provenBatches.add(key);
  }
}

/** The first word of a version's record. */
function shardMapWord(map: MapFields): bigint {
  const { version, scheme, threshold, shards, replicas, validFrom, validUntil, graceSeconds, rotationSeconds } = map;
  const fields = [
    [version, 32n],
    [scheme, 8n],
    [threshold, 8n],
    [shards, 8n],
    [replicas, 8n],
    [validFrom, 48n],
    [validUntil, 48n],
    [graceSeconds, 32n],
    [rotationSeconds, 32n],
  ] as const;
  return fields.reduceRight((word, [value, bits]) => (word << bits) | value, 0n);
}

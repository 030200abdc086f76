/**
 * Proof that a device is registered and not revoked, from the ledger's state and not from logs alone: before a certificate is
 * signed the words concerned are proven under the state root of a finalised block (docs/protocol.md, section 10).
 */
import { isPassing } from "../ledger/errors.js";
import type { MeshReader } from "../ledger/mesh-reader.js";
import type { VerifiedHeader } from "../ledger/state-proof.js";
import { deviceRevoked } from "../statements/errors.js";
import type { Standing } from "./standing.js";

/** Blocks for which a proven word is used again: a crowd of devices shares a few words. */
const FRESH_BLOCKS = 4;
/** Words kept. */
const CAPACITY = 4_096;

/** A word of the revocation list, as it was at a block. */
interface Known {
  readonly block: number;
  /** Of the block, in seconds. */
  readonly timestamp: number;
  readonly effective: Promise<bigint>;
}

export class WordProver {
  readonly #reader: Pick<MeshReader, "device" | "revocationWords">;
  readonly #standing: Standing;
  readonly #nowSeconds: () => number;
  readonly #words = new Map<number, Known>();
  readonly #batches = new Map<bigint, Promise<unknown>>();

  constructor(reader: Pick<MeshReader, "device" | "revocationWords">, standing: Standing, nowSeconds: () => number) {
    this.#reader = reader;
    this.#standing = standing;
    this.#nowSeconds = nowSeconds;
  }

  /** @throws SwarmkeepError `revoked`; LedgerError `bad-proof` where logs and state differ, or what reading throws */
  async prove(index: number, header: VerifiedHeader): Promise<void> {
    await this.#proveBatch(index, header);
    const effective = await this.#word(Math.floor(index / 256), header);
    if (((effective >> BigInt(index % 256)) & 1n) === 0n) return;
    throw deviceRevoked(index);
  }

  async #proveBatch(index: number, header: VerifiedHeader): Promise<void> {
    const { projection } = this.#standing;
    const base = projection.batchOf(BigInt(index))?.base;
    if (base === undefined) return;
    let proof = this.#batches.get(base);
    if (proof === undefined) {
      proof = this.#reader.device(projection, BigInt(index), header);
      this.#batches.set(base, proof);
      proof.catch(() => this.#batches.delete(base));
    }
    await proof;
  }

  async #word(word: number, header: VerifiedHeader): Promise<bigint> {
    const known = this.#words.get(word);
    if (known !== undefined && header.number - known.block < FRESH_BLOCKS) return known.effective;
    const { number: block, timestamp } = header;
    const effective = this.#reader
      .revocationWords([word], header)
      .then(([found]) => (found?.revoked ?? 0n) | (found?.held ?? 0n))
      .catch((error: unknown) => {
        if (known === undefined || !this.#mayStand(known) || !isPassing(error)) throw error;
        // Until the next few blocks nobody else has to wait for the same error.
        this.#words.set(word, { ...known, block });
        return known.effective;
      });
    this.#words.delete(word);
    this.#words.set(word, { block, timestamp, effective });
    effective.catch(() => this.#words.delete(word));
    if (this.#words.size > CAPACITY) this.#words.delete(this.#words.keys().next().value as number);
    return effective;
  }

  /**
   * Whether a word may be used again while the ledger is away: for as long as a head lives, for then nobody's revocation is missed
   * that a verifier would still accept.
   */
  #mayStand({ timestamp }: Known): boolean {
    const lifetime = Number(this.#standing.projection.genesis?.parameters.headLifetimeSeconds ?? 0n);
    return this.#nowSeconds() <= timestamp + lifetime;
  }
}

/**
 * Proof that a shard map is the ledger's, from its state and not from logs alone, before this member signs it: an endpoint that keeps
 * back a rotation, an invalidation or a shortened schedule, or makes one up, gets no signature (docs/protocol.md, sections 10 and 20.5).
 */
import type { MeshReader } from "../ledger/mesh-reader.js";
import type { MapVersion } from "../ledger/shard-book.js";
import type { VerifiedHeader } from "../ledger/state-proof.js";

/** Blocks for which a proof counts: a crowd of devices asks for one map. */
const FRESH_BLOCKS = 4;
/** Proofs kept. */
const CAPACITY = 1_024;

interface Known {
  readonly block: number;
  /** What was proven: the projection makes a new object where an event changes a version. */
  readonly versions: readonly MapVersion[];
  readonly proof: Promise<void>;
}

export class MapProver {
  readonly #reader: Pick<MeshReader, "proveShardMaps">;
  readonly #known = new Map<string, Known>();

  constructor(reader: Pick<MeshReader, "proveShardMaps">) {
    this.#reader = reader;
  }

  /**
   * @param versions all of one subject, as the events say, the newest last; at least one
   * @throws LedgerError `bad-proof` where logs and state differ, or what reading throws
   */
  async prove(versions: readonly MapVersion[], header: VerifiedHeader): Promise<void> {
    const [{ fleetId, subject } = { fleetId: 0n, subject: 0n }] = versions;
    const name = `${fleetId}/${subject}`;
    const known = this.#known.get(name);
    if (known !== undefined && header.number - known.block < FRESH_BLOCKS && isSame(known.versions, versions)) {
      return known.proof;
    }
    const proof = this.#reader.proveShardMaps(versions, header);
    const made: Known = { block: header.number, versions: [...versions], proof };
    this.#known.delete(name);
    this.#known.set(name, made);
    proof.catch(() => {
      if (this.#known.get(name) === made) this.#known.delete(name);
    });
    if (this.#known.size > CAPACITY) this.#known.delete(this.#known.keys().next().value as string);
    return proof;
  }
}

function isSame(a: readonly MapVersion[], b: readonly MapVersion[]): boolean {
  return a.length === b.length && a.every((version, i) => version === b[i]);
}

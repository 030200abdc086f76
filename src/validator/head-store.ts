/** The newest signed head of the revocation list with its tree: what devices fetch, and what survives a restart. */
import {
  drlHeadToSign,
  encodeDrlProof,
  encodeSignedDrlHead,
  decodeSignedDrlHead,
  drlPosition,
} from "../certificate/drl.js";
import type { HeadTrust, SignedDrlHead } from "../certificate/drl.js";
import { DrlTree } from "../certificate/drl-tree.js";
import { type SignatureChecks, verifyByGroup } from "../certificate/signatures.js";
import { equalBytes } from "../crypto/bytes.js";
import type { Projection } from "../ledger/projection.js";
import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { COSE_ALG, type GroupAlgorithm } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";

/** A tree that follows the ledger from block to block. */
export class ListTree {
  readonly #projection: Projection;
  #tree = new DrlTree(1);

  constructor(projection: Projection) {
    this.#projection = projection;
  }

  /** The list as it is after all of `block`. */
  at(block: number): DrlTree {
    const words = this.#projection.wordCountAt(block);
    // Lists only grow; an earlier block than before is asked for after a restart only.
    if (words < this.#tree.words) this.#tree = new DrlTree(words);
    this.#tree.resize(words);
    for (const position of this.#projection.bitmap.touchedWords()) {
      if (position >= words) continue;
      const word = wordBytes(this.#projection.bitmap.effective(position, block));
      if (!equalBytes(word, this.#tree.word(position))) this.#tree.setWord(position, word);
    }
    return this.#tree;
  }
}

function wordBytes(word: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(word.toString(16).padStart(64, "0"), "hex"));
}

/** A head that proofs are given under, and the list as it shows it. */
class Proving {
  readonly signed: SignedDrlHead;
  readonly #tree: ListTree;
  #list: DrlTree | undefined;

  constructor(signed: SignedDrlHead, projection: Projection) {
    this.signed = signed;
    this.#tree = new ListTree(projection);
  }

  /** @throws SwarmkeepError `no-head` if this member's ledger does not lead to the head's root (yet) */
  list(): DrlTree {
    if (this.#list !== undefined) return this.#list;
    const { head } = this.signed;
    const list = this.#tree.at(head.blockNumber);
    if (!equalBytes(list.root(), head.root)) {
      throw new SwarmkeepError(`this member's ledger does not lead to the root of head ${head.number}`, {
        kind: "network",
        code: "no-head",
        advice: "Ask another validator; this one is catching up.",
      });
    }
    this.#list = list;
    return list;
  }
}

export class HeadStore {
  readonly #path: string;
  readonly #projection: Projection;
  #newest: Proving | undefined;
  /** The newest head with an Ed25519 signature, which is a moment younger than the one by BLS: the one before, till then. */
  #newestEd25519: Proving | undefined;

  private constructor(path: string, projection: Projection) {
    this.#path = path;
    this.#projection = projection;
  }

  static async open(path: string, projection: Projection): Promise<HeadStore> {
    const store = new HeadStore(path, projection);
    const bytes = await readIfPresent(path, 4_096);
    if (bytes === undefined) return store;
    try {
      store.#take(decodeSignedDrlHead(bytes));
    } catch (cause) {
      throw new SwarmkeepError(`${path} holds no signed revocation head`, {
        kind: "environment",
        code: "head-file-damaged",
        advice: "Remove it: the swarm makes the next head within minutes.",
        details: { path },
        cause,
      });
    }
    return store;
  }

  get newest(): SignedDrlHead | undefined {
    return this.#newest?.signed;
  }

  /** Keeps a head that is newer than the newest. */
  async put(signed: SignedDrlHead): Promise<void> {
    if (this.newest !== undefined && signed.head.number <= this.newest.head.number) return;
    await writeAtomically(this.#path, encodeSignedDrlHead(signed));
    this.#take(signed);
  }

  /**
   * Adds the Ed25519 signature to the newest head. One of another head is ignored.
   * @throws SwarmkeepError `bad-head-signature`
   */
  async putSignature(number: number, signature: Uint8Array, trust: HeadTrust, checks: SignatureChecks): Promise<void> {
    const { newest } = this;
    if (newest === undefined || newest.head.number !== number || newest.ed25519 !== null) return;
    const message = drlHeadToSign(COSE_ALG.eddsa, newest.head, trust);
    if (!verifyByGroup(COSE_ALG.eddsa, trust.keys, message, signature, checks)) {
      throw new SwarmkeepError(`the Ed25519 signature of head ${number} does not verify`, {
        kind: "refused",
        code: "bad-head-signature",
        advice: "Make it again with other members.",
      });
    }
    const signed = { ...newest, ed25519: signature };
    await writeAtomically(this.#path, encodeSignedDrlHead(signed));
    if (this.newest === newest) this.#take(signed);
  }

  /** A revocation proof for a device under the newest head. @throws SwarmkeepError `no-head` or `not-listed` */
  proof(index: number, algorithm: GroupAlgorithm): Uint8Array {
    const proving = algorithm === COSE_ALG.bls ? this.#newest : this.#newestEd25519;
    const signature = algorithm === COSE_ALG.bls ? proving?.signed.bls : proving?.signed.ed25519;
    if (proving === undefined || signature === undefined || signature === null) {
      throw new SwarmkeepError("there is no signed revocation head yet", {
        kind: "network",
        code: "no-head",
        advice: "Try again in some seconds.",
      });
    }
    const { position } = drlPosition(index);
    const { head } = proving.signed;
    if (position >= head.words) {
      throw new SwarmkeepError(`device ${index} is beyond the ${head.words} words of head ${head.number}`, {
        kind: "refused",
        code: "not-listed",
        advice: "Try again after the next head, or check the device's index.",
      });
    }
    const { word, path } = proving.list().prove(position);
    return encodeDrlProof({ head, algorithm, signature, word, path });
  }

  #take(signed: SignedDrlHead): void {
    this.#newest = new Proving(signed, this.#projection);
    if (signed.ed25519 !== null) this.#newestEd25519 = this.#newest;
  }
}

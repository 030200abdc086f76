/** The newest signed head of the revocation list with its tree: what devices fetch, and what survives a restart. */
import {
  drlHeadToSign,
  encodeDrlProof,
  encodeSignedDrlHead,
  decodeSignedDrlHead,
  drlPosition,
} from "../certificate/drl.js";
import type { DrlHead, HeadTrust, SignedDrlHead } from "../certificate/drl.js";
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

export class HeadStore {
  readonly #path: string;
  readonly #tree: ListTree;
  #newest: SignedDrlHead | undefined;
  /** The tree of `#newest`, once somebody asked for a proof. */
  #proving: DrlTree | undefined;

  private constructor(path: string, projection: Projection) {
    this.#path = path;
    this.#tree = new ListTree(projection);
  }

  static async open(path: string, projection: Projection): Promise<HeadStore> {
    const store = new HeadStore(path, projection);
    const bytes = await readIfPresent(path, 4_096);
    if (bytes !== undefined) store.#newest = decodeSignedDrlHead(bytes);
    return store;
  }

  get newest(): SignedDrlHead | undefined {
    return this.#newest;
  }

  /** Keeps a head that is newer than the newest. */
  async put(signed: SignedDrlHead): Promise<void> {
    if (this.#newest !== undefined && signed.head.number <= this.#newest.head.number) return;
    await writeAtomically(this.#path, encodeSignedDrlHead(signed));
    this.#newest = signed;
    this.#proving = undefined;
  }

  /**
   * Adds the Ed25519 signature to the newest head. One of another head is ignored.
   * @throws SwarmkeepError `bad-head-signature`
   */
  async putSignature(number: number, signature: Uint8Array, trust: HeadTrust, checks: SignatureChecks): Promise<void> {
    const newest = this.#newest;
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
    this.#newest = signed;
  }

  /** A revocation proof for a device under the newest head. @throws SwarmkeepError `no-head` or `not-listed` */
  proof(index: number, algorithm: GroupAlgorithm): Uint8Array {
    const newest = this.#newest;
    const signature = algorithm === COSE_ALG.bls ? newest?.bls : newest?.ed25519;
    if (newest === undefined || signature === undefined || signature === null) {
      throw new SwarmkeepError("there is no signed revocation head yet", {
        kind: "network",
        code: "no-head",
        advice: "Try again in some seconds.",
      });
    }
    const { position } = drlPosition(index);
    const { head } = newest;
    if (position >= head.words) {
      throw new SwarmkeepError(`device ${index} is beyond the ${head.words} words of head ${head.number}`, {
        kind: "refused",
        code: "not-listed",
        advice: "Try again after the next head, or check the device's index.",
      });
    }
    const { word, path } = this.#treeOf(head).prove(position);
    return encodeDrlProof({ head, algorithm, signature, word, path });
  }

  #treeOf(head: DrlHead): DrlTree {
    if (this.#proving !== undefined) return this.#proving;
    const tree = this.#tree.at(head.blockNumber);
    if (!equalBytes(tree.root(), head.root)) {
      throw new SwarmkeepError(`this member's ledger does not lead to the root of head ${head.number}`, {
        kind: "network",
        code: "no-head",
        advice: "Ask another validator; this one is catching up.",
      });
    }
    this.#proving = tree;
    return tree;
  }
}

/**
 * Merkle-Patricia proofs: that something stands under a key of a trie with a known root, or that nothing does
 * (Ethereum Yellow Paper, appendices C and D; EIP-1186 for the form of the proof).
 */
import { decodeRlp, keccak256, type RlpStructuredData } from "ethers";

import { LedgerError } from "./errors.js";

/** keccak256 of the RLP of an empty string: the root of a trie with nothing in it. */
export const EMPTY_TRIE_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
export function badProof(message: string, details: Record<string, unknown> = {}): LedgerError {
  return new LedgerError("bad-proof", message, details);
}

/** The nodes of a proof and how far the walk has used them. */
interface ProofWalk {
  readonly nodes: readonly string[];
  used: number;
}

/** 64 nibbles of keccak256(key), as numbers. */
function pathOf(key: string): number[] {
  return nibblesOf(keccak256(key));
}

function nibblesOf(hex: string): number[] {
  return Array.from(hex.slice(2), (digit) => Number.parseInt(digit, 16));
}

/** Hex-prefix encoding (Yellow Paper, appendix C): nibbles, and whether the node is a leaf. */
function decodeNibbles(encoded: RlpStructuredData): { nibbles: number[]; leaf: boolean } {
  if (typeof encoded !== "string" || encoded.length < 4) throw badProof("a trie node has no path");
  const digits = nibblesOf(encoded);
  const flag = digits[0] ?? 4;
  if (flag > 3 || (flag % 2 === 0 && digits[1] !== 0)) throw badProof("a trie node's path is not hex-prefix encoded");
  return { nibbles: digits.slice(flag % 2 === 0 ? 2 : 1), leaf: flag >= 2 };
}

/** The node that a reference stands for: itself where it is embedded (under 32 bytes), else the next of the proof by hash. */
function resolve(reference: RlpStructuredData, walk: ProofWalk): readonly RlpStructuredData[] {
  if (Array.isArray(reference)) return reference;
  const bytes = walk.nodes[walk.used];
  if (bytes === undefined) throw badProof("the proof ends before the key does", { nodes: walk.nodes.length });
  if (keccak256(bytes) !== reference) {
    throw badProof(`node ${walk.used} of the proof is not the one its parent names`, { node: walk.used });
  }
  walk.used++;
  let node: RlpStructuredData;
  try {
    node = decodeRlp(bytes);
  } catch (cause) {
    throw new LedgerError("bad-proof", `node ${walk.used - 1} of the proof is not RLP`, {}, cause);
  }
  if (!Array.isArray(node)) throw badProof(`node ${walk.used - 1} of the proof is no list`);
  return node;
}

/**
 * Walks a proof from `root` along keccak256(`key`).
 * @param key the key before hashing: an address or a 32-byte slot, in hex.
 * @param nodes RLP of the nodes from the root down, in hex.
 * @returns the RLP that stands under the key, in hex, or `undefined` if the proof shows that there is none.
 * @throws LedgerError `bad-proof` if it shows neither, or carries nodes that are not needed.
 */
export function verifyTrieProof(root: string, key: string, nodes: readonly string[]): string | undefined {
  const walk: ProofWalk = { nodes, used: 0 };
  const value = walkTrie(root, key, walk);
  if (walk.used !== nodes.length) {
    throw badProof(`the proof has ${nodes.length} nodes where ${walk.used} lead to the key`);
  }
  return value;
}

function walkTrie(root: string, key: string, walk: ProofWalk): string | undefined {
  if (root === EMPTY_TRIE_ROOT) {
    // Nodes differ in whether they send the empty trie's one node.
    if (walk.nodes.length === 1 && walk.nodes[0] === "0x80") walk.used = 1;
    return undefined;
  }
  let path = pathOf(key);
  let node = resolve(root, walk);
  for (;;) {
    if (node.length === 17) {
      const [nibble, ...rest] = path;
      // Keys are hashes of one length, so that no value ever stands in a branch.
      const child = nibble === undefined ? undefined : node[nibble];
      if (child === undefined) throw badProof("the trie is deeper than its keys are long");
      if (child === "0x") return undefined;
      path = rest;
      node = resolve(child, walk);
      continue;
    }
    const [encodedPath, content] = node;
    if (node.length !== 2 || encodedPath === undefined || content === undefined) {
      throw badProof(`a trie node has ${node.length} items where 2 or 17 are possible`);
    }
    const { nibbles, leaf } = decodeNibbles(encodedPath);
    const shared = nibbles.length <= path.length && nibbles.every((nibble, index) => nibble === path[index]);
    if (!shared) return undefined;
    path = path.slice(nibbles.length);
    if (!leaf) {
      node = resolve(content, walk);
      continue;
    }
    if (path.length !== 0 || typeof content !== "string" || content === "0x") {
      throw badProof("a trie leaf does not end where its key does");
    }
    return content;
  }
}

/**
 * What a full node says about the state, checked against a block hash alone: block header (hash -> state root) and the
 * Merkle-Patricia proofs of `eth_getProof` (EIP-1186) for accounts and storage words.
 * Sources: Ethereum Yellow Paper, appendix D (trie) and section 4.4 (header); EIP-1559, EIP-4895, EIP-4844, EIP-4788, EIP-7685
 * for the header's later fields.
 */
import { decodeRlp, encodeRlp, getBytes, hexlify, keccak256, toBeHex, type RlpStructuredData } from "ethers";

import { LedgerError } from "./errors.js";

/** keccak256 of the RLP of an empty string: the root of a trie with nothing in it. */
export const EMPTY_TRIE_ROOT = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
/** keccak256 of no bytes: the code hash of an account without code. */
export const EMPTY_CODE_HASH = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";

/** A block whose hash was computed here from its fields. */
export interface VerifiedHeader {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly stateRoot: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

export interface ProvenAccount {
  readonly nonce: bigint;
  readonly balance: bigint;
  readonly storageRoot: string;
  readonly codeHash: string;
}

/** Header fields in the order of their RLP list. `quantity` is an integer without leading zeros, a number a byte length. */
const HEADER_FIELDS: readonly (readonly [name: string, kind: "quantity" | "bytes" | number])[] = [
  ["parentHash", 32],
  ["sha3Uncles", 32],
  ["miner", 20],
  ["stateRoot", 32],
  ["transactionsRoot", 32],
  ["receiptsRoot", 32],
  ["logsBloom", 256],
  ["difficulty", "quantity"],
  ["number", "quantity"],
  ["gasLimit", "quantity"],
  ["gasUsed", "quantity"],
  ["timestamp", "quantity"],
  ["extraData", "bytes"],
  ["mixHash", 32],
  ["nonce", 8],
];

/** Fields that forks appended, in their order. A header has the first so many of them. */
const APPENDED_FIELDS: typeof HEADER_FIELDS = [
  ["baseFeePerGas", "quantity"],
  ["withdrawalsRoot", 32],
  ["blobGasUsed", "quantity"],
  ["excessBlobGas", "quantity"],
  ["parentBeaconBlockRoot", 32],
  ["requestsHash", 32],
];

function badHeader(message: string, details: Record<string, unknown> = {}): LedgerError {
  return new LedgerError("bad-header", message, details);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHex(value: unknown): value is string {
  return typeof value === "string" && /^0x[0-9a-f]*$/i.test(value);
}

function encodeField(name: string, kind: "quantity" | "bytes" | number, value: unknown): string {
  if (!isHex(value)) throw badHeader(`The block's ${name} is missing or not hexadecimal`, { name });
  if (kind === "quantity") {
    if (value.length < 3 || value.length > 66) throw badHeader(`The block's ${name} is no integer`, { name });
    const integer = BigInt(value);
    return integer === 0n ? "0x" : toBeHex(integer);
  }
  const bytes = (value.length - 2) / 2;
  if (typeof kind === "number" ? bytes !== kind : !Number.isInteger(bytes)) {
    throw badHeader(`The block's ${name} has ${bytes} bytes`, { name });
  }
  return value;
}

/**
 * Computes a block's hash from the fields that JSON-RPC gives (`eth_getBlockBy...`).
 * @throws LedgerError `bad-header` if the result is not `block.hash`, or not `expectedHash` where given.
 */
export function verifyHeader(block: unknown, expectedHash?: string): VerifiedHeader {
  if (!isRecord(block)) throw badHeader("The endpoint's block is no object");
  const list = HEADER_FIELDS.map(([name, kind]) => encodeField(name, kind, block[name]));
  for (const [name, kind] of APPENDED_FIELDS) {
    if (block[name] === undefined || block[name] === null) break;
    list.push(encodeField(name, kind, block[name]));
  }
  const hash = keccak256(encodeRlp(list));
  const wanted = expectedHash ?? block["hash"];
  if (typeof wanted !== "string" || hash !== wanted.toLowerCase()) {
    throw badHeader(`The fields of block ${String(block["number"])} hash to ${hash}, not to ${String(wanted)}`, {
      computed: hash,
      expected: wanted,
    });
  }
  const number = Number(block["number"]);
  const timestamp = Number(block["timestamp"]);
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(timestamp)) {
    throw badHeader("The block's number or timestamp is beyond 2^53", { number, timestamp });
  }
  return {
    number,
    hash,
    parentHash: String(block["parentHash"]).toLowerCase(),
    stateRoot: String(block["stateRoot"]).toLowerCase(),
    timestamp,
  };
}

/** The nodes of a proof and how far the walk has used them. */
interface ProofWalk {
  readonly nodes: readonly string[];
  used: number;
}

function badProof(message: string, details: Record<string, unknown> = {}): LedgerError {
  return new LedgerError("bad-proof", message, details);
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
  if (typeof encoded !== "string" || encoded.length < 4) throw badProof("A trie node has no path");
  const digits = nibblesOf(encoded);
  const flag = digits[0] ?? 4;
  if (flag > 3 || (flag % 2 === 0 && digits[1] !== 0)) throw badProof("A trie node's path is not hex-prefix encoded");
  return { nibbles: digits.slice(flag % 2 === 0 ? 2 : 1), leaf: flag >= 2 };
}

/** The node that a reference stands for: itself where it is embedded (under 32 bytes), else the next of the proof by hash. */
function resolve(reference: RlpStructuredData, walk: ProofWalk): readonly RlpStructuredData[] {
  if (Array.isArray(reference)) return reference;
  const bytes = walk.nodes[walk.used];
  if (bytes === undefined) throw badProof("The proof ends before the key does", { nodes: walk.nodes.length });
  if (keccak256(bytes) !== reference) {
    throw badProof(`Node ${walk.used} of the proof is not the one its parent names`, { node: walk.used });
  }
  walk.used++;
  let node: RlpStructuredData;
  try {
    node = decodeRlp(bytes);
  } catch (cause) {
    throw new LedgerError("bad-proof", `Node ${walk.used - 1} of the proof is not RLP`, {}, cause);
  }
  if (!Array.isArray(node)) throw badProof(`Node ${walk.used - 1} of the proof is no list`);
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
    throw badProof(`The proof has ${nodes.length} nodes where ${walk.used} lead to the key`);
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
      if (child === undefined) throw badProof("The trie is deeper than its keys are long");
      if (child === "0x") return undefined;
      path = rest;
      node = resolve(child, walk);
      continue;
    }
    const [encodedPath, content] = node;
    if (node.length !== 2 || encodedPath === undefined || content === undefined) {
      throw badProof(`A trie node has ${node.length} items where 2 or 17 are possible`);
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
      throw badProof("A trie leaf does not end where its key does");
    }
    return content;
  }
}

/** The integer of an RLP string without leading zeros. */
function toInteger(rlp: RlpStructuredData | undefined): bigint {
  if (typeof rlp !== "string" || rlp.startsWith("0x00") || rlp.length > 66)
    throw badProof("A proven value is no integer");
  return rlp === "0x" ? 0n : BigInt(rlp);
}

function nodesOf(value: unknown): readonly string[] {
  // 64 nibbles and the root: no honest proof is deeper.
  if (!Array.isArray(value) || value.length > 65 || !value.every((node) => isHex(node) && node.length % 2 === 0)) {
    throw badProof("The endpoint's proof is not a list of at most 65 nodes in hexadecimal");
  }
  return value.map((node: string) => node.toLowerCase());
}

function claimedInteger(value: unknown): bigint | undefined {
  return isHex(value) && value.length > 2 && value.length <= 66 ? BigInt(value) : undefined;
}

/**
 * Checks the account part of an `eth_getProof` result against a state root.
 * @returns the account, all zero and empty where the proof shows that it does not exist.
 * @throws LedgerError `bad-proof`, also where the fields beside the proof claim something else.
 */
export function verifyAccount(stateRoot: string, address: string, result: unknown): ProvenAccount {
  if (!isRecord(result)) throw badProof("The endpoint's proof is no object");
  const rlp = verifyTrieProof(stateRoot.toLowerCase(), address, nodesOf(result["accountProof"]));
  const account = rlp === undefined ? EMPTY_ACCOUNT : decodeAccount(rlp);
  const claims: readonly [string, boolean][] = [
    ["address", String(result["address"]).toLowerCase() === address.toLowerCase()],
    ["nonce", claimedInteger(result["nonce"]) === account.nonce],
    ["balance", claimedInteger(result["balance"]) === account.balance],
    ["storageHash", sameRoot(result["storageHash"], account, account.storageRoot)],
    ["codeHash", sameRoot(result["codeHash"], account, account.codeHash)],
  ];
  for (const [name, right] of claims) {
    if (!right) throw badProof(`The endpoint's ${name} of ${address} is not the proven one`, { name, address });
  }
  return account;
}

const EMPTY_ACCOUNT: ProvenAccount = {
  nonce: 0n,
  balance: 0n,
  storageRoot: EMPTY_TRIE_ROOT,
  codeHash: EMPTY_CODE_HASH,
};

/** For an account that does not exist some nodes give zero hashes instead of those of nothing. */
function sameRoot(claimed: unknown, account: ProvenAccount, proven: string): boolean {
  if (!isHex(claimed)) return false;
  return claimed.toLowerCase() === proven || (account === EMPTY_ACCOUNT && /^0x0{64}$/.test(claimed));
}

function decodeAccount(rlp: string): ProvenAccount {
  let fields: RlpStructuredData;
  try {
    fields = decodeRlp(rlp);
  } catch (cause) {
    throw new LedgerError("bad-proof", "The proven account is not RLP", {}, cause);
  }
  if (!Array.isArray(fields) || fields.length !== 4) throw badProof("The proven account has not four fields");
  const [nonce, balance, storageRoot, codeHash] = fields;
  if (typeof storageRoot !== "string" || storageRoot.length !== 66) throw badProof("The account has no storage root");
  if (typeof codeHash !== "string" || codeHash.length !== 66) throw badProof("The account has no code hash");
  return { nonce: toInteger(nonce), balance: toInteger(balance), storageRoot, codeHash };
}

/**
 * Checks one entry of `storageProof` of an `eth_getProof` result.
 * @param slot the storage slot, an integer.
 * @returns the word in the slot; 0 where the proof shows that nothing stands there.
 * @throws LedgerError `bad-proof`, also where `key` or `value` beside the proof claim something else.
 */
export function verifyStorage(storageRoot: string, slot: bigint, entry: unknown): bigint {
  if (!isRecord(entry)) throw badProof("The endpoint's storage proof is no object");
  if (claimedInteger(entry["key"]) !== slot) throw badProof(`The endpoint proved another slot than ${toBeHex(slot)}`);
  const rlp = verifyTrieProof(storageRoot.toLowerCase(), toBeHex(slot, 32), nodesOf(entry["proof"]));
  let word = 0n;
  if (rlp !== undefined) {
    try {
      word = toInteger(decodeRlp(rlp));
    } catch (cause) {
      throw new LedgerError("bad-proof", `The word in slot ${toBeHex(slot)} is not RLP`, {}, cause);
    }
  }
  if (claimedInteger(entry["value"]) !== word) {
    throw badProof(`The endpoint's value of slot ${toBeHex(slot)} is not the proven one`, { slot, proven: word });
  }
  return word;
}

/** A 256-bit word as 32 bytes, big-endian. */
export function wordBytes(word: bigint): Uint8Array {
  return getBytes(toBeHex(word, 32));
}

/** A 256-bit word as `0x` and 64 digits. */
export function wordHex(word: bigint): string {
  return hexlify(wordBytes(word));
}

/**
 * What a full node says about the state, checked against a block hash alone: block header (hash -> state root) and the
 * Merkle-Patricia proofs of `eth_getProof` (EIP-1186) for accounts and storage words.
 * Sources: Ethereum Yellow Paper, section 4; EIP-1559, EIP-4895, EIP-4844, EIP-4788, EIP-7685
 * for the header's later fields.
 */
import { decodeRlp, encodeRlp, getBytes, hexlify, keccak256, toBeHex, type RlpStructuredData } from "ethers";

import { LedgerError } from "./errors.js";
import { EMPTY_TRIE_ROOT, badProof, verifyTrieProof } from "./trie-proof.js";

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
  if (!isHex(value)) throw badHeader(`the block's ${name} is missing or not hexadecimal`, { name });
  if (kind === "quantity") {
    if (value.length < 3 || value.length > 66) throw badHeader(`the block's ${name} is no integer`, { name });
    const integer = BigInt(value);
    return integer === 0n ? "0x" : toBeHex(integer);
  }
  const bytes = (value.length - 2) / 2;
  if (typeof kind === "number" ? bytes !== kind : !Number.isInteger(bytes)) {
    throw badHeader(`the block's ${name} has ${bytes} bytes`, { name });
  }
  return value;
}

/**
 * Computes a block's hash from the fields that JSON-RPC gives (`eth_getBlockBy...`).
 * @throws LedgerError `bad-header` if the result is not `block.hash`, or not `expectedHash` where given.
 */
export function verifyHeader(block: unknown, expectedHash?: string): VerifiedHeader {
  if (!isRecord(block)) throw badHeader("the endpoint's block is no object");
  const list = HEADER_FIELDS.map(([name, kind]) => encodeField(name, kind, block[name]));
  for (const [name, kind] of APPENDED_FIELDS) {
    if (block[name] === undefined || block[name] === null) break;
    list.push(encodeField(name, kind, block[name]));
  }
  const hash = keccak256(encodeRlp(list));
  const wanted = expectedHash ?? block["hash"];
  if (typeof wanted !== "string" || hash !== wanted.toLowerCase()) {
    throw badHeader(`the fields of block ${String(block["number"])} hash to ${hash}, not to ${String(wanted)}`, {
      computed: hash,
      expected: wanted,
    });
  }
  const number = Number(block["number"]);
  const timestamp = Number(block["timestamp"]);
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(timestamp)) {
    throw badHeader("the block's number or timestamp is beyond 2^53", { number, timestamp });
  }
  return {
    number,
    hash,
    parentHash: String(block["parentHash"]).toLowerCase(),
    stateRoot: String(block["stateRoot"]).toLowerCase(),
    timestamp,
  };
}

/** The integer of an RLP string without leading zeros. */
function toInteger(rlp: RlpStructuredData | undefined): bigint {
  if (typeof rlp !== "string" || rlp.startsWith("0x00") || rlp.length > 66)
    throw badProof("a proven value is no integer");
  return rlp === "0x" ? 0n : BigInt(rlp);
}

function nodesOf(value: unknown): readonly string[] {
  // 64 nibbles and the root: no honest proof is deeper.
  if (!Array.isArray(value) || value.length > 65 || !value.every((node) => isHex(node) && node.length % 2 === 0)) {
    throw badProof("the endpoint's proof is not a list of at most 65 nodes in hexadecimal");
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
  if (!isRecord(result)) throw badProof("the endpoint's proof is no object");
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
    if (!right) throw badProof(`the endpoint's ${name} of ${address} is not the proven one`, { name, address });
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
    throw new LedgerError("bad-proof", "the proven account is not RLP", {}, cause);
  }
  if (!Array.isArray(fields) || fields.length !== 4) throw badProof("the proven account has not four fields");
  const [nonce, balance, storageRoot, codeHash] = fields;
  if (typeof storageRoot !== "string" || storageRoot.length !== 66) throw badProof("the account has no storage root");
  if (typeof codeHash !== "string" || codeHash.length !== 66) throw badProof("the account has no code hash");
  return { nonce: toInteger(nonce), balance: toInteger(balance), storageRoot, codeHash };
}

/**
 * Checks one entry of `storageProof` of an `eth_getProof` result.
 * @param slot the storage slot, an integer.
 * @returns the word in the slot; 0 where the proof shows that nothing stands there.
 * @throws LedgerError `bad-proof`, also where `key` or `value` beside the proof claim something else.
 */
export function verifyStorage(storageRoot: string, slot: bigint, entry: unknown): bigint {
  if (!isRecord(entry)) throw badProof("the endpoint's storage proof is no object");
  if (claimedInteger(entry["key"]) !== slot) throw badProof(`the endpoint proved another slot than ${toBeHex(slot)}`);
  const rlp = verifyTrieProof(storageRoot.toLowerCase(), toBeHex(slot, 32), nodesOf(entry["proof"]));
  let word = 0n;
  if (rlp !== undefined) {
    try {
      word = toInteger(decodeRlp(rlp));
    } catch (cause) {
      throw new LedgerError("bad-proof", `the word in slot ${toBeHex(slot)} is not RLP`, {}, cause);
    }
  }
  if (claimedInteger(entry["value"]) !== word) {
    throw badProof(`the endpoint's value of slot ${toBeHex(slot)} is not the proven one`, { slot, proven: word });
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

/**
 * CBOR in its one deterministic form: RFC 8949, section 4.2.1 (core deterministic encoding), on cborg.
 * Decoding refuses every other form of the same value, and everything that no Swarmkeep object uses: tags, floats,
 * `undefined`, indefinite lengths, keys that are neither integers nor text.
 */
import { type Token, Tokenizer, Type, decode, encode, rfc8949EncodeOptions } from "cborg";

import { utf8ToBytes } from "@noble/hashes/utils.js";

import { equalBytes } from "../crypto/bytes.js";
import { malformed } from "./refusal.js";

export type CborKey = number | bigint | string;
export type CborValue =
  number | bigint | boolean | null | string | Uint8Array | readonly CborValue[] | ReadonlyMap<CborKey, CborValue>;

export interface CborLimits {
  /** Bytes of the whole item. */
  readonly maximumLength: number;
  /** Arrays and maps within one another. */
  readonly maximumDepth: number;
}

/** Enough for every object but a trust bundle, which passes its own. */
export const DEFAULT_LIMITS: CborLimits = { maximumLength: 16_384, maximumDepth: 8 };

export function encodeCbor(value: CborValue): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

interface Container {
  isMap: boolean;
  /** Items still to come, keys and values counted apart. */
  remaining: number;
  /** The last key of a map, as it is encoded. */
  key: Uint8Array | undefined;
}

/**
 * cborg's tokenizer, with what it lets pass and is not deterministic refused: keys in another order than that of their bytes, and
 * text that is not UTF-8. With a limit of depth too (its recursion has none) and a short list of allowed types.
 */
class StrictTokenizer extends Tokenizer {
  readonly #open: Container[] = [];
  readonly #maximumDepth: number;

  constructor(data: Uint8Array, maximumDepth: number) {
    super(data, DECODE_OPTIONS);
    this.#maximumDepth = maximumDepth;
  }

  override next(): Token {
    const start = this.pos();
    const token = super.next();
    const parent = this.#open.at(-1);
    if (parent !== undefined) {
      const isKey = parent.isMap && parent.remaining % 2 === 0;
      if (isKey) {
        if (!KEY_TYPES.has(token.type)) throw new Error(`a map key is a ${token.type.name}`);
        const key = this.data.subarray(start, this.pos());
        if (parent.key !== undefined && compareBytes(parent.key, key) >= 0) throw new Error("the keys are not sorted");
        parent.key = key;
      }
      parent.remaining--;
    }
    if (token.type === Type.array || token.type === Type.map) {
      if (this.#open.length === this.#maximumDepth) throw new Error(`nested deeper than ${this.#maximumDepth}`);
      const isMap = token.type === Type.map;
      this.#open.push({ isMap, remaining: isMap ? 2 * token.value : token.value, key: undefined });
    } else if (!SCALAR_TYPES.has(token.type)) {
      throw new Error(`a ${token.type.name} is not allowed`);
    } else if (token.type === Type.string && !isUtf8(token)) {
      throw new Error("a text is not UTF-8");
    }
    while (this.#open.at(-1)?.remaining === 0) this.#open.pop();
    return token;
  }
}

const DECODE_OPTIONS = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
  retainStringBytes: true,
};
const KEY_TYPES: ReadonlySet<Type> = new Set([Type.uint, Type.negint, Type.string]);
const SCALAR_TYPES: ReadonlySet<Type> = new Set([...KEY_TYPES, Type.bytes, Type.true, Type.false, Type.null]);

/**
 * Decodes one item that fills `bytes`.
 * @param name what is decoded; errors start with it.
 * @throws Refusal `malformed`.
 */
export function decodeCbor(bytes: Uint8Array, name: string, limits: CborLimits = DEFAULT_LIMITS): CborValue {
  if (bytes.length > limits.maximumLength) {
    throw malformed(name, `${bytes.length} bytes where at most ${limits.maximumLength} are allowed`);
  }
  try {
    return decode(bytes, { ...DECODE_OPTIONS, tokenizer: new StrictTokenizer(bytes, limits.maximumDepth) });
  } catch (error) {
    throw malformed(name, `not CBOR as RFC 8949 section 4.2.1 has it (${(error as Error).message})`, error);
  }
}

/** A decoder that puts U+FFFD for what is malformed, and leaves out a byte order mark, gives back other bytes. */
function isUtf8({ value, byteValue }: Token): boolean {
  // cborg keeps no bytes of the empty text.
  return byteValue === undefined ? value === "" : equalBytes(utf8ToBytes(value as string), byteValue);
}

/** Bytewise lexicographic: RFC 8949, section 4.2.1. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

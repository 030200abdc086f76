/**
 * COSE_Sign1 (RFC 9052, section 4.2), in two layers. The general one reads any message of the RFC. The profile on top of it
 * is what Swarmkeep signs and accepts: tag 18, protected header `{1: alg, 16: typ}`, no unprotected header, deterministic
 * CBOR (docs/protocol.md, section 2.2).
 */
import { type CborKey, type CborLimits, type CborValue, DEFAULT_LIMITS, decodeCbor, encodeCbor } from "./cbor.js";
import { COSE_HEADER } from "../statements/cose.js";
import { Refusal, malformed } from "./refusal.js";
import { bytes, entry, integer, map, tuple, uint } from "./reader.js";

/** CBOR tag 18 in its one byte. */
const SIGN1_TAG = 0xd2;

export type CoseHeader = ReadonlyMap<CborKey, CborValue>;

export interface CoseSign1 {
  readonly protectedHeader: CoseHeader;
  readonly unprotectedHeader: CoseHeader;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

const header = (value: CborValue, field: string): CoseHeader => {
  if (value instanceof Map) return value as CoseHeader;
  throw malformed(field, "takes a map");
};

function headerBytes(protectedHeader: CoseHeader): Uint8Array {
  return protectedHeader.size === 0 ? new Uint8Array() : encodeCbor(protectedHeader);
}

/** The bytes that are signed: `["Signature1", protected, external_aad, payload]` (RFC 9052, section 4.4). */
export function sigStructure(protectedHeader: CoseHeader, externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(["Signature1", headerBytes(protectedHeader), externalAad, payload]);
}

/** @param options.tagged false leaves the tag away, where the context says what the bytes are. */
export function encodeCoseSign1(message: CoseSign1, { tagged = true } = {}): Uint8Array {
  const body = encodeCbor([
    headerBytes(message.protectedHeader),
    message.unprotectedHeader,
    message.payload,
    message.signature,
  ]);
  return tagged ? Uint8Array.of(SIGN1_TAG, ...body) : body;
}

const readSign1 = tuple({
  protectedBytes: bytes(0, 1024),
  unprotectedHeader: header,
  payload: bytes(0, Number.MAX_SAFE_INTEGER),
  signature: bytes(1, 1024),
});

/**
 * Decodes any COSE_Sign1 with its payload inside and deterministic headers.
 * @param options.tagged "required" (default) or "absent".
 * @throws Refusal `malformed`.
 */
export function decodeCoseSign1(
  encoded: Uint8Array,
  name: string,
  { tagged = "required", limits = DEFAULT_LIMITS }: { tagged?: "required" | "absent"; limits?: CborLimits } = {},
): CoseSign1 {
  if (tagged === "required" && encoded[0] !== SIGN1_TAG) throw malformed(name, "does not start with CBOR tag 18");
  const body = tagged === "required" ? encoded.subarray(1) : encoded;
  const { protectedBytes, ...rest } = readSign1(decodeCbor(body, name, limits), name);
  const place = `${name}.protected`;
  // An empty header may be an empty string or an empty map (section 3); both are signed as the empty string.
  const protectedHeader =
    protectedBytes.length === 0 ? new Map<CborKey, CborValue>() : header(decodeCbor(protectedBytes, place), place);
  return { protectedHeader, ...rest };
}

/** What a signed object of the profile is: its `typ` and the algorithm of its signer. */
export interface ObjectKind<Algorithm extends number = number> {
  readonly typ: number;
  readonly algorithm: Algorithm;
}

export interface SignedObject<Algorithm extends number = number> extends ObjectKind<Algorithm> {
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

const NO_HEADER: CoseHeader = new Map();

const readProfileHeader = map({
  algorithm: entry(COSE_HEADER.alg, integer),
  typ: entry(COSE_HEADER.typ, uint()),
});

function profileHeader({ typ, algorithm }: ObjectKind): CoseHeader {
  return new Map([
    [COSE_HEADER.alg, algorithm],
    [COSE_HEADER.typ, typ],
  ]);
}

/**
 * The bytes that a signer of the profile signs.
 * @param externalAad the EIP-712 domain separator of the mesh's TrustAnchor, 32 bytes.
 */
export function bytesToSign(kind: ObjectKind, externalAad: Uint8Array, payload: Uint8Array): Uint8Array {
  return sigStructure(profileHeader(kind), externalAad, payload);
}

export function encodeSignedObject(object: SignedObject): Uint8Array {
  return encodeCoseSign1({
    protectedHeader: profileHeader(object),
    unprotectedHeader: NO_HEADER,
    payload: object.payload,
    signature: object.signature,
  });
}

/** Signs `message` and gives the signature in its COSE form (RFC 9053). */
export type Signer = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;

export async function signObject(
  kind: ObjectKind,
  externalAad: Uint8Array,
  payload: Uint8Array,
  sign: Signer,
): Promise<Uint8Array> {
  return encodeSignedObject({ ...kind, payload, signature: await sign(bytesToSign(kind, externalAad, payload)) });
}

/**
 * Decodes an object of the profile.
 * @param typ the one `typ` that is taken.
 * @param algorithms those that the caller can check.
 * @throws Refusal `malformed`, or `wrong-kind` for another `typ` or algorithm.
 */
export function decodeSignedObject<const Algorithm extends number>(
  encoded: Uint8Array,
  name: string,
  typ: number,
  algorithms: readonly Algorithm[],
  limits: CborLimits = DEFAULT_LIMITS,
): SignedObject<Algorithm> {
  const message = decodeCoseSign1(encoded, name, { limits });
  if (message.unprotectedHeader.size !== 0) {
    throw malformed(`${name}.unprotected`, "takes an empty map: nothing outside the signature counts");
  }
  const header = readProfileHeader(message.protectedHeader, `${name}.protected`);
  if (header.typ !== typ) {
    throw new Refusal("wrong-kind", `${name} is an object of type ${header.typ}, not ${typ}`, { field: `${name}.typ` });
  }
  const algorithm = algorithms.find((allowed) => allowed === header.algorithm);
  if (algorithm === undefined) {
    const problem = `${name} is signed with algorithm ${header.algorithm}, which is not one of ${algorithms.join(", ")}`;
    throw new Refusal("wrong-kind", problem, { field: `${name}.algorithm` });
  }
  return { typ, algorithm, payload: message.payload, signature: message.signature };
}

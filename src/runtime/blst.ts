/**
 * The native implementation of `Bls`, for programs on Node. Its domain separation tag is built in: DST.signature. Whoever loads it
 * has points of G1 decoded natively as well.
 */
import blst from "@chainsafe/blst";

import { equalBytes } from "../crypto/bytes.js";
import { answer, expectSecret, expectSome, infiniteSum, type Bls } from "../crypto/bls.js";
import { CryptoError } from "../crypto/errors.js";
import { useNativeG1 } from "../crypto/g1-decoding.js";

/** Bits of r. */
const ORDER_BITS = 255;
/** Of G2, compressed. */
const INFINITY = new Uint8Array(96).fill(0xc0, 0, 1);

/** Runs the library, whose errors on bad bytes are plain ones. */
function translated<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw new CryptoError("point", `not a point of the subgroup: ${(cause as Error).message}`, [], cause);
  }
}

function publicKey(bytes: Uint8Array): blst.PublicKey {
  // With validation: in the subgroup and not infinity. Uncompressed encodings, which the library takes too, are refused.
  if (bytes.length !== blst.PUBLIC_KEY_LENGTH_COMPRESSED) {
    throw new CryptoError(
      "length",
      `a public key takes ${blst.PUBLIC_KEY_LENGTH_COMPRESSED} bytes, not ${bytes.length}`,
    );
  }
  return translated(() => blst.PublicKey.fromBytes(bytes, true));
}

function signature(bytes: Uint8Array): blst.Signature {
  if (bytes.length !== blst.SIGNATURE_LENGTH_COMPRESSED) {
    throw new CryptoError("length", `a signature takes ${blst.SIGNATURE_LENGTH_COMPRESSED} bytes, not ${bytes.length}`);
  }
  return translated(() => blst.Signature.fromBytes(bytes, true, false));
}

function secretKey(secret: Uint8Array): blst.SecretKey {
  expectSecret(secret);
  return translated(() => blst.SecretKey.fromBytes(secret));
}

/** @throws Error for what is no point, is outside the subgroup or infinity */
export function blstG1(encoded: Uint8Array): Uint8Array {
  return blst.PublicKey.fromBytes(encoded, true).toBytes(false);
}

useNativeG1(blstG1);

export const blstBls: Bls = {
  publicKey: (secret) => secretKey(secret).toPublicKey().toBytes(),

  sign: (secret, message) => secretKey(secret).sign(message).toBytes(),

  verify: (key, message, sig) => answer(() => blst.verify(message, publicKey(key), signature(sig))),

  aggregate(signatures) {
    expectSome(signatures);
    return blst.aggregateSignatures(signatures.map(signature)).toBytes();
  },

  // The library adds, and multiplies by nothing: so by double-and-add, two bits of all weights in each call. A fraction of the
  // time that JavaScript takes, most of which goes into decoding.
  weightedSum(signatures, weights) {
    expectSome(signatures);
    const points = signatures.map(signature);
    let sum = signature(INFINITY);
    for (let shift = 2 * Math.ceil(ORDER_BITS / 2) - 2; shift >= 0; shift -= 2) {
      const terms = Array.from({ length: 4 }, () => sum);
      for (const [i, point] of points.entries()) {
        const digit = Number(((weights[i] ?? 0n) >> BigInt(shift)) & 3n);
        for (let j = 0; j < digit; j++) terms.push(point);
      }
      sum = blst.aggregateSignatures(terms);
    }
    const bytes = sum.toBytes();
    if (equalBytes(bytes, INFINITY)) throw infiniteSum();
    return bytes;
  },

  fastAggregateVerify: (keys, message, sig) =>
    keys.length > 0 && answer(() => blst.fastAggregateVerify(message, keys.map(publicKey), signature(sig))),

  aggregateVerify: (keys, messages, sig) =>
    keys.length > 0 &&
    keys.length === messages.length &&
    answer(() => blst.aggregateVerify([...messages], keys.map(publicKey), signature(sig))),

  verifyBatch: (sets) =>
    sets.length > 0 &&
    answer(() =>
      blst.verifyMultipleAggregateSignatures(
        sets.map((set) => ({ msg: set.message, pk: publicKey(set.publicKey), sig: signature(set.signature) })),
      ),
    ),
};

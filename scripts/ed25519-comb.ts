// Writes contracts/libraries/Ed25519Comb.sol, the multiples of the base point that Ed25519.sol adds up: `node scripts/ed25519-comb.ts`.
// The output depends on nothing but the curve; a test compares the committed file with it.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { ed25519 } from "@noble/curves/ed25519.js";

/** Bits of the scalar that one table entry covers, and their distance: TEETH * SPACING = 258 bits hold any scalar below L. */
const TEETH = 6;
const SPACING = 43;

export const COMB_FILE = new URL("../contracts/libraries/Ed25519Comb.sol", import.meta.url);

/** The Solidity source of the table, formatted as prettier leaves it. */
export function combSource(): string {
  const field = ed25519.Point.Fp;
  const half = field.inv(2n);
  const word = (value: bigint): string => value.toString(16).padStart(64, "0");

  const lines: string[] = [];
  for (let index = 1; index < 1 << TEETH; index++) {
    let scalar = 0n;
    for (let tooth = 0; tooth < TEETH; tooth++) {
      if ((index >> tooth) & 1) scalar += 1n << BigInt(tooth * SPACING);
    }
    const { x, y } = ed25519.Point.BASE.multiply(scalar % ed25519.Point.Fn.ORDER).toAffine();
    const dxy = field.mul(ed25519.Point.CURVE().d, field.mul(x, y));
    const words = [field.mul(field.sub(y, x), half), field.mul(field.add(y, x), half), dxy];
    for (const value of words) lines.push(`        hex"${word(value)}"`);
  }

  return `// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title Multiples of the Ed25519 base point B, for a fixed-base comb
/// @notice Written by scripts/ed25519-comb.ts: change the script, not this file.
library Ed25519Comb {
    /// @dev Entry i, for i from 1 to ${(1 << TEETH) - 1}, is the point (x, y) = sum over the set bits k of i of 2^(${SPACING} k) * B,
    /// as three big-endian words modulo 2^255 - 19: (y - x) / 2, (y + x) / 2, d * x * y.
    bytes internal constant TABLE =
${lines.join("\n")};
}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(COMB_FILE, combSource());

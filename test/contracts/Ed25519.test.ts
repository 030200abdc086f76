import { readFileSync } from "node:fs";

import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToHex, hexToBytes } from "@noble/curves/utils.js";
import { expect } from "chai";
import * as fc from "fast-check";
import { network } from "hardhat";

import { COMB_FILE, combSource } from "../../scripts/ed25519-comb.js";
import type { Ed25519Harness } from "../../typechain-types/index.js";

type Point = InstanceType<typeof ed25519.Point>;

const { Point } = ed25519;
const field = Point.Fp;
const { p, n: L, d } = Point.CURVE();
const SIGN = 1n << 255n;

/**
 * Gas of one call to the library, by the number of commitments, whatever the seat in a committee of `seats`. It counts the copy of the
 * arguments and the first access to the library's account. (t = 17 goes with 25 seats, 22 with 32; the others show the slope.)
 */
const GAS_CEILINGS = [
  { t: 1, seats: 25, gas: 41_500 },
  { t: 2, seats: 25, gas: 46_000 },
  { t: 5, seats: 25, gas: 57_500 },
  { t: 17, seats: 25, gas: 104_000 },
  { t: 22, seats: 32, gas: 131_000 },
];

const scalar = fc.bigInt({ min: 0n, max: L - 1n });
const polynomial = fc.constantFrom(1, 2, 5, 17, 22).chain((t) => fc.array(scalar, { minLength: t, maxLength: t }));
const seat = fc.oneof(fc.integer({ min: 1, max: 32 }), fc.constant(255));

function multiply(point: Point, k: bigint): Point {
  return k === 0n ? Point.ZERO : point.multiply(k);
}

function evaluate(coefficients: bigint[], at: number): bigint {
  return coefficients.reduceRight((sum, c) => (sum * BigInt(at) + c) % L, 0n);
}

function commit(coefficients: bigint[]): Point[] {
  return coefficients.map((c) => multiply(Point.BASE, c));
}

function encode(points: Point[]): Uint8Array {
  return Buffer.concat(points.map((point) => point.toBytes()));
}

function hints(points: Point[]): bigint[] {
  return points.map((point) => point.toAffine().x);
}

/** 32 bytes, little-endian, as a compressed point is written; `value` holds the sign in bit 255. */
function littleEndian(value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(64, "0")).reverse();
}

/** A root of 2 (y^2 - 1) (d y^2 + 1), or undefined where there is none, that is where x can be computed. */
function undecodableRoot(y: bigint): bigint | undefined {
  const yy = field.sqr(field.create(y));
  const product = field.mul(field.sub(yy, 1n), field.add(field.mul(d, yy), 1n));
  try {
    return field.sqrt(field.mul(2n, product));
  } catch {
    return undefined;
  }
}

function isPoint(encoding: Uint8Array): boolean {
  try {
    Point.fromBytes(encoding, false);
    return true;
  } catch {
    return false;
  }
}

describe("Ed25519: a share judged on chain", () => {
  let harness: Ed25519Harness;
  let library: { interface: Ed25519Harness["interface"] };

  before(async () => {
    const { ethers } = await network.create();
    const deployed = await ethers.deployContract("Ed25519");
    library = deployed as unknown as typeof library;
    harness = (await ethers.deployContract("Ed25519Harness", {
      libraries: { Ed25519: await deployed.getAddress() },
    })) as unknown as Ed25519Harness;
  });

  function judge(points: Point[], at: number, share: bigint): Promise<boolean> {
    return harness.isShareValid(encode(points), hints(points), at, share);
  }

  async function expectHintRefused(encodings: Uint8Array[], xHints: bigint[], index: number): Promise<void> {
    await expect(harness.isShareValid(Buffer.concat(encodings), xHints, 3, 5n))
      .to.be.revertedWithCustomError(library, "CommitmentHintInvalid")
      .withArgs(index, `0x${bytesToHex(encodings[index]!)}`, xHints[index]);
  }

  describe("isShareValid", () => {
    it("accepts the share of every polynomial and refuses every other", async () => {
      await fc.assert(
        fc.asyncProperty(polynomial, seat, scalar, async (coefficients, at, other) => {
          const points = commit(coefficients);
          const share = evaluate(coefficients, at);

          expect(await judge(points, at, share)).to.equal(true);
          expect(await judge(points, at, (share + 1n) % L)).to.equal(false);
          expect(await judge(points, at, other)).to.equal(other === share);
        }),
        { numRuns: 30 },
      );
    });

    it("accepts the right share at each of the 255 seats", async () => {
      const coefficients = [3n, L - 2n, 5n];
      const points = commit(coefficients);
      for (let at = 1; at <= 255; at++) {
        expect(await judge(points, at, evaluate(coefficients, at)), `seat ${at}`).to.equal(true);
      }
    });

    it("holds for the shares and commitments at the edges", async () => {
      expect(await judge(commit([0n]), 1, 0n)).to.equal(true);
      expect(await judge(commit([0n, 0n, 0n]), 7, 0n)).to.equal(true);
      expect(await judge(commit([0n]), 1, 1n)).to.equal(false);
      expect(await judge(commit([L - 1n]), 9, L - 1n)).to.equal(true);
      // A sum that vanishes on the way, and one that doubles: L - 2 + 2 * 1, and 2 + 2 * 1.
      expect(await judge(commit([L - 2n, 1n]), 2, 0n)).to.equal(true);
      expect(await judge(commit([2n, 1n]), 2, 4n)).to.equal(true);
    });

    it("refuses a share that is not below L, whatever it is congruent to", async () => {
      const coefficients = [11n, 12n];
      const points = commit(coefficients);
      const share = evaluate(coefficients, 4);

      expect(await judge(points, 4, share)).to.equal(true);
      expect(await judge(points, 4, share + L)).to.equal(false);
      expect(await judge(points, 4, share + 8n * L)).to.equal(false);
      expect(await judge(commit([0n]), 4, L)).to.equal(false);
      expect(await judge(points, 4, (1n << 256n) - 1n)).to.equal(false);
    });

    it("accepts commitments with a component of small order: the equation is cofactored", async () => {
      const coefficients = [21n, 22n, 23n];
      const share = evaluate(coefficients, 5);
      const torsion = Point.fromBytes(hexToBytes("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"));
      expect(torsion.multiplyUnsafe(8n).is0() && !torsion.multiplyUnsafe(4n).is0()).to.equal(true);

      for (let order = 0n; order < 8n; order++) {
        const points = commit(coefficients);
        points[1] = points[1]!.add(torsion.multiplyUnsafe(order));
        expect(await judge(points, 5, share)).to.equal(true);
        expect(await judge(points, 5, share + 1n)).to.equal(false);
        // Commitments of small order alone, which are points with x = 0 or y = 0 too.
        expect(await judge([torsion.multiplyUnsafe(order)], 5, 0n)).to.equal(true);
      }
    });

    it("reverts on a hint that is not the commitment's x, and names the commitment", async () => {
      const points = commit([31n, 32n, 33n]);
      const encodings = points.map((point) => point.toBytes());
      const xs = hints(points);

      for (const index of [0, 1, 2]) {
        const x = xs[index]!;
        for (const wrong of [p - x, x + p, x + 1n, 0n, p, (1n << 256n) - 1n]) {
          await expectHintRefused(encodings, xs.with(index, wrong), index);
        }
      }
    });

    it("reverts on every hint for a commitment that is no point", async () => {
      const good = commit([31n])[0]!;
      for (const bad of [2n, 1n | SIGN, (p - 1n) | SIGN, p, p + 1n, SIGN - 1n]) {
        for (const x of [0n, 1n, p - 1n, p, p + 1n]) {
          await expectHintRefused([good.toBytes(), littleEndian(bad)], [good.toAffine().x, x], 1);
        }
      }
    });

    it("reverts on lengths that do not match and on seats outside 1 to 255", async () => {
      const points = commit([41n, 42n]);
      const [bytes, xs] = [encode(points), hints(points)];

      for (const [commitments, xHints] of [
        [new Uint8Array(0), []],
        [bytes, xs.slice(1)],
        [bytes.slice(1), xs],
        [bytes.slice(0, 32), xs],
        [Buffer.concat([bytes, new Uint8Array(1)]), xs],
      ] as const) {
        await expect(harness.isShareValid(commitments, [...xHints], 1, 0n))
          .to.be.revertedWithCustomError(library, "CommitmentsLengthMismatch")
          .withArgs(commitments.length, xHints.length);
      }
      for (const at of [0n, 256n, 257n, (1n << 256n) - 1n]) {
        await expect(harness.isShareValid(bytes, xs, at, 0n))
          .to.be.revertedWithCustomError(library, "SeatOutOfRange")
          .withArgs(at);
      }
    });

    for (const { t, seats, gas } of GAS_CEILINGS) {
      it(`takes at most ${gas} gas for t = ${t}, whichever of ${seats} seats complains`, async () => {
        const coefficients = Array.from({ length: t }, (_, k) => (L * BigInt(7 * k + 5)) / 311n);
        const points = commit(coefficients);
        const [bytes, xs] = [encode(points), hints(points)];

        for (let at = 1; at <= seats; at++) {
          const share = evaluate(coefficients, at);
          for (const claimed of [share, (share + 1n) % L]) {
            const [valid, used] = await harness.measureIsShareValid(bytes, xs, at, claimed);

            expect(valid).to.equal(claimed === share);
            expect(Number(used), `seat ${at}`).to.be.at.most(gas);
          }
        }
      });
    }
  });

  describe("provesUndecodable", () => {
    it("says of every encoding what RFC 8032 decoding says", async () => {
      const anyEncoding = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n });
      const edges = [0n, 1n, 2n, p - 1n, p, p + 1n, SIGN - 1n].flatMap((y) => [y, y | SIGN]);

      await fc.assert(
        fc.asyncProperty(fc.oneof(anyEncoding, fc.constantFrom(...edges)), async (value) => {
          const encoding = littleEndian(value);
          const root = undecodableRoot(value % SIGN) ?? 0n;

          expect(await harness.provesUndecodable(encoding, root)).to.equal(!isPoint(encoding));
        }),
        { numRuns: 200 },
      );
    });

    it("never accepts a point, whatever the root", async () => {
      await fc.assert(
        fc.asyncProperty(scalar, fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), async (k, root) => {
          const point = multiply(Point.BASE, k);
          const { x, y } = point.toAffine();
          for (const hint of [root, x, y, 0n, field.mul(x, field.add(field.mul(d, field.sqr(y)), 1n))]) {
            expect(await harness.provesUndecodable(point.toBytes(), hint)).to.equal(false);
          }
        }),
        { numRuns: 30 },
      );
    });

    it("refuses a wrong root, and takes either right one", async () => {
      const encoding = littleEndian(2n);
      const root = undecodableRoot(2n)!;

      expect(isPoint(encoding)).to.equal(false);
      expect(await harness.provesUndecodable(encoding, root)).to.equal(true);
      expect(await harness.provesUndecodable(encoding, p - root)).to.equal(true);
      expect(await harness.provesUndecodable(encoding, root + 1n)).to.equal(false);
      expect(await harness.provesUndecodable(encoding, 0n)).to.equal(false);
    });
  });

  describe("published FROST vectors", function () {
    const folder = process.env["SWARMKEEP_VECTORS"];

    before(function () {
      if (folder === undefined) {
        console.log("      skipped: SWARMKEEP_VECTORS does not name the folder with the published vectors");
        this.skip();
      }
    });

    function vectors<T>(name: string): T {
      return JSON.parse(readFileSync(`${folder}/frost/${name}`, "utf8")) as T;
    }

    const number = (hex: string): bigint => BigInt(`0x${bytesToHex(hexToBytes(hex).reverse())}`);

    it("zcash DKG: the shares dealt are valid, altered ones and exchanged ones are not", async () => {
      interface Member {
        vss_commitments: string[];
        signing_shares: Record<string, string>;
      }
      const { inputs } = vectors<{ inputs: Record<string, Member> }>("zcash/ed25519/vectors_dkg.json");
      const decode = (commitments: string[]): Point[] => commitments.map((hex) => Point.fromHex(hex));
      let judged = 0;

      for (const receiver of ["1", "2", "3"]) {
        const ownPoints = decode(inputs[receiver]!.vss_commitments);
        // Under a member stand the shares that it received, by their dealers.
        for (const [dealer, hex] of Object.entries(inputs[receiver]!.signing_shares)) {
          const points = decode(inputs[dealer]!.vss_commitments);
          const share = number(hex);

          expect(await judge(points, Number(receiver), share), `${dealer} to ${receiver}`).to.equal(true);
          expect(await judge(points, Number(receiver), share ^ 1n)).to.equal(false);
          expect(await judge(points, Number(dealer), share)).to.equal(false);
          expect(await judge(ownPoints, Number(receiver), share)).to.equal(false);
          judged++;
        }
      }
      expect(judged).to.equal(6);
    });

    it("RFC 9591: the trusted dealer's shares are valid for its polynomial", async () => {
      interface Rfc9591 {
        inputs: {
          group_secret_key: string;
          group_public_key: string;
          share_polynomial_coefficients: string[];
          participant_shares: { identifier: number; participant_share: string }[];
        };
      }
      const { inputs } = vectors<Rfc9591>("cfrg/frost-ed25519-sha512.json");
      const coefficients = [inputs.group_secret_key, ...inputs.share_polynomial_coefficients].map(number);
      const points = commit(coefficients);
      expect(points[0]!.toHex()).to.equal(inputs.group_public_key);

      for (const { identifier, participant_share: hex } of inputs.participant_shares) {
        expect(await judge(points, identifier, number(hex))).to.equal(true);
        expect(await judge(points, identifier + 1, number(hex))).to.equal(false);
      }
    });
  });

  describe("the comb table", () => {
    it("is what its script writes", () => {
      expect(readFileSync(COMB_FILE, "utf8")).to.equal(combSource());
    });
  });
});

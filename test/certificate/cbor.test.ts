import { expect } from "chai";
import fc from "fast-check";

import { type CborValue, decodeCbor, encodeCbor } from "../../src/certificate/cbor.js";
import { bytes, entry, map, optional, text, tuple, uint } from "../../src/certificate/reader.js";
import { expectRefusal, fromHex, hex } from "./fixtures.js";

const decodeHex = (text: string): CborValue => decodeCbor(fromHex(text), "item");

const value: fc.Arbitrary<CborValue> = fc.letrec<{ item: CborValue }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.bigInt(BigInt(Number.MAX_SAFE_INTEGER) + 1n, 2n ** 64n - 1n),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: "grapheme" }),
    fc.uint8Array(),
    fc.array(tie("item"), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(fc.oneof(fc.maxSafeInteger(), fc.string()), tie("item")), {
        selector: ([key]) => key,
        maxLength: 4,
      })
      .map((entries) => new Map(entries)),
  ),
})).item;

describe("CBOR, core deterministic encoding (RFC 8949, section 4.2.1)", () => {
  it("decodes what it encodes, to the same bytes", () => {
    fc.assert(
      fc.property(value, (item) => {
        const encoded = encodeCbor(item);
        expect(hex(encodeCbor(decodeCbor(encoded, "item")))).to.equal(hex(encoded));
      }),
    );
  });

  it("takes no bytes but those that it would make itself", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
    fc.assert(
      fc.property(value, changes, (item, changed) => {
        const encoded = encodeCbor(item);
        for (const [at, byte] of changed) encoded[at % encoded.length] = byte;
        let decoded: CborValue;
        try {
          decoded = decodeCbor(encoded, "item");
        } catch {
          return;
        }
        expect(hex(encodeCbor(decoded))).to.equal(hex(encoded));
      }),
      { numRuns: 5_000 },
    );
  });

  it("sorts the keys of a map by their encoding", () => {
    const sorted = new Map<number, number>([
      [-65537, 0],
      [9, 1],
      [-1, 2],
      [4, 3],
    ]);
    expect(hex(encodeCbor(sorted))).to.equal("a40403090120023a0001000000");
  });

  for (const [what, encoded] of [
    ["an integer that could be shorter", "1817"],
    ["a length that could be shorter", "5801ff"],
    ["an array of indefinite length", "9f01ff"],
    ["bytes of indefinite length", "5f4101ff"],
    ["a map of indefinite length", "bf0101ff"],
    ["a map with its keys out of order", "a202010101"],
    ["a map with a key twice", "a201010102"],
    ["a map with a key of bytes", "a1410101"],
    ["a map with an array as key", "a1800101"],
    ["trailing bytes", "0101"],
    ["nothing", ""],
    ["a truncated string", "4201"],
    ["an array that promises 2^53 items", "9b001fffffffffffff"],
    ["a float", "f93c00"],
    ["a NaN", "f97e00"],
    ["undefined", "f7"],
    ["a simple value", "e0"],
    ["a lone break", "ff"],
    ["a tag", "d20a"],
    ["a bignum", "c24101"],
    ["text that is not UTF-8", "62c328"],
    ["text with a byte order mark", "63efbbbf"],
  ] as const) {
    it(`refuses ${what}`, () => expectRefusal(() => decodeHex(encoded), "malformed", "item"));
  }

  it("refuses what is nested too deep, however deep", () => {
    expectRefusal(() => decodeHex("81".repeat(9) + "01"), "malformed");
    expectRefusal(() => decodeHex("81".repeat(16_000) + "01"), "malformed");
    expect(hex(encodeCbor(decodeHex("81".repeat(8) + "01")))).to.equal("81".repeat(8) + "01");
  });

  it("refuses what is too long before it reads it", () => {
    expectRefusal(() => decodeCbor(new Uint8Array(16_385), "item"), "malformed", "item");
  });
});

describe("readers", () => {
  const read = map({
    place: entry(1, tuple({ x: uint(9), y: uint(9) })),
    name: entry(
      2,
      text("a lower-case name", (name) => /^[a-z]+$/.test(name)),
    ),
    proof: optional(3, bytes(1, 2)),
  });
  const place = [1, 2];

  it("give typed fields", () => {
    const item = new Map<number, CborValue>([
      [1, place],
      [2, "ab"],
    ]);
    expect(read(item, "device")).to.deep.equal({ place: { x: 1, y: 2 }, name: "ab", proof: undefined });
  });

  for (const [what, entries, field] of [
    [
      "an unknown key",
      [
        [1, place],
        [2, "ab"],
        [4, 0],
      ],
      "device",
    ],
    ["a missing key", [[1, place]], "device.name"],
    [
      "text of another form",
      [
        [1, place],
        [2, "AB"],
      ],
      "device.name",
    ],
    [
      "an integer out of range",
      [
        [1, [1, 10]],
        [2, "ab"],
      ],
      "device.place.y",
    ],
    [
      "a negative integer",
      [
        [1, [-1, 1]],
        [2, "ab"],
      ],
      "device.place.x",
    ],
    [
      "an array of another length",
      [
        [1, [1]],
        [2, "ab"],
      ],
      "device.place",
    ],
    [
      "bytes of another length",
      [
        [1, place],
        [2, "ab"],
        [3, new Uint8Array(3)],
      ],
      "device.proof",
    ],
    [
      "null for an optional field",
      [
        [1, place],
        [2, "ab"],
        [3, null],
      ],
      "device.proof",
    ],
  ] as [string, [number, CborValue][], string][]) {
    it(`name the field of ${what}`, () => expectRefusal(() => read(new Map(entries), "device"), "malformed", field));
  }
});

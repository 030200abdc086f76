import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { concatBytes } from "../src/crypto/bytes.js";
import { SwarmkeepError } from "../src/statements/errors.js";
import { certificateTargets } from "./certificate/fuzz-targets.js";
import { type FuzzTarget, errorsWithoutStacks } from "./fuzz-target.js";
import { protocolTargets } from "./protocol/fuzz-targets.js";
import { shardTargets } from "./shards/fuzz-targets.js";
import { textTargets } from "./text-targets.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Inputs of each kind for each decoder. */
const RUNS = 10_000;

/** Decoders that another test attacks: of other things than bytes, or too slow for this many runs. */
const ATTACKED_ELSEWHERE: Readonly<Record<string, string>> = {
  decodeCommitments: "test/crypto/dealing.test.ts",
  decodeG2: "test/crypto/decoders.test.ts",
  // By `verify`, with keys that are none.
  decodePublicKey: "test/crypto/bls.test.ts",
  decodeScalar: "test/crypto/decoders.test.ts",
  decodeState: "test/protocol/ceremony/engine.test.ts",
  parseBeaconChain: "test/protocol/beacon-chain.test.ts",
  parseDealing: "test/crypto/decoders.test.ts",
  parseMeshFile: "test/runtime/mesh-file.test.ts",
};

/** Names of all exported decoders of src, but for the command line's: what an operator types is not hostile. */
function exportedDecoders(): string[] {
  const source = join(root, "src");
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.startsWith("cli"))
    .flatMap((name) => [
      ...readFileSync(join(source, name), "utf8").matchAll(
        /^export (?:async )?(?:function|const) ((?:decode|parse)\w*)/gm,
      ),
    ])
    .map((match) => match[1] as string);
}

/** Numbers below `limit`, the same for the same start (xorshift32). */
function numbers(start: number): (limit: number) => number {
  let state = start | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** A copy with one to three changes: a byte set, bytes taken out, put in, doubled, or the end cut off. */
function mutate(sample: Uint8Array, below: (limit: number) => number): Uint8Array {
  let bytes = Uint8Array.from(sample);
  for (let change = 0; change <= below(3); change++) {
    const at = below(bytes.length + 1);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const kind = below(8);
    if (kind < 4) bytes[Math.min(at, bytes.length - 1)] = below(256);
    else if (kind === 4) bytes = concatBytes(head, tail.subarray(1 + below(4)));
    else if (kind === 5) bytes = concatBytes(head, Uint8Array.of(below(256)), tail);
    else if (kind === 6) bytes = concatBytes(head, tail.subarray(0, 1 + below(40)), tail);
    else bytes = Uint8Array.from(head);
  }
  return bytes;
}

function attack({ decode, encode }: FuzzTarget, bytes: Uint8Array): void {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (error) {
    if (error instanceof SwarmkeepError) return;
    throw new Error(`not a typed error for ${Buffer.from(bytes).toString("hex")}`, { cause: error });
  }
  if (encode === undefined) return;
  const again = Buffer.from(encode(value as never)).toString("hex");
  expect(again, "accepted, and not the one encoding").to.equal(Buffer.from(bytes).toString("hex"));
}

describe("decoders under attack", () => {
  errorsWithoutStacks();

  let targets: readonly FuzzTarget[] = [];
  before(async () => {
    targets = [...(await certificateTargets()), ...protocolTargets, ...shardTargets, ...(await textTargets())];
  });

  it("are all exported decoders of src", () => {
    const attacked = new Set([...targets.map(({ name }) => name), ...Object.keys(ATTACKED_ELSEWHERE)]);
    expect(exportedDecoders().filter((name) => !attacked.has(name))).to.deep.equal([]);
    const exported = new Set(exportedDecoders());
    expect([...attacked].filter((name) => !exported.has(name))).to.deep.equal([]);
  });

  it("are attacked where the list above says so", () => {
    for (const [name, file] of Object.entries(ATTACKED_ELSEWHERE)) {
      expect(existsSync(join(root, file)), `${name} in ${file}`).to.equal(true);
    }
  });

  it("take their samples", () => {
    for (const target of targets) for (const sample of target.samples) attackAccepting(target, sample);
  });

  it(`answer ${RUNS} random and ${RUNS} mutated inputs with a value of one encoding, or a typed error`, () => {
    for (const target of targets) {
      const below = numbers([...target.name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7));
      for (let run = 0; run < RUNS; run++) {
        const sample = target.samples[run % target.samples.length] as Uint8Array;
        attack(target, mutate(sample, below));
        attack(
          target,
          Uint8Array.from({ length: below(2 * Math.min(sample.length, 80)) }, () => below(256)),
        );
      }
    }
  });
});

function attackAccepting(target: FuzzTarget, sample: Uint8Array): void {
  expect(() => target.decode(sample), target.name).not.to.throw();
  attack(target, sample);
}

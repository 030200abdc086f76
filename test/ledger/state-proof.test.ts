import { expect } from "chai";

import { LedgerError } from "../../src/ledger/errors.js";
import { verifyAccount, verifyHeader, verifyStorage } from "../../src/ledger/state-proof.js";
import { LedgerSource } from "../../src/ledger/source.js";
import { readVector, readVectors, withVectors } from "../vectors.js";
import { deployRecorder, endpointOf, startChain, type Recorder, type TestChain } from "./support/chain.js";
import { failure } from "./support/failure.js";
import { Proxy } from "./support/proxy.js";

interface Vector {
  readonly block: Record<string, unknown> & { hash: string };
  readonly params: readonly [string, readonly string[], string];
  readonly proof: { storageProof: readonly unknown[] };
}

/** All that the vector claims, verified from the block hash alone. */
function verifyVector(vector: Vector): void {
  const header = verifyHeader(vector.block);
  const account = verifyAccount(header.stateRoot, vector.params[0], vector.proof);
  const slots = vector.params[1].map(BigInt);
  expect(vector.proof.storageProof.length).to.equal(slots.length);
  slots.forEach((slot, index) => verifyStorage(account.storageRoot, slot, vector.proof.storageProof[index]));
}

describe("state proofs: mainnet and Sepolia", () => {
  withVectors("state proofs", defineVectorTests);
});

function defineVectorTests(): void {
  const files = readVectors<unknown>("state-proofs");
  const read = (name: string): unknown => readVector("state-proofs", `${name}.json`);
  const real = files.map(({ name }) => name).filter((name) => /-\d+$/.test(name));
  const tampered = files.map(({ name }) => name).filter((name) => name.endsWith(".tampered"));

  it("there are some of each", () => {
    expect(real.length).to.be.at.least(6);
    expect(tampered.length).to.be.at.least(6);
  });

  for (const name of real) it(`verifies ${name}`, () => verifyVector(read(name) as Vector));

  for (const name of tampered) {
    it(`refuses ${name}`, () => {
      expect(() => verifyVector(read(name) as Vector)).to.throw(LedgerError);
    });
  }

  it("verifies and refuses the storage proofs of el_proof.json", () => {
    type Part = { storageHash: string; storageProof: { key: string }[] };
    const vectors = read("el_proof") as Record<"validStorageProof" | "invalidStorageProof", Part>;
    const verify = ({ storageHash, storageProof }: Part): unknown =>
      storageProof.map((entry) => verifyStorage(storageHash, BigInt(entry.key), entry));
    expect(verify(vectors.validStorageProof)).to.deep.equal([0n]);
    expect(() => verify(vectors.invalidStorageProof)).to.throw(LedgerError, /node 0/i);
  });

  it("refuses any nibble of a proof flipped", () => {
    const name = real.find((file) => file.includes("sepolia")) ?? "";
    const text = JSON.stringify((read(name) as { proof: unknown }).proof);
    for (let at = text.indexOf("accountProof") + 20; at < text.indexOf("]"); at += 97) {
      if (!/[0-9a-f]/.test(text[at] ?? "")) continue;
      const flipped = text.slice(0, at) + (text[at] === "0" ? "1" : "0") + text.slice(at + 1);
      const vector = { ...(read(name) as Vector), proof: JSON.parse(flipped) as Vector["proof"] };
      if (flipped[at - 1] !== '"' && text[at] !== "x") expect(() => verifyVector(vector)).to.throw(LedgerError);
    }
  });
}

describe("state proofs: a local chain", () => {
  let chain: TestChain;
  let proxy: Proxy;
  let recorder: Recorder;
  let source: LedgerSource;

  before(async () => {
    chain = await startChain();
    proxy = await new Proxy(chain.url).start();
    recorder = await deployRecorder(chain);
    source = new LedgerSource({ endpoints: [endpointOf(proxy.url)], ownNode: true, finalityBlocks: 0 });
    // Enough slots for branches, and values that fit into embedded nodes.
    for (let slot = 1n; slot <= 24n; slot++) await recorder.record(slot, slot === 7n ? (1n << 256n) - 1n : slot);
  });

  after(async () => {
    source.close();
    await proxy.stop();
    await chain.close();
  });

  afterEach(() => {
    proxy.lie = (_call, result) => result;
  });

  it("hashes the headers of the current fork", async () => {
    const block = (await chain.rpc("eth_getBlockByNumber", "latest", false)) as { hash: string; requestsHash?: string };
    expect(block.requestsHash).to.be.a("string");
    expect(verifyHeader(block).hash).to.equal(block.hash);
  });

  it("reads words that are there and words that are not, in the past too", async () => {
    const before = await source.finalised();
    await recorder.record(3n, 99n);
    const after = await source.finalised();
    expect(await source.storage(recorder.address, [3n, 7n, 1000n], before)).to.deep.equal([3n, (1n << 256n) - 1n, 0n]);
    expect(await source.storage(recorder.address, [3n], after)).to.deep.equal([99n]);
  });

  it("reads zero from an account without storage, and from one that does not exist", async () => {
    const block = await source.finalised();
    const [account] = (await chain.rpc("eth_accounts")) as [string];
    expect(await source.storage(account, [1n], block)).to.deep.equal([0n]);
    expect(await source.storage("0x00000000000000000000000000000000000000aa", [1n], block)).to.deep.equal([0n]);
  });

  const lies: readonly [string, (result: Record<string, unknown>) => unknown][] = [
    ["another word", (r) => ({ ...r, storageProof: [{ ...first(r), value: "0x8" }] })],
    ["no word", (r) => ({ ...r, storageProof: [{ ...first(r), value: "0x0", proof: [] }] })],
    ["a shortened proof", (r) => ({ ...r, storageProof: [{ ...first(r), proof: first(r).proof.slice(0, -1) }] })],
    ["a longer proof", (r) => ({ ...r, storageProof: [{ ...first(r), proof: [...first(r).proof, "0x80"] }] })],
    ["an empty storage root", (r) => ({ ...r, storageHash: `0x${"0".repeat(64)}` })],
    ["no account", (r) => ({ ...r, accountProof: [] })],
    ["another slot", (r) => ({ ...r, storageProof: [{ ...first(r), key: "0x3" }] })],
    ["nothing", () => null],
  ];
  for (const [name, change] of lies) {
    it(`refuses ${name}`, async () => {
      const block = await source.finalised();
      proxy.lie = ({ method }, result) =>
        method === "eth_getProof" ? change(result as Record<string, unknown>) : result;
      expect((await failure(source.storage(recorder.address, [7n], block))).code).to.equal("bad-proof");
    });
  }

  it("refuses the proof of another block", async () => {
    const block = await source.finalised();
    await recorder.record(7n, 5n);
    const later = await source.finalised();
    const lying = await chain.rpc("eth_getProof", recorder.address, [`0x${"7".padStart(64, "0")}`], hex(later.number));
    proxy.lie = ({ method }, result) => (method === "eth_getProof" ? lying : result);
    expect((await failure(source.storage(recorder.address, [7n], block))).code).to.equal("bad-proof");
  });

  it("refuses a block whose fields are not those of its hash", async () => {
    proxy.lie = ({ method }, result) =>
      method === "eth_getBlockByNumber" ? { ...(result as object), stateRoot: `0x${"1".repeat(64)}` } : result;
    expect((await failure(source.finalised())).code).to.equal("bad-header");
  });

  function first(result: Record<string, unknown>): { proof: string[] } {
    return (result["storageProof"] as { proof: string[] }[])[0] ?? { proof: [] };
  }

  function hex(number: number): string {
    return `0x${number.toString(16)}`;
  }
});

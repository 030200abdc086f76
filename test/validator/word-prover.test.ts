/** What a validator signs about is proven by the ledger's state, and how long a proof stands while the ledger is away. */
import { expect } from "chai";

import type { RevocationWord } from "../../src/ledger/bitmap.js";
import { LedgerError } from "../../src/ledger/errors.js";
import { Projection } from "../../src/ledger/projection.js";
import type { VerifiedHeader } from "../../src/ledger/state-proof.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { Standing } from "../../src/validator/standing.js";
import { WordProver } from "../../src/validator/word-prover.js";

const LIFETIME = 40;
const START = 1_900_000_000;

/** A block each second from `START`. */
const header = (number: number) => ({ number, timestamp: START + number }) as VerifiedHeader;

function world() {
  const projection = new Projection();
  projection.genesis = { parameters: { headLifetimeSeconds: BigInt(LIFETIME) } } as never;
  const state = { word: { revoked: 0n, held: 0n } as RevocationWord, fault: undefined as Error | undefined };
  const proofs: number[] = [];
  let now = START;
  const reader = {
    device: () => Promise.resolve(undefined),
    async revocationWords(_words: readonly number[], { number }: VerifiedHeader) {
      await Promise.resolve();
      if (state.fault !== undefined) throw state.fault;
      proofs.push(number);
      return [state.word];
    },
  };
  const prover = new WordProver(reader, new Standing(projection), () => now);
  const prove = async (index: number, block: number): Promise<string> => {
    now = START + block;
    return prover.prove(index, header(block)).then(
      () => "proven",
      (error: unknown) => (error instanceof SwarmkeepError ? error.code : String(error)),
    );
  };
  return { state, proofs, prove };
}

describe("words of the revocation list, proven", () => {
  it("are proven once for four blocks, each word for itself", async () => {
    const { proofs, prove } = world();
    for (const block of [1, 2, 4]) expect(await prove(5, block)).to.equal("proven");
    expect(await prove(300, 4)).to.equal("proven");
    expect(await prove(5, 5)).to.equal("proven");
    expect(proofs).to.deep.equal([1, 4, 5]);
  });

  it("say of each device whether it is revoked or held", async () => {
    const { state, prove } = world();
    state.word = { revoked: 1n << 5n, held: 1n << 6n };
    expect(await Promise.all([5, 6, 7].map((index) => prove(index, 1)))).to.deep.equal([
      "revoked",
      "revoked",
      "proven",
    ]);
  });

  it("stand while the ledger is away, for as long as a head lives, and no longer", async () => {
    const { state, proofs, prove } = world();
    state.word = { revoked: 1n << 6n, held: 0n };
    expect(await prove(5, 1)).to.equal("proven");
    state.fault = new LedgerError("refused", "away");
    expect(await prove(5, 10)).to.equal("proven");
    expect(await prove(6, 10)).to.equal("revoked");
    expect(await prove(5, 1 + LIFETIME)).to.equal("proven");
    expect(await prove(300, 10), "a word that was never proven").to.equal("refused");
    expect(await prove(5, 2 + LIFETIME + 4)).to.equal("refused");
    state.fault = undefined;
    expect(await prove(5, 3 + LIFETIME + 4)).to.equal("proven");
    expect(proofs).to.deep.equal([1, 3 + LIFETIME + 4]);
  });

  it("do not stand where a proof is wrong: then somebody lies", async () => {
    const { state, prove } = world();
    expect(await prove(5, 1)).to.equal("proven");
    state.fault = new LedgerError("bad-proof", "wrong");
    expect(await prove(5, 10)).to.equal("bad-proof");
  });
});

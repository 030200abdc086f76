/** What a contract's refusal is in words: the sentence that its source has for the error, with its arguments. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import { hexlify } from "ethers";

import { INTERFACES } from "../../src/ledger/contracts.js";
import { ERROR_NOTICES } from "../../src/ledger/error-notices.js";
import { revertError } from "../../src/ledger/reverts.js";

const contracts = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "contracts");

/** The notices of all custom errors in the sources, by name; different ones of one name in the order of their files. */
function noticesInSources(): Record<string, string[]> {
  const files = readdirSync(contracts, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sol") && !name.startsWith("test"))
    .toSorted();
  const notices = new Map<string, Set<string>>();
  for (const file of files) {
    const source = readFileSync(join(contracts, file), "utf8");
    for (const [, comment = "", name = ""] of source.matchAll(/((?:^ *\/\/\/.*\n)+) *error (\w+)\(/gm)) {
      const text = comment
        .split("\n")
        .map((line) => line.trim().replace(/^\/\/\/ ?/, ""))
        .join(" ")
        .replace(/^@notice /, "")
        .trim();
      notices.set(name, (notices.get(name) ?? new Set()).add(text));
    }
  }
  return Object.fromEntries(
    [...notices].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, all]) => [name, [...all]]),
  );
}

describe("a contract's refusal", () => {
  it("has the sentence of the contracts' sources, for every custom error", () => {
    expect(ERROR_NOTICES).to.deep.equal(noticesInSources());
  });

  it("is one sentence with the values, and the error's name to look up", () => {
    const { fleets, registry, ceremony, measurement } = INTERFACES;
    const said = (data: string): string => revertError(data, "try it").message;
    expect(said(fleets.encodeErrorResult("ScopeNotGranted", ["grp:x"]))).to.equal(
      "the ledger refused to try it: grp:x lies in none of the grant's scopes (ScopeNotGranted)",
    );
    expect(said(fleets.encodeErrorResult("BudgetExceeded", [7, 3]))).to.equal(
      "the ledger refused to try it: 7 devices are more than the 3 ones of the grant, or none (BudgetExceeded)",
    );
    const account = hexlify(new Uint8Array(20));
    expect(said(registry.encodeErrorResult("WrongState", [account, 1, 2]))).to.equal(
      `the ledger refused to try it: ${account} is in "admitted", and this takes it to be in "active" (WrongState)`,
    );
    expect(said(fleets.encodeErrorResult("InvalidPolicy", ["maximumLifetime", 99]))).to.equal(
      "the ledger refused to try it: No policy has a maximumLifetime of 99: a lifetime is 60 s to 366 days, a quota at least 1, join methods are 1 to 15, and a grace is at most 366 days (InvalidPolicy)",
    );
    // Two contracts have one of this name.
    expect(said(ceremony.encodeErrorResult("WrongPhase", [1, 2]))).to.equal(
      'the ledger refused to try it: The ceremony is in phase "accept"; this call belongs to phase "deal" (WrongPhase)',
    );
    expect(said(measurement.encodeErrorResult("WrongPhase", [5, 1, 2]))).to.equal(
      'the ledger refused to try it: The round of 5 is in "commit", and this is done in "reveal" (WrongPhase)',
    );
    expect(said("0x12345678")).to.equal("the ledger refused to try it: unknown error 0x12345678");
  });
});

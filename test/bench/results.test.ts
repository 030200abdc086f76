import { readFileSync } from "node:fs";

import { expect } from "chai";

import { COSTS, costsDocument } from "../../bench/costs.js";
import { type GasRow, type OffchainRow, meetsGoal } from "../../bench/figure.js";
import { GAS } from "../../bench/gas.js";
import { OFFCHAIN } from "../../bench/offchain.js";
import { README, figureTables, withTables } from "../../bench/readme.js";
import { GAS_FILE, OFFCHAIN_FILE, readRows } from "../../bench/results.js";

const gas = readRows<GasRow>(GAS_FILE);
const offchain = readRows<OffchainRow>(OFFCHAIN_FILE);

describe("committed results", () => {
  it("cover every figure, with its goal", () => {
    for (const [figures, rows] of [
      [GAS, gas],
      [OFFCHAIN, offchain],
    ] as const) {
      expect(rows.map(({ operation, goal }) => ({ operation, goal }))).to.deep.equal(
        figures.map(({ operation, goal }) => ({ operation, goal: goal ?? null })),
      );
    }
  });

  it("keep every goal", () => {
    const missed = [...gas.map((row) => ({ ...row, value: row.gas })), ...offchain].filter(
      ({ operation, value, goal }) => !meetsGoal(operation, value, goal),
    );
    expect(missed.map(({ operation }) => operation)).to.deep.equal([]);
  });

  it("are what docs/costs.md counts with", () => {
    expect(readFileSync(COSTS, "utf8")).to.equal(costsDocument(gas));
  });

  it("are what README.md shows", () => {
    const readme = readFileSync(README, "utf8");
    expect(withTables(readme, figureTables(gas, offchain))).to.equal(readme);
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

/** Layers of src/, lowest first. A file may import from its own layer and from those below it. */
const LAYERS: readonly (readonly string[])[] = [
  ["statements"],
  ["crypto"],
  ["certificate"],
  ["protocol"],
  ["net", "ledger", "runtime", "shards", "store"],
  ["validator", "device", "operator", "explorer"],
  ["cli"],
];

/** Folders that also run in a browser: nothing of Node, no network, no chain library. */
const PURE = ["statements", "crypto", "certificate", "protocol"];

const source = join(dirname(fileURLToPath(import.meta.url)), "..", "src");

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => join(source, name));

function folderOf(file: string): string {
  return relative(source, file).split(sep)[0] ?? "";
}

function rank(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}

describe("architecture", () => {
  it("knows every folder of src", () => {
    for (const file of files) expect(rank(folderOf(file)), file).to.be.at.least(0);
  });

  it("imports point downwards only", () => {
    const upwards: string[] = [];
    for (const file of files) {
      for (const name of importsOf(file).filter((name) => name.startsWith("."))) {
        const target = folderOf(join(dirname(file), name));
        if (target !== ".." && rank(target) > rank(folderOf(file)))
          upwards.push(`${relative(source, file)} -> ${name}`);
      }
    }
    expect(upwards).to.deep.equal([]);
  });

  it("pure layers use nothing of Node and no chain library", () => {
    const impure: string[] = [];
    for (const file of files.filter((file) => PURE.includes(folderOf(file)))) {
      for (const name of importsOf(file)) {
        if (/^(node:|ethers|hardhat|fastify|@openzeppelin)/.test(name) || name.includes("typechain-types")) {
          impure.push(`${relative(source, file)} -> ${name}`);
        }
      }
    }
    expect(impure).to.deep.equal([]);
  });
});

import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

const entry = fileURLToPath(new URL("../../src/device/index.ts", import.meta.url));

/** Packages that a file and all that it imports load. */
function packagesOf(file: string, seen = new Set<string>(), packages = new Set<string>()): Set<string> {
  if (seen.has(file)) return packages;
  seen.add(file);
  const code = readFileSync(file, "utf8").replace(/import type [^;]+;/g, "");
  for (const [, name = ""] of code.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"([^"]+)"/g)) {
    if (name.startsWith(".")) packagesOf(resolve(dirname(file), name).replace(/\.js$/, ".ts"), seen, packages);
    else if (!name.startsWith("node:"))
      packages.add(
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      );
  }
  return packages;
}

describe("the agent of a device", () => {
  it("loads no chain library, no server and no X.509 library", () => {
    expect([...packagesOf(entry)].sort()).to.deep.equal([
      "@chainsafe/blst",
      "@hpke/core",
      "@noble/curves",
      "@noble/hashes",
      "cborg",
      "shamir-secret-sharing",
    ]);
  });

  it("reads nothing of the ledger's or the validator's code", () => {
    const source = join(dirname(entry), "..");
    const seen = new Set<string>();
    packagesOf(entry, seen);
    const folders = new Set([...seen].map((file) => file.slice(source.length + 1).split("/")[0]));
    expect([...folders].sort()).to.deep.equal([
      "certificate",
      "crypto",
      "device",
      "net",
      "protocol",
      "runtime",
      "shards",
      "statements",
    ]);
  });
});

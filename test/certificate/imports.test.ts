import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Packages that `swarmkeep/verify` may reach. Each is pure computation. */
const ALLOWED = ["@noble/curves", "@noble/hashes", "cborg"];

/** What no file of the graph may so much as name: modules of Node, and the ways of a browser to reach a network. */
const FORBIDDEN_CALL = /\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts)\s*[(.]/;

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Static and dynamic imports, re-exports and requires; comments do not count. */
function importsOf(source: string): Import[] {
  const code = source.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const pattern =
    /(?:^|[;\s])(?:(import|export)(\s+type)?\b[^;"'`]*?from\s*|import\s*\(?\s*|require\s*\(\s*)["']([^"']+)["']/g;
  return [...code.matchAll(pattern)].map((match) => ({
    specifier: match[3] as string,
    typeOnly: match[2] !== undefined,
  }));
}

function resolve(specifier: string, from: string): string {
  if (!specifier.startsWith(".")) return resolvePackage(specifier, from);
  const path = join(dirname(from), specifier);
  return from.startsWith(join(root, "src")) ? path.replace(/\.js$/, ".ts") : path;
}

/** The file that a package's export leads to, as an ES module. */
function resolvePackage(specifier: string, from: string): string {
  const name = ALLOWED.find((allowed) => specifier === allowed || specifier.startsWith(`${allowed}/`));
  expect(name, `${relative(root, from)} imports ${specifier}`).not.to.equal(undefined);
  const folder = join(root, "node_modules", name as string);
  const { exports } = createRequire(from)(join(folder, "package.json")) as {
    exports: Record<string, string | Record<string, string>>;
  };
  const target = exports[`.${specifier.slice((name as string).length)}`];
  const file = typeof target === "string" ? target : (target?.["import"] ?? target?.["default"]);
  expect(file, `${specifier} is no export of ${name}`).not.to.equal(undefined);
  return join(folder, file as string);
}

/** Every file that is loaded with `entry`. */
function graphOf(entry: string): Map<string, string> {
  const files = new Map<string, string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    const source = readFileSync(file, "utf8");
    files.set(file, source);
    open.push(
      ...importsOf(source)
        .filter(({ typeOnly }) => !typeOnly)
        .map(({ specifier }) => resolve(specifier, file as string)),
    );
  }
  return files;
}

describe("swarmkeep/verify", () => {
  const graph = graphOf(join(root, "src", "certificate", "index.ts"));

  it("loads every file of its folder, and packages of pure computation only", () => {
    const names = [...graph.keys()].map((file) => relative(root, file));
    for (const file of readdirSync(join(root, "src", "certificate")))
      expect(names).to.include(`src/certificate/${file}`);
    for (const name of ALLOWED)
      expect(
        names.some((file) => file.startsWith(`node_modules/${name}/`)),
        name,
      ).to.equal(true);
  });

  it("reaches no network, in Node or in a browser, and no chain library", () => {
    for (const [file, source] of graph) {
      const code = source.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*$/gm, "");
      expect(FORBIDDEN_CALL.exec(code)?.[0], relative(root, file)).to.equal(undefined);
      for (const { specifier } of importsOf(source)) {
        expect(specifier, relative(root, file)).not.to.match(
          /^(node:|net$|tls$|https?$|http2$|dgram$|dns$|ws$|undici$|ethers|hardhat)/,
        );
      }
    }
  });

  it("would notice: the same walk finds Node in the runtime folder", () => {
    const source = readFileSync(join(root, "src", "runtime", "device-signatures.ts"), "utf8");
    expect(importsOf(source).map(({ specifier }) => specifier)).to.include("node:crypto");
    expect(FORBIDDEN_CALL.test('await fetch("https://example.com")')).to.equal(true);
    expect(
      importsOf('const a = await import("node:net"); import "ws";').map(({ specifier }) => specifier),
    ).to.deep.equal(["node:net", "ws"]);
  });
});

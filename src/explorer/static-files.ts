/**
 * The built pages, read into memory once: nothing that is asked for becomes a path on this machine. Each file is kept as it is and
 * compressed. Names carry a hash of the content, so that a browser may keep them for ever; the page itself is asked for each time.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

export interface StaticFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly brotli: Buffer;
  readonly gzip: Buffer;
  /** Whether its name says what is in it. */
  readonly hashed: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".md": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

/** By path from the root, `/index.html`; empty where the folder is not there. */
export function readStaticFiles(folder: string): ReadonlyMap<string, StaticFile> {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return new Map();
  }
  const files = names.map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
  return new Map(
    files.map((path) => {
      const name = `/${relative(folder, path).split(sep).join("/")}`;
      const plain = readFileSync(path);
      const brotli = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
      const type = TYPES[extname(path)] ?? "application/octet-stream";
      return [name, { type, plain, brotli, gzip: gzipSync(plain), hashed: name.startsWith("/assets/") }];
    }),
  );
}

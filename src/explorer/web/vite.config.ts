/** Builds the pages into `dist/pages`, which the explorer's server serves. Nothing is loaded from elsewhere. */
import { fileURLToPath } from "node:url";

import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  logLevel: "warn",
  build: {
    outDir: fileURLToPath(new URL("../../../dist/pages", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    // What is bundled is under the MIT licence, whose text goes along.
    license: true,
    modulePreload: { polyfill: false },
    // How long the bundler took is nobody's question here.
    rolldownOptions: { checks: { bundlerTimings: false } },
    // A file as a data address would need another rule in the content security policy.
    assetsInlineLimit: 0,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
});

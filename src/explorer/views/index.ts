/** All views: each folder here is one. A new one needs nothing else than its folder. */
import { readdirSync } from "node:fs";

import type { ViewServer } from "../view.js";

/** In the order in which searches ask them. */
export async function loadViews(): Promise<readonly ViewServer[]> {
  const folders = readdirSync(new URL(".", import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
  return Promise.all(folders.map(async (name) => ((await import(`./${name}/server.js`)) as { view: ViewServer }).view));
}

/** All views, found by their folders: manifests at once, pages when they are opened. */
import type { FunctionComponent } from "preact";

import type { Manifest } from "../manifest.js";

export interface PageProps {
  /** The path that matched, with its `:names`. */
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface PageModule {
  readonly Page: FunctionComponent<PageProps>;
}

const manifests = import.meta.glob<Manifest>("../views/*/view.ts", { eager: true, import: "manifest" });
const pages = import.meta.glob<PageModule>("../views/*/page.tsx");

export interface WebView {
  readonly manifest: Manifest;
  load(): Promise<PageModule>;
}

export const VIEWS: readonly WebView[] = Object.entries(manifests).flatMap(([file, manifest]) => {
  const load = pages[file.replace(/view\.ts$/, "page.tsx")];
  return load === undefined ? [] : [{ manifest, load }];
});

export interface Match {
  readonly view: WebView;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The view whose path this is. */
export function matchPath(pathname: string): Match | undefined {
  for (const view of VIEWS) {
    for (const path of view.manifest.paths) {
      const parameters = parametersOf(path, pathname);
      if (parameters !== undefined) return { view, path, parameters };
    }
  }
  return undefined;
}

function parametersOf(pattern: string, pathname: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split("/"), pathname.replace(/(.)\/$/, "$1").split("/")];
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const found = given[i] ?? "";
    if (part.startsWith(":")) parameters[part.slice(1)] = found;
    else if (part !== found) return undefined;
  }
  return parameters;
}

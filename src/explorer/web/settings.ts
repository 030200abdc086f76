/** What a reader chooses: light or dark, and whose time. Kept in the browser. */
import { signal } from "./signal.js";

export type Zone = "local" | "utc";
export type Theme = "system" | "light" | "dark";

function remembered<T extends string>(name: string, values: readonly T[], otherwise: T): T {
  try {
    const value = localStorage.getItem(name) as T | null;
    return value !== null && values.includes(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}

export const zone = signal<Zone>(remembered("zone", ["local", "utc"], "local"));
export const theme = signal<Theme>(remembered("theme", ["system", "light", "dark"], "system"));

function applyTheme(value: Theme): void {
  if (value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = value;
}

applyTheme(theme.get());
theme.listen((value) => {
  applyTheme(value);
  remember("theme", value);
});
zone.listen((value) => remember("zone", value));

/** The time, each second. Of the reader's clock. */
export const now = signal(Date.now() / 1000);
setInterval(() => now.set(Date.now() / 1000), 1000);

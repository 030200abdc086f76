/** Debian's Chromium, driven by playwright-core; and a server with the pages before it. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";

import { eventually } from "../e2e/waiting.js";

const CHROMIUM = "/usr/bin/chromium";

/** Why pages cannot be looked at here; undefined where they can. */
export function noBrowser(): string | undefined {
  return existsSync(CHROMIUM) ? undefined : `there is no ${CHROMIUM} here: pages are not looked at`;
}

export async function startBrowser(): Promise<Browser> {
  const quiet = [
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", ...quiet] });
}

/** Sizes of windows in which pages are looked at, and pictures taken. */
export const DESK = { width: 1280, height: 900 };
export const PHONE = { width: 360, height: 740 };

export interface Watched {
  readonly page: Page;
  /** What the page complained about: errors, and what its policy refused. */
  readonly complaints: readonly string[];
  /** Requests to anywhere else than the explorer. */
  readonly strays: readonly string[];
}

export async function openPage(context: BrowserContext, url: string): Promise<Watched> {
  const page = await context.newPage();
  const complaints: string[] = [];
  const strays: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // A path that does not exist and a server that was stopped are parts of these tests.
    if (message.type() === "error" && !/Failed to load resource|ERR_/.test(message.text()))
      complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) strays.push(request.url());
  });
  return { page, complaints, strays };
}

/** The number of the epoch on the overview. */
export const EPOCH_SHOWN = "Number(document.querySelector('.tile .big')?.innerText)";

/** Waits until an expression holds in the page. Asked from here: the page's policy lets nothing in it evaluate a text. */
export async function until(page: Page, expression: string): Promise<void> {
  await eventually(expression, async () => ((await page.evaluate(expression)) === true ? true : undefined), 60);
}

/** Waits until the page shows what it has loaded. */
export async function settled(page: Page): Promise<void> {
  await page.waitForSelector("main h1");
  await until(page, "document.querySelectorAll('main .loading').length === 0");
}

/** Waits until the page was laid out and drawn anew. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
}

/** Where screenshots go, for the documentation; none are made where it is not set. */
const PICTURES = process.env["SWARMKEEP_PICTURES"];

export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** Whether something stands out of the page sideways. */
export async function overflow(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - innerWidth");
}

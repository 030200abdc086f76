/** Scenario: somebody looks at a live swarm in a browser, and finds the answers on the pages. */
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import { expect } from "chai";
import type { Browser, BrowserContext, Page } from "playwright-core";

import { type RunningExplorer, startExplorer } from "../../src/explorer/explorer.js";
import { encodeCertificate } from "../../src/certificate/certificate.js";
import { withSender } from "../../src/operator/ledger.js";
import { revokeDevices } from "../../src/operator/revocation.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import {
  DESK,
  PHONE,
  drawn,
  noBrowser,
  openPage,
  overflow,
  picture,
  settled,
  startBrowser,
  until,
} from "../explorer/browser.js";
import { Proxy } from "../ledger/support/proxy.js";
import { type Device, type Fleet, makeFleet, openFrom } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { eventually } from "./waiting.js";

const PAGES = fileURLToPath(new URL("../../dist/pages", import.meta.url));
/** Bytes of everything that the first view loads, compressed. */
const BUDGET = 300 * 1024;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe("the explorer over a live swarm", function () {
  this.timeout(300_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  let device: Device | undefined;
  let base: number;
  let certificate: Uint8Array;
  let proxy: Proxy;
  let explorer: RunningExplorer;
  let browser: Browser;
  let context: BrowserContext;
  tellLogsOnFailure(() => mesh);

  before(async function () {
    const reason = noBrowser();
    if (reason !== undefined) {
      console.log(`      ${reason}`);
      this.skip();
    }
    mesh = await sharedMesh();
    proxy = await new Proxy(mesh.node.url).start();
    explorer = await startExplorer({
      rpc: proxy.url,
      webSocket: mesh.node.webSocketUrl,
      anchor: mesh.mesh.anchor,
      chainId: mesh.mesh.chainId,
      port: 0,
      pages: PAGES,
    });
    fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 3 }]);
    base = fleet.batch.facts.base;
    device = await openFrom(fleet, 0);
    await device.agent.enrol();
    const { algorithm, payload, signature } = (await device.agent.certificate())!;
    certificate = encodeCertificate(algorithm, payload, signature);
    browser = await startBrowser();
    context = await browser.newContext({ viewport: DESK, colorScheme: "light" });
    await eventually("the explorer is up to date", async () => (explorer.status().phase === "live" ? true : undefined));
  });

  after(async () => {
    await browser?.close();
    await device?.agent.close();
    await explorer?.close();
    await proxy?.stop();
  });

  async function open(path: string, inside = context) {
    const watched = await openPage(inside, explorer.url);
    await watched.page.goto(`${explorer.url}${path}`);
    await settled(watched.page);
    return watched;
  }

  async function seriousProblems(page: Page): Promise<string[]> {
    // As its own script the policy would refuse it: it comes by the debugger, as a reader's tool would.
    await page.evaluate(axe);
    const found = (await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")) as {
      violations: { id: string; impact: string; nodes: { target: string[] }[] }[];
    };
    return found.violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  }

  const views = (): readonly (readonly [string, string, RegExp])[] => [
    // Without a draw so far; the scenario of rotation has one with all tiles.
    ["overview-early", "/", /The mesh (is healthy|works)/],
    ["validators", "/validators", /in office|seat \d/],
    ["validator", `/validators/${mesh.validator(1).place.account}`, /Stake/],
    ["ceremonies", "/ceremonies", /key generation/],
    ["ceremony", "/ceremonies/1", /succeeded/],
    ["fleets", "/fleets", /left/],
    ["tenant", `/tenants/${mesh.registrar.address}`, /Its grants/],
    ["device", `/devices/${base}`, /not revoked/],
    ["shards", "/shards", /Shard maps in force/],
    ["revocation", "/revocation", /Newest head/],
    ["certificates", "/certificates", /Keys of generation 1/],
    ["gas", "/gas", /Key ceremonies/],
    ["blocks", "/blocks", /Transactions/],
    ["block", "/blocks/1", /Hash/],
    ["transactions", "/transactions", /What was done/],
    ["events", "/events", /What happened/],
    ["address", `/addresses/${mesh.registrar.address}`, /Balance/],
    ["contracts", "/contracts", /Address/],
    ["contract", "/contracts/registry", /candidateCount/],
  ];

  it("each view shows what it is for, loads nothing from elsewhere, breaks no rule, and has no serious barrier, on a desk and on a phone", async () => {
    const times: string[] = [];
    const { page, complaints, strays } = await openPage(context, explorer.url);
    for (const [name, path, text] of views()) {
      const begun = performance.now();
      await page.goto(`${explorer.url}${path}`);
      await settled(page);
      times.push(`${name} ${Math.round(performance.now() - begun)}`);
      await until(page, `${text}.test(document.querySelector('main').innerText)`);
      expect(await overflow(page), `${name} stands out sideways`).to.be.at.most(0);
      expect(await seriousProblems(page), name).to.deep.equal([]);
      await picture(page, name);
      await page.setViewportSize(PHONE);
      await drawn(page);
      expect(await overflow(page), `${name} stands out sideways on a phone`).to.be.at.most(0);
      await page.setViewportSize(DESK);
      expect(complaints, name).to.deep.equal([]);
      expect(strays, name).to.deep.equal([]);
    }
    await page.close();
    // Reported, not asserted: other tests may have the machine.
    console.log(`      ms until a view has what it shows: ${times.join(", ")}`);
  });

  it("takes a phone's width for its own, and is as easy to read in the dark", async () => {
    const phone = await browser.newContext({ viewport: PHONE, colorScheme: "dark", isMobile: true });
    for (const [name, path] of [
      ["overview", "/"],
      ["device", `/devices/${base}`],
    ] as const) {
      const { page } = await open(path, phone);
      expect(await page.evaluate("innerWidth"), name).to.equal(PHONE.width);
      expect(await overflow(page), name).to.be.at.most(0);
      expect(await seriousProblems(page), name).to.deep.equal([]);
      await picture(page, `${name}-phone`);
      await page.close();
    }
    await phone.close();
  });

  it("is used by keyboard alone: skip link, search, choice, menu", async () => {
    const { page } = await open("/");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).to.equal("Skip to the page");
    await page.keyboard.press("/");
    await page.keyboard.type(String(base));
    await until(page, `document.querySelector('#found').innerText.includes('Device ${base}')`);
    const options = await page.locator("#found [role=option]").allInnerTexts();
    const at = options.findIndex((option) => option.startsWith("Device"));
    for (let i = 0; i < at; i++) await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/devices/${base}`);
    await settled(page);
    expect(await page.evaluate("document.activeElement.id")).to.equal("main");
    await page.close();
  });

  it("a certificate that is dropped in is verified in the browser, and refused with the reason where it was changed", async () => {
    const { page, complaints } = await open("/certificates");
    const file = page.locator("input[type=file]");
    await file.setInputFiles({
      name: "certificate.cbor",
      mimeType: "application/octet-stream",
      buffer: Buffer.from(certificate),
    });
    await page.waitForSelector('[data-verdict="accepted"]');
    await picture(page, "certificate-valid");
    const changed = Buffer.from(certificate);
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    await file.setInputFiles({ name: "changed.cbor", mimeType: "application/octet-stream", buffer: changed });
    await page.waitForSelector('[data-verdict="bad-signature"]');
    await page.fill("#object", Buffer.from(certificate).toString("base64"));
    await page.getByRole("button", { name: "Verify", exact: true }).click();
    await page.waitForSelector('[data-verdict="accepted"]');
    // The same device's certificate for TLS software, with its chain, and the mesh's own.
    const { chain, ca } = (await device!.agent.tlsFiles())!;
    for (const [pem, kind] of [
      [chain, /X.509 certificate of a device/],
      [ca, /X.509 certificate of the mesh/],
    ] as const) {
      await file.setInputFiles({ name: "file.pem", mimeType: "application/x-pem-file", buffer: Buffer.from(pem) });
      await until(page, `${kind}.test(document.querySelector('[data-verdict="accepted"]')?.innerText)`);
    }
    await picture(page, "certificate-x509");
    for (const hostile of [
      Buffer.alloc(200_000, 0x9f),
      Buffer.from("d2".repeat(400), "hex"),
      Buffer.from("<svg onload=alert(1)>"),
    ]) {
      await file.setInputFiles({ name: "<img src=x>.bin", mimeType: "application/octet-stream", buffer: hostile });
      await page.waitForSelector('[data-verdict="unknown-object"]');
    }
    await file.setInputFiles({
      name: "large.bin",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(300_000),
    });
    await page.waitForSelector(".failed");
    // Of two that are dropped one upon the other the last is judged, however long the first takes.
    await file.setInputFiles({
      name: "list.crl",
      mimeType: "application/octet-stream",
      buffer: Buffer.alloc(240_000, 0x9f),
    });
    await file.setInputFiles({ name: "ca.pem", mimeType: "application/x-pem-file", buffer: Buffer.from(ca) });
    await until(
      page,
      `/X.509 certificate of the mesh/.test(document.querySelector('[data-verdict="accepted"]')?.innerText)`,
    );
    expect(complaints).to.deep.equal([]);
    await page.close();
  });

  it("a revocation is watched as it happens: the page says since when, and by which transaction", async () => {
    const index = base + 1;
    const { page } = await open(`/devices/${index}`);
    await until(page, "/not revoked/.test(document.querySelector('main').innerText)");
    const request = { indexes: [index], reason: REVOCATION_REASON.keyCompromise };
    const { receipt } = await withSender(mesh.ledger.endpoint, mesh.registrar.privateKey, async (sender) =>
      revokeDevices(mesh.ledger, await mesh.clients(), sender, mesh.registrar, request),
    );
    const hash = receipt.transactionHash;
    await until(page, "/Yes, for ever/.test(document.querySelector('main').innerText)");
    expect(await page.locator(`a[href="/transactions/${hash}"]`).count()).to.be.at.least(1);
    await picture(page, "device-revoked");
    await page.locator(`a[href="/transactions/${hash}"]`).first().click();
    await until(page, "/submitted a revocation by the swarm/.test(document.querySelector('main').innerText)");
    await picture(page, "transaction");
    await page.close();
  });

  it("says that the node is gone, shows what it knew, and goes on when it is back", async () => {
    const { page } = await open("/validators");
    await proxy.stop();
    await page.waitForSelector('[data-phase="rpc-gone"]');
    expect(await page.locator("main [role=row]").count()).to.be.above(3);
    await picture(page, "node-gone");
    await proxy.start();
    await page.waitForSelector('[data-phase="live"]');
    await page.close();
  });

  it("the first view stays within its budget", async () => {
    const fresh = await browser.newContext();
    const { page } = await openPage(fresh, explorer.url);
    const names: string[] = [];
    page.on("response", (response) => names.push(new URL(response.url()).pathname));
    await page.goto(explorer.url);
    await settled(page);
    const files = readdirSync(PAGES, { recursive: true, encoding: "utf8" });
    const loaded = files.filter((name) => names.includes(`/${name}`) || name === "index.html");
    const bytes = loaded.reduce((sum, name) => sum + brotliCompressSync(readFileSync(join(PAGES, name))).length, 0);
    expect(loaded.length).to.be.above(2);
    expect(bytes).to.be.below(BUDGET);
    await fresh.close();
  });
});

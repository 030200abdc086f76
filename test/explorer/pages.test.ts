/** The pages in a browser, over a chain in this process: a certificate is judged, and what strangers wrote stays text. */
import { fileURLToPath } from "node:url";

import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import { getBytes } from "ethers";
import { network } from "hardhat";
import type { Browser, BrowserContext, Page } from "playwright-core";

import { certificatePayload, certificateToSign, encodeCertificate } from "../../src/certificate/certificate.js";
import { pem } from "../../src/certificate/x509.js";
import { meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { deviceCertificateToSign } from "../../src/certificate/x509-leaf.js";
import { nobleBls } from "../../src/crypto/bls.js";
import { type RunningExplorer, startExplorer } from "../../src/explorer/explorer.js";
import { COSE_ALG, KEY_TYPE } from "../../src/statements/cose.js";
import { domainSeparator } from "../../src/statements/eip712.js";
import {
  GROUP_SECRET,
  PARAMETERS,
  type Mesh,
  addressBytes,
  officeOf,
  openMesh,
  registrationOf,
  secretOf,
} from "../contracts/mesh.js";
import { eventually } from "../e2e/waiting.js";
import { Proxy } from "../ledger/support/proxy.js";
import { serve, type Served } from "../ledger/support/serve.js";
import { EPOCH_SHOWN, noBrowser, openPage, overflow, settled, startBrowser, until } from "./browser.js";

const PAGES = fileURLToPath(new URL("../../dist/pages", import.meta.url));
const MARKUP = "<img/src=x/onerror=alert(1)>:8443";

describe("the explorer's pages", function () {
  this.timeout(240_000);
  let mesh: Mesh;
  let served: Served;
  let proxy: Proxy;
  let explorer: RunningExplorer;
  let browser: Browser;
  let context: BrowserContext;

  before(async function () {
    const reason = noBrowser();
    if (reason !== undefined) {
      console.log(`      ${reason}`);
      this.skip();
    }
    mesh = await openMesh(await network.create());
    served = await serve(mesh.on.provider);
    proxy = await new Proxy(served.url).start();
    const [member] = mesh.members;
    const registration = await registrationOf(mesh, member!.address, secretOf(100n), 1n);
    await mesh.registry
      .connect(member)
      .register({ ...registration, endpoint: MARKUP }, { value: PARAMETERS.minimumStake });
    const anchor = await mesh.anchor.getAddress();
    explorer = await startExplorer({ rpc: proxy.url, anchor, chainId: 31337n, port: 0, pollMs: 50, pages: PAGES });
    browser = await startBrowser();
    context = await browser.newContext();
    await eventually("the explorer is up to date", async () => (explorer.status().phase === "live" ? true : undefined));
  });

  after(async () => {
    await browser?.close();
    await explorer?.close();
    await proxy?.stop();
    await served?.close();
  });

  async function open(path: string): Promise<{ page: Page; complaints: readonly string[] }> {
    const watched = await openPage(context, explorer.url);
    await watched.page.goto(`${explorer.url}${path}`);
    await settled(watched.page);
    return watched;
  }

  it("shows an endpoint that is markup as text, on each page that has it", async () => {
    for (const path of ["/validators", `/validators/${mesh.members[0]!.address.toLowerCase()}`, "/events", "/"]) {
      const { page, complaints } = await open(path);
      await until(page, `document.querySelector('main').innerText.includes(${JSON.stringify(MARKUP)})`);
      expect(await page.locator("main img").count(), path).to.equal(0);
      expect(complaints, path).to.deep.equal([]);
      expect(await overflow(page), path).to.be.at.most(0);
      await page.close();
    }
  });

  it("comes to rest where an answer takes longer than the next block", async () => {
    const { page } = await openPage(context, explorer.url);
    await page.route("**/api/overview", async (route) => {
      // News arrive while the server is still at it, and the page has time to act on them.
      await mesh.on.provider.request({ method: "hardhat_mine", params: ["0x1"] });
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await route.continue().catch(() => undefined);
    });
    await page.goto(explorer.url);
    await settled(page);
    await page.unrouteAll();
    await page.close();
  });

  it("asks for raw data when it is opened, not before", async () => {
    const { page } = await open("/blocks/1");
    expect(await page.locator("details.raw pre").count()).to.equal(0);
    await page.locator("details.raw summary").click();
    await until(page, `document.querySelector('details.raw pre')?.innerText.includes('"parentHash"') === true`);
    await page.close();
  });

  it("explains epochs where the mesh draws its committees", async () => {
    const { page } = await open("/epochs/1");
    await until(page, "/In office|Came by/i.test(document.querySelector('main').innerText)");
    await until(page, "/Nobody has reported what it measured/.test(document.querySelector('main').innerText)");
    await page.close();
  });

  it("says how a validator serves, and what is in the reward pool", async () => {
    const { page } = await open(`/validators/${mesh.members[0]!.address.toLowerCase()}`);
    await until(page, "/Quality\\s+0 of 15[^]+Reputation\\s+8 of 15/.test(document.querySelector('main').innerText)");
    await page.close();
    const { page: service } = await open("/service");
    await until(
      service,
      "/For epochs to come\\s+0 ETH, of which an epoch gets 1%/.test(document.querySelector('main').innerText)",
    );
    await service.close();
  });

  it("shows a new committee on an open page, which nobody loads again", async () => {
    const { page } = await open("/");
    await page.evaluate("window.opened = true");
    await until(page, `${EPOCH_SHOWN} === 1`);
    await mesh.ceremony.install(officeOf(mesh, 2n));
    await until(page, `${EPOCH_SHOWN} === 2`);
    expect(await page.evaluate("window.opened === true")).to.equal(true);
    await page.close();
  });

  it("judges a certificate by the verifier's code: valid, expired, or not signed by this mesh", async () => {
    const meshId = getBytes(mesh.meshId);
    const verifyingContract = addressBytes(await mesh.anchor.getAddress());
    const externalAad = domainSeparator({ chainId: 31337n, meshId, verifyingContract });
    const now = Math.floor(Date.now() / 1000);
    const fieldsFrom = (notBefore: number) => ({
      notBefore,
      expires: notBefore + 3_600,
      serial: new Uint8Array(16).fill(7),
      key: { type: KEY_TYPE.ed25519, bytes: ed25519.getPublicKey(new Uint8Array(32).fill(5)) },
      scope: "grp:city",
      generation: 1,
      index: 3,
      deviceClass: 0,
    });
    const make = (notBefore: number, secret: Uint8Array): Buffer => {
      const payload = certificatePayload(fieldsFrom(notBefore));
      const signature = nobleBls.sign(secret, certificateToSign(COSE_ALG.bls, externalAad, payload));
      return Buffer.from(encodeCertificate(COSE_ALG.bls, payload, signature));
    };
    const authority = meshAuthority({ meshId, keys: { bls: GROUP_SECRET, ed25519: GROUP_SECRET }, crlUrl: undefined });
    const standard = signedBySwarm(deviceCertificateToSign(fieldsFrom(now), [], authority), new Uint8Array(64));
    const { page, complaints } = await open("/certificates");
    for (const [bytes, verdict] of [
      [make(now, GROUP_SECRET), "accepted"],
      [make(now - 7_200, GROUP_SECRET), "expired"],
      [make(now, secretOf(8n)), "bad-signature"],
      [Buffer.from(pem("CERTIFICATE", standard)), "bad-signature"],
      [Buffer.alloc(200_000, 0x9f), "unknown-object"],
    ] as const) {
      await page
        .locator("input[type=file]")
        .setInputFiles({ name: "file", mimeType: "application/octet-stream", buffer: bytes });
      await page.waitForSelector(`[data-verdict="${verdict}"]`);
    }
    expect(complaints).to.deep.equal([]);
    await page.close();
  });
});

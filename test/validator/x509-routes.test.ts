/** The mesh's certificate and revocation lists over HTTP: what caches and clients of RFC 9110 get, on the plain port and over TLS. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { crlToSign, decodeCrl } from "../../src/certificate/x509-crl.js";
import { type RunningPlainServer, startPlainServer } from "../../src/net/plain-server.js";
import { PATH } from "../../src/protocol/api.js";
import { type DataFolder, openDataFolder } from "../../src/runtime/data-folder.js";
import { silentLogger } from "../../src/runtime/log.js";
import { COSE_ALG } from "../../src/statements/cose.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { X509Files } from "../../src/validator/x509-files.js";
import { fileRoutes, x509Routes } from "../../src/validator/x509-routes.js";
import { NOW, groupSign, meshId, seed, trust } from "../certificate/fixtures.js";
import { closeAll, raw, serve } from "../net/server-fixture.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const authority = meshAuthority({ meshId, keys: trust.keys, crlUrl: "http://127.0.0.1/crl/mesh.crl" });

/** @param base of a delta list. */
function list(number: number, base?: number): Uint8Array {
  const entries = [{ serial: seed(`serial ${number}`).slice(0, 16), revoked: NOW, reason: undefined }];
  const times = { thisUpdate: NOW + number, nextUpdate: NOW + number + 900 };
  const tbs = crlToSign({ number, base, ...times, entries }, authority);
  return signedBySwarm(tbs, groupSign(COSE_ALG.eddsa, tbs));
}

const date = (seconds: number): string => new Date(1000 * seconds).toUTCString();

describe("revocation lists over HTTP", () => {
  let folder: DataFolder;
  let files: X509Files;
  let plain: RunningPlainServer;

  beforeEach(async () => {
    folder = await openDataFolder(join(await scratchFolder(), "validator"), "validator");
    files = await X509Files.open(folder);
    plain = await startPlainServer({ host: "127.0.0.1", port: 0, routes: fileRoutes(files), log: silentLogger });
  });
  afterEach(async () => {
    await plain.close();
    await folder.close();
    await closeAll();
  });
  after(removeScratchFolders);

  const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
    fetch(`http://127.0.0.1:${plain.port}${path}`, { headers, method });

  it("say how long they hold and when to look again, and are DER as the swarm signed it", async () => {
    await files.put("crl", list(7));
    const answer = await get(PATH.crl);
    expect(answer.status).to.equal(200);
    expect(Object.fromEntries(answer.headers)).to.include({
      "content-type": "application/pkix-crl",
      "last-modified": date(NOW + 7),
      expires: date(NOW + 907),
      "cache-control": "public, max-age=10",
    });
    expect(answer.headers.get("etag")).to.match(/^"[A-Za-z0-9_-]{22}"$/);
    expect(new Uint8Array(await answer.arrayBuffer())).to.deep.equal(list(7));
    const head = await get(PATH.crl, {}, "HEAD");
    expect([head.status, (await head.arrayBuffer()).byteLength]).to.deep.equal([200, 0]);
    expect(head.headers.get("content-length")).to.equal(String(list(7).length));
  });

  it("are sent again only where they changed: by entity tag, or else by date", async () => {
    await files.put("crl", list(7));
    const etag = (await get(PATH.crl)).headers.get("etag") as string;
    const statusOf = async (headers: Record<string, string>): Promise<number> => {
      const answer = await get(PATH.crl, headers);
      const body = await answer.arrayBuffer();
      expect(body.byteLength === 0, "a body").to.equal(answer.status === 304);
      expect(answer.headers.get("etag")).to.be.a("string");
      return answer.status;
    };
    expect(await statusOf({ "if-none-match": etag })).to.equal(304);
    expect(await statusOf({ "if-none-match": `"other", W/${etag}` })).to.equal(304);
    expect(await statusOf({ "if-none-match": "*" })).to.equal(304);
    expect(await statusOf({ "if-none-match": '"other"' })).to.equal(200);
    expect(await statusOf({ "if-modified-since": date(NOW + 7) })).to.equal(304);
    expect(await statusOf({ "if-modified-since": date(NOW + 6) })).to.equal(200);
    expect(await statusOf({ "if-modified-since": "yesterday" })).to.equal(200);
    expect(await statusOf({ "if-none-match": '"other"', "if-modified-since": date(NOW + 7) })).to.equal(200);
    await files.put("crl", list(8));
    expect(await statusOf({ "if-none-match": etag })).to.equal(200);
  });

  it("come over TLS with the same headers and conditions", async () => {
    await files.put("crl", list(7));
    const { server } = await serve({ routes: x509Routes(files) });
    const ask = (more: string): Promise<string> =>
      raw(server, `GET ${PATH.crl} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${more}\r\n`);
    const answer = await ask("");
    expect(answer).to.match(/^HTTP\/1.1 200/);
    expect(answer).to.contain(`last-modified: ${date(NOW + 7)}`);
    const etag = /^etag: (.*)\r$/m.exec(answer)?.[1];
    expect(await ask(`if-none-match: ${etag}\r\n`)).to.match(/^HTTP\/1.1 304/);
  });

  it("have their changes at a place of their own, with the list that these go on from", async () => {
    expect((await get(PATH.deltaCrl)).status).to.equal(502);
    await files.put("deltaCrl", list(12, 6));
    const delta = new Uint8Array(await (await get(PATH.deltaCrl)).arrayBuffer());
    expect(decodeCrl(delta)).to.include({ number: 12, base: 6 });
    expect((await get(PATH.crl)).status, "the complete one is not there yet").to.equal(502);
  });

  it("never go back, and survive a restart; damaged ones are named", async () => {
    await files.put("crl", list(8));
    await files.put("crl", list(7));
    expect(files.get("crl")?.number).to.equal(8);
    expect((await X509Files.open(folder)).get("crl")?.content).to.deep.equal(list(8));
    const path = folder.file("crl.der");
    const content = await readFile(path);
    await writeFile(path, content.subarray(0, content.length - 1));
    const error: unknown = await X509Files.open(folder).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(SwarmkeepError).and.to.have.property("code", "x509-file-damaged");
    expect((error as Error).message).to.contain(path);
  });

  it("is all that the plain port has: no other path or method, and a flood is put off", async () => {
    await files.put("crl", list(7));
    expect((await get("/v1/status")).status).to.equal(404);
    expect((await get(PATH.crl, {}, "DELETE")).status).to.equal(405);
    const statuses = new Set<number>();
    for (let tries = 0; tries < 500 && !statuses.has(429); tries++) statuses.add((await get(PATH.crl)).status);
    expect([...statuses]).to.deep.equal([200, 429]);
  });
});

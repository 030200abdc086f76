import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type TLSSocket, connect } from "node:tls";

import { expect } from "chai";

import { decodeCbor, encodeCbor } from "../../src/certificate/cbor.js";
import type { Route } from "../../src/net/server.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { OPEN_TLS_PROFILE } from "../../src/net/tls-profile.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { PSK, PSK_IDENTITY, clientOf, closeAll, errorOf, onClose, raw, serve } from "./server-fixture.js";

const SHOWN: Route = {
  method: "GET",
  path: "/v1/shown",
  handle: ({ peer, authorization }) => ({ body: encodeCbor([peer.certificate ?? null, authorization ?? null]) }),
};
const POSTED: Route = {
  method: "POST",
  path: "/posted",
  consumes: "application/pkcs10",
  handle: ({ body }) => ({ body, type: "application/pkcs7-mime", headers: { "content-transfer-encoding": "base64" } }),
};
const routes = [SHOWN, POSTED];

async function openSocket(server: { host: string; port: number }, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: server.host, port: server.port, rejectUnauthorized: false, ...options });
  onClose(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

/** Sends a request on an open connection and waits for the whole of a small answer. */
async function ask(socket: TLSSocket, path = "/v1/shown"): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString("latin1");
}

const serialOf = (socket: TLSSocket): string => (socket.getPeerX509Certificate() as X509Certificate).serialNumber;

describe("mutual TLS", () => {
  afterEach(closeAll);

  it("tells a handler the certificate that the client has shown, and none where it has none or a pre-shared key", async () => {
    const { server, identity } = await serve({ routes });
    const own = await tlsIdentity(await generateTlsKey());
    const pin = { kind: "pin", pin: identity.pin } as const;
    const shown = async (...how: Parameters<typeof clientOf> extends [unknown, ...infer Rest] ? Rest : never) => {
      const { body } = await clientOf(server, ...how).request({ method: "GET", path: "/v1/shown" });
      return (decodeCbor(body, "shown") as unknown[])[0];
    };
    const credentials = () => ({ key: own.key, chain: [own.certificate] });
    expect(await shown(pin, 5_000, credentials)).to.deep.equal(own.certificate);
    expect(await shown(pin)).to.equal(null);
    expect(await shown({ kind: "psk", identity: PSK_IDENTITY, key: PSK }, 5_000, credentials)).to.equal(null);
  });

  it("shows a renewed certificate from the next request on, also where a connection from before is open", async () => {
    const { server, identity } = await serve({ routes });
    const pkcs8 = await generateTlsKey();
    const [first, second] = [await tlsIdentity(pkcs8), await tlsIdentity(pkcs8)];
    let shown = { key: first.key, chain: [first.certificate] };
    const client = clientOf(server, { kind: "pin", pin: identity.pin }, 5_000, () => shown);
    const ask = async () => {
      const { body, channelBinding } = await client.request({ method: "GET", path: "/v1/shown" });
      return { certificate: (decodeCbor(body, "shown") as unknown[])[0], channelBinding };
    };
    const [before, same] = [await ask(), await ask()];
    expect(same).to.deep.equal({ ...before, certificate: first.certificate });
    shown = { key: second.key, chain: [second.certificate] };
    expect((await ask()).certificate).to.deep.equal(second.certificate);
  });

  it("asks a client's judge about the certificate of each new connection, and sends nothing where it refuses", async () => {
    let asked = 0;
    const { server, identity } = await serve({
      routes: [{ ...SHOWN, handle: () => ({ body: encodeCbor(++asked) }) }],
    });
    const judged: Uint8Array[] = [];
    let refusal: Error | undefined;
    const judge = (certificate: Uint8Array): void => {
      judged.push(certificate);
      if (refusal !== undefined) throw refusal;
    };
    const trust = { kind: "pin", pin: identity.pin, judge } as const;
    const get = { method: "GET", path: "/v1/shown" } as const;
    const client = clientOf(server, trust);
    await client.request(get);
    await client.request(get);
    expect(judged).to.deep.equal([identity.certificate]);
    refusal = new SwarmkeepError("not this one", { kind: "refused", code: "not-certified", advice: "Ask another." });
    expect(await errorOf(clientOf(server, trust).request(get))).to.equal(refusal);
    expect(asked).to.equal(2);
  });

  it("renews a running server's certificate without dropping a connection", async () => {
    const pkcs8 = await generateTlsKey();
    const [first, second] = [await tlsIdentity(pkcs8), await tlsIdentity(pkcs8)];
    const { server } = await serve({ routes, identity: first });
    const before = await openSocket(server);
    expect(await ask(before)).to.match(/^HTTP\/1.1 200/);
    server.renew({ key: second.key, chain: [second.certificate], clientAuthorities: [first.certificate] });
    const after = await openSocket(server);
    expect(serialOf(before)).to.equal(new X509Certificate(first.certificate).serialNumber);
    expect(serialOf(after)).to.equal(new X509Certificate(second.certificate).serialNumber);
    expect(await ask(before), "on the connection from before").to.match(/^HTTP\/1.1 200/);
    expect(await ask(after)).to.match(/^HTTP\/1.1 200/);
    const psk = { kind: "psk", identity: PSK_IDENTITY, key: PSK } as const;
    await clientOf(server, psk).request({ method: "GET", path: "/v1/shown" });
  });

  it("speaks TLS 1.2 on the open profile with ECDSA, ephemeral keys and authenticated encryption, and no other", async () => {
    const { server } = await serve({ routes, profile: OPEN_TLS_PROFILE });
    const { server: closed } = await serve({ routes });
    const old = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    const socket = await openSocket(server, old);
    expect(socket.getProtocol()).to.equal("TLSv1.2");
    expect(socket.getCipher().name).to.match(/^ECDHE-ECDSA-.*(GCM|POLY1305)/);
    expect(await ask(socket)).to.match(/^HTTP\/1.1 200/);
    for (const [target, options] of [
      [server, { ...old, ciphers: "ECDHE-ECDSA-AES128-SHA" }],
      [server, { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }],
      [closed, old],
    ] as const) {
      const attempt = await openSocket(target, options).then(
        () => "open",
        () => "refused",
      );
      expect(attempt).to.equal("refused");
    }
  });

  it("takes bodies of a route's own type only, and answers with the route's own type and headers", async () => {
    const { server } = await serve({ routes });
    const post = (type: string): Promise<string> =>
      raw(
        server,
        `POST /posted HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\nab`,
      );
    const good = await post("application/pkcs10; charset=x");
    expect(good).to.match(/^HTTP\/1.1 200/);
    expect(good).to.match(/content-type: application\/pkcs7-mime/);
    expect(good).to.match(/content-transfer-encoding: base64/);
    expect(good).to.match(/\r\n\r\nab$/);
    for (const type of ["application/cbor", "text/plain", "application/x-www-form-urlencoded", "", "no type"]) {
      expect(await post(type), type)
        .to.match(/^HTTP\/1.1 415/)
        .and.include("wrong-media-type")
        .and.include("Send it with the header content-type: application/pkcs10.");
    }
  });
});

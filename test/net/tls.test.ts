import { X509Certificate, createPublicKey, randomBytes, verify } from "node:crypto";
import { execFileSync, spawn } from "node:child_process";
import { type Socket, createServer as createTcpServer } from "node:net";
import { type TLSSocket, connect, createServer as createTlsServer } from "node:tls";
import { once } from "node:events";

import { expect } from "chai";

import { decodeCbor } from "../../src/certificate/cbor.js";
import type { Client } from "../../src/net/client.js";
import { generateTlsKey, signWithTlsKey, tlsIdentity, tlsKeyPin } from "../../src/net/tls-identity.js";
import { PSK, PSK_IDENTITY, clientOf, closeAll, errorOf, onClose, serve } from "./server-fixture.js";

type Seen = [address: string, psk: string | null, binding: Uint8Array, body: Uint8Array, string | null, string | null];

async function seen(client: Client, path = "/v1/seen"): Promise<{ fields: Seen; binding: Uint8Array }> {
  const answer = await client.request({ method: "GET", path });
  return { fields: decodeCbor(answer.body, "seen") as unknown as Seen, binding: answer.channelBinding };
}

const byKey = { kind: "psk", identity: PSK_IDENTITY, key: PSK } as const;

describe("TLS", () => {
  afterEach(closeAll);

  it("pins a P-256 key by its SubjectPublicKeyInfo, whatever certificate is around it", async () => {
    const pkcs8 = await generateTlsKey();
    const [first, second] = [await tlsIdentity(pkcs8), await tlsIdentity(pkcs8)];
    const certificate = new X509Certificate(first.certificate);
    expect(certificate.verify(certificate.publicKey)).to.equal(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).to.equal("prime256v1");
    expect(first.spki.length).to.equal(91);
    expect(tlsKeyPin(first.spki)).to.deep.equal(second.pin);
    expect((await errorOf(tlsIdentity(randomBytes(40)))).code).to.equal("bad-tls-key");
  });

  it("signs evidence with the TLS key, with a low s every time", async () => {
    const identity = await tlsIdentity(await generateTlsKey());
    const key = createPublicKey({ key: Buffer.from(identity.spki), format: "der", type: "spki" });
    for (let i = 0; i < 20; i++) {
      const digest = randomBytes(32);
      const signature = signWithTlsKey(identity, digest);
      expect(signature.length).to.equal(64);
      expect(signature[32]).to.be.below(0x80);
      expect(verify("sha256", digest, { key, dsaEncoding: "ieee-p1363" }, signature)).to.equal(true);
    }
  });

  it("takes pinned and pre-shared-key clients on one port, and tells them apart", async () => {
    const { client } = await serve();
    expect((await seen(client())).fields[1]).to.equal(null);
    expect((await seen(client(byKey))).fields[1]).to.equal(PSK_IDENTITY);
  });

  it("tells with each answer which key the server has, and none where a pre-shared key vouches for it", async () => {
    const identity = await tlsIdentity(await generateTlsKey());
    const { client } = await serve({ identity });
    const pinned = client({ kind: "pin", pin: identity.pin });
    const answers = [
      await pinned.request({ method: "GET", path: "/v1/seen" }),
      await pinned.request({ method: "GET", path: "/v1/seen" }),
      await client({ kind: "unverified" }).request({ method: "GET", path: "/v1/seen" }),
    ];
    for (const { serverKey } of answers) expect(serverKey).to.deep.equal(identity.spki);
    const { serverKey } = await client(byKey).request({ method: "GET", path: "/v1/seen" });
    expect(serverKey).to.equal(undefined);
  });

  it("refuses a server with another key than the pinned one, before anything is sent", async () => {
    const { server, client } = await serve();
    let asked = false;
    const error = await errorOf(
      client({ kind: "pin", pin: randomBytes(32) }).request({
        method: "POST",
        path: "/v1/seen",
        body: () => {
          asked = true;
          return new Uint8Array();
        },
      }),
    );
    expect(error.code).to.equal("wrong-key");
    expect(error.details["endpoint"]).to.equal(`127.0.0.1:${server.port}`);
    expect(asked).to.equal(false);
    expect((await errorOf(seen(client({ kind: "pin", pin: new Uint8Array() })))).code).to.equal("wrong-key");
  });

  it("refuses a wrong pre-shared key, an unknown identity, and a server that has none", async () => {
    const { client } = await serve();
    expect((await errorOf(seen(client({ ...byKey, key: randomBytes(32) })))).code).to.equal("psk-refused");
    expect((await errorOf(seen(client({ ...byKey, identity: "somebody" })))).code).to.equal("psk-refused");
    const other = await serve({ preSharedKey: () => Buffer.alloc(8) });
    expect((await errorOf(seen(other.client({ ...byKey, key: Buffer.alloc(8) })))).code).to.equal("psk-refused");
  });

  it("gives both ends one channel binding, another one for each connection, before the body is made", async () => {
    const { client } = await serve();
    const bindings = new Set<string>();
    for (const trust of [undefined, undefined, byKey, byKey]) {
      const made: Uint8Array[] = [];
      const answer = await client(trust).request({
        method: "POST",
        path: "/v1/seen",
        body: (binding) => {
          made.push(binding);
          return binding;
        },
      });
      const [, , atServer, body] = decodeCbor(answer.body, "seen") as unknown as Seen;
      expect(made.length).to.equal(1);
      for (const binding of [made[0], body, answer.channelBinding]) expect(binding).to.deep.equal(atServer);
      expect(atServer.length).to.equal(32);
      bindings.add(Buffer.from(atServer).toString("hex"));
    }
    expect(bindings.size).to.equal(4);
  });

  it("keeps a connection for later requests", async () => {
    const { client } = await serve();
    const keeping = client();
    const first = await seen(keeping);
    for (let i = 0; i < 3; i++) expect((await seen(keeping)).binding).to.deep.equal(first.binding);
  });

  it("goes on with a new connection when the server ended the idle one", async () => {
    const fixture = await serve();
    const client = fixture.client();
    const first = await seen(client);
    await fixture.server.close();
    const again = await serve({ port: fixture.server.port, identity: fixture.identity });
    expect(again.server.port).to.equal(fixture.server.port);
    const second = await seen(client);
    expect(second.binding).to.not.deep.equal(first.binding);
    expect(second.fields[2]).to.deep.equal(second.binding);
  });

  it("shows a machine in the middle by its channel binding, even to a client that trusts it", async () => {
    const { server, identity } = await serve();
    const own = await tlsIdentity(await generateTlsKey());
    const middle = createTlsServer(
      {
        key: own.key.export({ format: "pem", type: "pkcs8" }),
        cert: new X509Certificate(own.certificate).toString(),
        minVersion: "TLSv1.3",
      },
      (victim) => {
        const onward = connect({ host: server.host, port: server.port, rejectUnauthorized: false });
        victim.pipe(onward).pipe(victim);
        victim.on("error", () => undefined);
        onward.on("error", () => undefined);
      },
    );
    middle.listen(0, "127.0.0.1");
    await once(middle, "listening");
    onClose(() => void middle.close());
    const endpoint = { host: "127.0.0.1", port: (middle.address() as { port: number }).port };
    const { fields, binding } = await seen(clientOf(endpoint, { kind: "pin", pin: own.pin }));
    expect(fields[2]).to.not.deep.equal(binding);
    expect((await errorOf(seen(clientOf(endpoint, { kind: "pin", pin: identity.pin })))).code).to.equal("wrong-key");
  });

  it("has no cipher suite with which a client could name an identity and then not need its key", async () => {
    const { server } = await serve();
    // A key goes with SHA-256 alone: under another hash OpenSSL passes over it, and goes on with the certificate.
    const socket = connect({
      host: server.host,
      port: server.port,
      rejectUnauthorized: false,
      ciphers: "TLS_AES_256_GCM_SHA384",
      minVersion: "TLSv1.3",
    });
    const error = await once(socket, "secureConnect").catch((error: unknown) => error);
    expect(String(error)).to.include("handshake failure");
  });

  it("speaks neither TLS 1.2 nor plain HTTP, and resumes no session", async () => {
    const { server } = await serve();
    const old = connect({ host: server.host, port: server.port, rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    const [error] = (await once(old, "error").catch((error: unknown) => [error])) as [Error & { code: string }];
    expect(error.code).to.equal("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");

    const first = connect({ host: server.host, port: server.port, rejectUnauthorized: false });
    const sessions: Buffer[] = [];
    first.on("session", (session: Buffer) => sessions.push(session));
    await once(first, "secureConnect");
    first.write("GET /v1/seen HTTP/1.1\r\nhost: x\r\n\r\n");
    await once(first, "data");
    first.destroy();
    for (const session of sessions) {
      const second: TLSSocket = connect({ host: server.host, port: server.port, rejectUnauthorized: false, session });
      await once(second, "secureConnect");
      expect(second.isSessionReused()).to.equal(false);
      second.destroy();
    }
  });

  it("names what listens there instead: nothing, silence, plain text, somebody who hangs up", async () => {
    const pin = { kind: "pin", pin: new Uint8Array(32) } as const;
    const closed = createTcpServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as { port: number };
    closed.close();
    await once(closed, "close");
    expect((await errorOf(seen(clientOf({ host: "127.0.0.1", port }, pin)))).code).to.equal("connection-refused");
    expect((await errorOf(seen(clientOf({ host: "name.invalid", port }, pin)))).code).to.equal("host-unknown");

    for (const [code, behave] of [
      ["timeout", () => undefined],
      ["tls-failed", (socket: Socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")],
      ["connection-lost", (socket: Socket) => socket.destroy()],
    ] as const) {
      const other = createTcpServer((socket) => {
        socket.on("error", () => undefined);
        onClose(() => void socket.destroy());
        behave(socket);
      }).listen(0, "127.0.0.1");
      await once(other, "listening");
      onClose(() => void other.close());
      const place = { host: "127.0.0.1", port: (other.address() as { port: number }).port };
      const error = await errorOf(seen(clientOf(place, pin, 300)));
      expect(error.code).to.equal(code);
      expect(error.kind).to.equal("network");
    }
  });

  it("interoperates with OpenSSL's client: pre-shared key, TLS 1.3, psk_dhe_ke", async function () {
    try {
      execFileSync("openssl", ["version"], { stdio: "ignore" });
    } catch {
      process.stdout.write("      skipped: openssl is not installed\n");
      this.skip();
    }
    const { server } = await serve();
    const ask = async (key: Uint8Array, ...more: string[]): Promise<string> => {
      const hex = Buffer.from(key).toString("hex");
      const args = ["s_client", "-connect", `127.0.0.1:${server.port}`, "-tls1_3", "-psk_identity", PSK_IDENTITY];
      const client = spawn("openssl", [...args, "-psk", hex, "-ign_eof", ...more]);
      let output = "";
      client.stdout.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")));
      client.stderr.on("data", (chunk: Buffer) => (output += chunk.toString("latin1")));
      client.stdin.on("error", () => undefined);
      client.stdin.write("GET /v1/seen HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
      await once(client, "close");
      return output;
    };
    const good = await ask(PSK);
    expect(good).to.include("HTTP/1.1 200").and.include(PSK_IDENTITY);
    expect(good)
      .to.include("no peer certificate available")
      .and.match(/Server Temp Key: X25519/);
    expect(await ask(randomBytes(32)))
      .to.match(/alert (illegal parameter|decrypt error)/)
      .and.not.include("HTTP/1.1");
    expect(await ask(PSK, "-allow_no_dhe_kex"))
      .to.include("HTTP/1.1 200")
      .and.match(/Server Temp Key: X25519/);
    expect(await ask(PSK, "-psk_identity", "somebody"))
      .to.include("HTTP/1.1 200")
      .and.include("BEGIN CERTIFICATE");
  });
});

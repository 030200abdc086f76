import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";

import { expect } from "chai";

import { decodeCbor } from "../../src/certificate/cbor.js";
import { addressKey } from "../../src/net/addresses.js";
import { formatEndpoint, parseEndpoint } from "../../src/net/endpoint.js";
import { RemoteError, decodeError } from "../../src/net/error-body.js";
import { startSideServer } from "../../src/net/side-server.js";
import { TokenBuckets } from "../../src/net/token-buckets.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { createMetrics } from "../../src/runtime/metrics.js";
import { closeAll, errorOf, onClose, raw, serve, untilClosed } from "./server-fixture.js";

/** One request from a given address of the loopback net. */
function statusFrom(port: number, localAddress: string): Promise<{ status: number; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    httpsRequest(
      { host: "127.0.0.1", port, path: "/v1/seen", localAddress, rejectUnauthorized: false, agent: false },
      (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"] });
      },
    )
      .on("error", reject)
      .end();
  });
}

describe("a validator's server", () => {
  afterEach(closeAll);

  it("gives handlers the body, the query and the path, and hands back their bytes", async () => {
    const { client } = await serve();
    const posted = await client().request({ method: "POST", path: "/v1/seen?alg=ed25519", body: Buffer.from([1, 2]) });
    const fields = decodeCbor(posted.body, "seen") as unknown[];
    expect(fields[0]).to.equal("127.0.0.1");
    expect(fields[3]).to.deep.equal(Uint8Array.of(1, 2));
    expect(fields[4]).to.equal("ed25519");
    const got = await client().request({ method: "GET", path: "/v1/seen/41" });
    expect((decodeCbor(got.body, "seen") as unknown[])[5]).to.equal("41");
  });

  it("answers a handler's error with its code, message, advice, details and Retry-After", async () => {
    const { client } = await serve();
    const taken = await errorOf(client().request({ method: "GET", path: "/v1/taken" }));
    expect(taken).to.be.instanceOf(RemoteError);
    expect(taken).to.include({ code: "serial-taken", message: "serial 3 is taken", advice: "Ask for serial 4." });
    expect(taken).to.include({ status: 409, retryAfter: 9, kind: "refused" });
    expect(taken.details).to.deep.equal({ next: 4 });
    expect(await errorOf(client().request({ method: "GET", path: "/v1/refused" }))).to.include({
      status: 403,
      code: "not-yours",
    });
    expect(await errorOf(client().request({ method: "GET", path: "/v1/none" }))).to.include({
      status: 404,
      code: "not-found",
    });
  });

  it("tells strangers nothing about its own faults", async () => {
    const { client } = await serve();
    const fault = await errorOf(client().request({ method: "GET", path: "/v1/fault" }));
    expect(fault).to.include({ status: 500, code: "internal" });
    expect(JSON.stringify(fault) + fault.message).to.not.include("inner secret");
  });

  it("refuses bodies that are too large, of another type, or without end", async () => {
    const { server, client } = await serve();
    const large = client().request({ method: "POST", path: "/v1/seen", body: new Uint8Array(16_385) });
    expect(await errorOf(large)).to.include({ status: 413, code: "body-too-large" });
    const head = "POST /v1/seen HTTP/1.1\r\nhost: x\r\n";
    expect(
      await raw(server, `${head}content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`),
    )
      .to.match(/^HTTP\/1\.1 415 /)
      .and.include("not-cbor");
    const chunk = `1000\r\n${"x".repeat(4096)}\r\n`;
    const endless = `${head}content-type: application/cbor\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(9)}`;
    expect(await raw(server, endless)).to.match(/^HTTP\/1\.1 413 /);
    expect((await client().request({ method: "GET", path: "/v1/seen" })).status).to.equal(200);
  });

  it("says which methods a path takes to whoever comes with another one, whatever the body", async () => {
    const { server } = await serve();
    const ask = (line: string, type = "text/plain"): Promise<string> =>
      raw(
        server,
        `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\nab`,
      );
    expect(await ask("POST /v1/seen/3"))
      .to.match(/^HTTP\/1\.1 405 /)
      .and.match(/\r\nallow: GET\r\n/)
      .and.include("method-not-allowed");
    expect(await ask("DELETE /v1/seen"))
      .to.match(/^HTTP\/1\.1 405 /)
      .and.match(/\r\nallow: GET, POST\r\n/);
    expect(await ask("HEAD /v1/seen")).to.match(/^HTTP\/1\.1 405 [^]*\r\n\r\n$/);
    expect(await ask("POST /v1/none")).to.match(/^HTTP\/1\.1 404 /);
  });

  it("refuses bytes that are no request, and headers that are too large", async () => {
    const { server } = await serve();
    expect(await raw(server, "\x00\x01 what\r\n\r\n"))
      .to.match(/^HTTP\/1\.1 400 /)
      .and.include("bad-request");
    expect(await raw(server, `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(9000)}\r\n\r\n`))
      .to.match(/^HTTP\/1\.1 431 /)
      .and.include("header-too-large");
    const smuggled =
      "POST /v1/seen HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await raw(server, smuggled)).to.match(/^HTTP\/1\.1 400 /);
  });

  it("waits neither for a slow handshake, nor for a slow header, nor for a slow body", async () => {
    const limits = { handshakeMilliseconds: 150, headerMilliseconds: 150, requestMilliseconds: 300 };
    const { server } = await serve({ limits });
    const silent = connectTcp(server.port, server.host);
    const dripping = connect({ host: server.host, port: server.port, rejectUnauthorized: false });
    const timer = setInterval(() => dripping.write("x"), 20);
    dripping.once("close", () => clearInterval(timer));
    dripping.write("GET / HTTP/1.1\r\nx: ");
    const body = "POST /v1/seen HTTP/1.1\r\nhost: x\r\ncontent-type: application/cbor\r\ncontent-length: 9\r\n\r\n123";
    const [, header, posted] = await Promise.all([untilClosed(silent), untilClosed(dripping), raw(server, body)]);
    expect(header).to.match(/^HTTP\/1\.1 408 /);
    expect(posted).to.match(/^HTTP\/1\.1 408 /);
  });

  it("waits no longer for whoever asks and does not read the answer", async () => {
    const length = 1 << 25;
    const large = { method: "GET", path: "/v1/large", handle: () => ({ body: new Uint8Array(length) }) } as const;
    const limits = { headerMilliseconds: 100, requestMilliseconds: 100, idleMilliseconds: 100 };
    const { server } = await serve({ routes: [large], limits });
    const lazy = connect({ host: server.host, port: server.port, rejectUnauthorized: false });
    let read = 0;
    lazy.on("data", (bytes: Buffer) => (read += bytes.length)).pause();
    lazy.write("GET /v1/large HTTP/1.1\r\nhost: x\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // What was on its way is left, and then the end.
    const closed = new Promise((resolve) => lazy.once("close", resolve).on("error", () => undefined));
    lazy.resume();
    await closed;
    expect(read).to.be.below(length);
  });

  it("sheds the flood of one address with Retry-After, and serves another one", async () => {
    const metrics = createMetrics(false);
    const { server } = await serve({ metrics, limits: { requestsPerAddress: 5, windowMilliseconds: 60_000 } });
    const flood = await Promise.all(Array.from({ length: 12 }, () => statusFrom(server.port, "127.0.0.1")));
    expect(flood.filter(({ status }) => status === 200).length).to.equal(5);
    const shed = flood.filter(({ status }) => status === 429);
    expect(shed.length).to.equal(7);
    for (const { retryAfter } of shed) expect(Number(retryAfter)).to.be.within(1, 60);
    expect((await statusFrom(server.port, "127.0.0.2")).status).to.equal(200);
    expect(await metrics.registry.metrics()).to.include('swarmkeep_http_shed_total{limit="address"} 7');
  });

  it("counts requests for unknown paths as well", async () => {
    const { client } = await serve({ limits: { requestsPerAddress: 2, windowMilliseconds: 60_000 } });
    const keeping = client();
    const statuses: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      statuses.push(((await errorOf(keeping.request({ method: "GET", path: "/none" }))) as RemoteError).status);
    }
    expect(statuses).to.deep.equal([404, 404, 429, 429]);
  });

  it("lets one address have only so many connections, and another one have its own", async () => {
    const { server } = await serve({ limits: { connectionsPerAddress: 3 } });
    const open = Array.from({ length: 3 }, () => connectTcp(server.port, server.host));
    for (const socket of open) onClose(() => void socket.destroy());
    await Promise.all(open.map((socket) => once(socket, "connect")));
    const refused = await statusFrom(server.port, "127.0.0.1").catch((error: Error) => error);
    expect(refused).to.be.instanceOf(Error);
    expect((await statusFrom(server.port, "127.0.0.2")).status).to.equal(200);
    open[0]?.destroy();
    for (let status = 0; status !== 200;) {
      status = await statusFrom(server.port, "127.0.0.1").then(
        (answer) => answer.status,
        () => 0,
      );
    }
  });

  it("answers 503 with Retry-After when too many requests are at work", async () => {
    const { client } = await serve({ limits: { inFlight: 2, retryAfterSeconds: 7 } });
    const controller = new AbortController();
    const waiting = [1, 2].map(() =>
      client()
        .request({ method: "GET", path: "/v1/never", signal: controller.signal })
        .catch((error: unknown) => error),
    );
    const other = client();
    let error: unknown;
    while (!(error instanceof RemoteError)) {
      error = await other.request({ method: "GET", path: "/v1/seen" }).catch((error: unknown) => error);
    }
    expect(error).to.include({ status: 503, code: "overloaded", retryAfter: 7, kind: "network" });
    controller.abort(new Error("enough"));
    for (const outcome of await Promise.all(waiting)) expect(String(outcome)).to.equal("Error: enough");
    let status = 0;
    while (status !== 200) {
      status = await other.request({ method: "GET", path: "/v1/seen" }).then(
        (answer) => answer.status,
        () => 0,
      );
    }
  });

  it("answers 503 when its event loop is late", async () => {
    const block = (): { body: Uint8Array } => {
      for (const end = performance.now() + 100; performance.now() < end;);
      return { body: new Uint8Array() };
    };
    const { client } = await serve({
      limits: { eventLoopDelayMilliseconds: 20 },
      routes: [{ method: "GET", path: "/busy", handle: block }],
    });
    const keeping = client();
    let error: unknown;
    while (!(error instanceof RemoteError)) {
      error = await keeping.request({ method: "GET", path: "/busy" }).catch((error: unknown) => error);
    }
    expect(error).to.include({ status: 503, code: "overloaded", retryAfter: 2 });
  });

  it("explains errors of other families as it was told to", async () => {
    const { client } = await serve({
      routes: [
        {
          method: "GET",
          path: "/range",
          handle: () => {
            throw new RangeError("7 is too many");
          },
        },
      ],
      explain: (error) =>
        error instanceof RangeError
          ? new SwarmkeepError(error.message, { kind: "usage", code: "out-of-range", advice: "Take fewer." })
          : undefined,
    });
    const error = await errorOf(client().request({ method: "GET", path: "/range" }));
    expect(error).to.include({ status: 400, code: "out-of-range", message: "7 is too many" });
  });

  it("names a port that is in use", async () => {
    const { server } = await serve();
    const error = await errorOf(serve({ port: server.port }));
    expect(error.code).to.equal("port-in-use");
    expect(error.message).to.include(String(server.port));
  });

  it("answers what is at work before it closes", async () => {
    let release: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const working = new Promise<void>((resolve) => (begun = resolve));
    const { server, client } = await serve({
      routes: [
        {
          method: "GET",
          path: "/slow",
          handle: () =>
            new Promise((resolve) => {
              release = () => resolve({ body: Uint8Array.of(1) });
              begun();
            }),
        },
      ],
    });
    const answer = client().request({ method: "GET", path: "/slow" });
    await working;
    const closing = server.close();
    release();
    expect((await answer).body).to.deep.equal(Uint8Array.of(1));
    await closing;
  });
});

describe("a client", () => {
  afterEach(closeAll);

  it("takes no more of an answer than it asked for, and waits no longer than it said", async () => {
    const { client } = await serve();
    expect((await errorOf(client().request({ method: "GET", path: "/v1/large" }))).code).to.equal("answer-too-large");
    const large = await client().request({ method: "GET", path: "/v1/large", maximumAnswerBytes: 100_000 });
    expect(large.body.length).to.equal(100_000);
    const never = client().request({ method: "GET", path: "/v1/never", timeoutMilliseconds: 100 });
    expect((await errorOf(never)).code).to.equal("timeout");
  });

  it("takes the body of a foreign error for what it is", () => {
    for (const body of [Buffer.from("<html>"), Buffer.from([0xa0]), new Uint8Array(), Buffer.from([0x80])]) {
      expect(decodeError(502, 3, body)).to.include({ code: "status-502", status: 502, retryAfter: 3, kind: "network" });
    }
    // {1: "Bad Code\n", 2: "\x1b[2Jx", 3: 7}
    const hostile = Buffer.from("a301694261 6420436f64650a 02651b5b324a78 0307".replace(/ /g, ""), "hex");
    const error = decodeError(400, undefined, hostile);
    expect(error.code).to.equal("status-400");
    expect(error.message).to.equal("?[2Jx");
  });
});

describe("limits", () => {
  it("give each caller its tokens back with time, in bounded memory", () => {
    let now = 0;
    const buckets = new TokenBuckets({ perSecond: 2, burst: 3, maximumKeys: 2, now: () => now });
    expect([1, 2, 3, 4].map(() => buckets.take("a"))).to.deep.equal([0, 0, 0, 1]);
    expect(buckets.take("b", 5)).to.equal(1);
    now = 1000;
    expect([1, 2, 3].map(() => buckets.take("a"))).to.deep.equal([0, 0, 1]);
    buckets.take("c");
    expect(buckets.take("b")).to.equal(0);
    now = 0;
    expect(buckets.take("c", 3)).to.equal(1);
  });

  it("count an IPv6 subscriber's addresses as one", () => {
    expect(addressKey("2001:db8:1:2:3:4:5:6")).to.equal("2001:db8:1:2");
    expect(addressKey("2001:db8:1:2::9")).to.equal("2001:db8:1:2");
    expect(addressKey("::1")).to.equal("0:0:0:0");
    expect(addressKey("fe80::1%eth0")).to.equal("fe80:0:0:0");
    expect(addressKey("::ffff:192.0.2.7")).to.equal("192.0.2.7");
    expect(addressKey("192.0.2.7")).to.equal("192.0.2.7");
  });
});

describe("endpoints", () => {
  it("are host:port, with brackets around IPv6", () => {
    for (const text of ["127.0.0.1:8443", "validator-1.example:443", "[2001:db8::1]:65535", "localhost:1"]) {
      expect(formatEndpoint(parseEndpoint(text))).to.equal(text);
    }
    for (const text of ["", "host", "host:", "host:0", "host:65536", "host:08", "2001:db8::1:443", "[host]:1"]) {
      expect(() => parseEndpoint(text), text)
        .to.throw()
        .with.property("code", "bad-endpoint");
    }
    for (const text of [
      "a b:1",
      "http://host:1",
      "host:1/",
      "-host:1",
      "[::1:1",
      `${"h".repeat(255)}:1`,
      "user@host:1",
    ]) {
      expect(() => parseEndpoint(text), text)
        .to.throw()
        .with.property("code", "bad-endpoint");
    }
  });
});

describe("the side server", () => {
  it("shows health and metrics, and says 503 when something is wrong", async () => {
    let ok = true;
    const metrics = createMetrics(false);
    metrics.counter("swarmkeep_things_total", "Things").inc(3);
    const side = await startSideServer({ port: 0, metrics, health: () => ({ ok, head: 7n }) });
    const url = `http://${side.host}:${side.port}`;
    try {
      const health = await fetch(`${url}/health`);
      expect(health.status).to.equal(200);
      expect(await health.json()).to.deep.equal({ ok: true, head: "7" });
      ok = false;
      expect((await fetch(`${url}/health`)).status).to.equal(503);
      expect(await (await fetch(`${url}/metrics`)).text()).to.include("swarmkeep_things_total 3");
      expect((await fetch(`${url}/`)).status).to.equal(404);
      expect((await fetch(`${url}/health`, { method: "POST" })).status).to.equal(405);
      const second = await errorOf(startSideServer({ port: side.port, metrics, health: () => ({ ok }) }));
      expect(second.code).to.equal("port-in-use");
    } finally {
      await side.close();
    }
  });
});

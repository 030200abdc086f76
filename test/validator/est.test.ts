/** EST under bad input (docs/protocol.md, section 14): what is refused how, how often, and that nobody else is asked for it. */
import { mkdir, readdir } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";

import { hexToBytes } from "@noble/hashes/utils.js";
import { expect } from "chai";
import { Wallet } from "ethers";

import { encodeCbor } from "../../src/certificate/cbor.js";
import { makeCertificateRequest } from "../../src/certificate/csr-proofs.js";
import { DER, der, derBitString, derInteger, derOid, derSequence } from "../../src/certificate/der.js";
import { distinguishedName } from "../../src/certificate/x509.js";
import { EST_ERRORS } from "../../src/net/est-body.js";
import { type RunningServer, startServer } from "../../src/net/server.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { FROST_KIND } from "../../src/protocol/api.js";
import { encodeStandardRequest } from "../../src/protocol/standard-issuance.js";
import { type Journal, openJournal } from "../../src/runtime/journal.js";
import { silentLogger } from "../../src/runtime/log.js";
import { createMetrics } from "../../src/runtime/metrics.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { X509_OID } from "../../src/statements/x509.js";
import { CodeBook } from "../../src/validator/est/code-book.js";
import { estRoutes } from "../../src/validator/est/routes.js";
import { UseBook } from "../../src/validator/est/use-book.js";
import { NOW, ed25519Holder, meshId, p256Holder, seed } from "../certificate/fixtures.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { readVectorBytes, withVectors } from "../vectors.js";
import { BASE, type EstWorld, codesMessage, context, estWorld, plainRequest } from "./est-world.js";

const holders = [p256Holder("est a"), ed25519Holder("est b"), p256Holder("est c")] as const;
const [first] = holders;
const PERIOD = Math.floor(NOW / 3_600);

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error: unknown) => (error instanceof SwarmkeepError ? error.code : String(error)),
  );
}

/** Posts from an address of loopback. */
function post(
  server: RunningServer,
  body: string | Uint8Array,
  { from = "127.0.0.1", user, type = "application/pkcs10" }: { from?: string; user?: string; type?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: server.host,
        port: server.port,
        localAddress: from,
        path: "/.well-known/est/simpleenroll",
        method: "POST",
        rejectUnauthorized: false,
        agent: false,
        headers: {
          "content-type": type,
          ...(user === undefined ? {} : { authorization: `Basic ${Buffer.from(user).toString("base64")}` }),
        },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      },
    );
    outgoing.once("error", reject).end(body);
  });
}

const base64 = (der: Uint8Array): string => Buffer.from(der).toString("base64");
const errorCode = ({ text }: Reply): string | undefined => /^code: (.*)$/m.exec(text)?.[1];

describe("EST under attack", () => {
  let world: EstWorld;
  let server: RunningServer;
  /** An address for each test, since addresses are limited. */
  let from = "";
  let address = 1;
  const nextAddress = (): string => `127.0.0.${(address += 1)}`;

  beforeEach(async () => {
    from = nextAddress();
    world = await estWorld(holders);
    await world.service.listen({
      listen: "127.0.0.1:0",
      identity: await tlsIdentity(await generateTlsKey()),
      log: silentLogger,
      metrics: createMetrics(false),
      explain: () => undefined,
    });
    server = world.service.server as RunningServer;
  });
  afterEach(() => world.close());
  after(removeScratchFolders);

  /** A good one goes to the other members, of whom none is there: what is answered then. */
  const GOOD = { status: 503, code: "too-few-validators" };
  const ask = async (body: string | Uint8Array, how: Parameters<typeof post>[2] = {}) => {
    const reply = await post(server, body, { from, ...how });
    return { status: reply.status, code: errorCode(reply) };
  };

  it("malformed, oversized and mistyped requests get an error that says what to do, and no other member hears of them", async () => {
    const good = await world.manifestRequest(0);
    const [truncated, signed] = [good.slice(0, -1), good.slice()];
    signed[signed.length - 1] = (signed.at(-1) as number) ^ 1;
    const huge = base64(new Uint8Array(9_000));
    expect(await ask("")).to.deep.equal({ status: 400, code: "not-base64" });
    expect(await ask("!!! no base64")).to.deep.equal({ status: 400, code: "not-base64" });
    expect(await ask(base64(truncated))).to.deep.equal({ status: 400, code: "malformed" });
    expect(await ask(base64(signed))).to.deep.equal({ status: 403, code: "bad-signature" });
    expect(await ask(huge)).to.deep.equal({ status: 413, code: "body-too-large" });
    expect(await ask(base64(good), { type: "application/cbor" })).to.deep.equal({
      status: 415,
      code: "wrong-media-type",
    });
    expect(await ask(base64(await plainRequest(first)))).to.deep.equal({ status: 401, code: "no-proof" });
    const { text, headers } = await post(server, base64(truncated), { from });
    expect(text).to.match(/^[^\n]+[^.\n]\n[A-Z][^\n]+\.\ncode: malformed\n$/);
    expect(headers["content-type"]).to.contain("text/plain");
    expect(world.asked).to.equal(0);
    expect(await ask(base64(good))).to.deep.equal(GOOD);
    expect(world.asked).to.be.above(0);
  });

  it("says what to send instead to whoever sends something else, a signature of another key, or a key of another kind", async () => {
    const good = await world.manifestRequest(0);
    const said = async (bytes: Uint8Array) => (await post(server, base64(bytes), { from })).text.split("\n")[1];
    for (const bytes of [Buffer.from("no DER"), good.slice(0, -1), good.subarray(0, 40), Uint8Array.of(...good, 0)]) {
      expect(await said(bytes)).to.equal("Send a PKCS#10 request (RFC 2986), DER in base64.");
    }
    const thief = await makeCertificateRequest({ commonName: "x", key: first.key }, async (message) =>
      holders[2].sign(message),
    );
    expect(await said(thief)).to.equal("Sign the request with the key that it names.");
    // The identifier of another curve; and an RSA key.
    const [curve, rsa] = [hexToBytes("2a8648ce3d030107"), hexToBytes("2a864886f70d010101")];
    const other = Buffer.from(await plainRequest(first));
    other[other.indexOf(curve) + curve.length - 1] = 6;
    expect(await said(other)).to.equal("Use a P-256 or Ed25519 key.");
    const rsaInfo = derSequence(
      derInteger(Uint8Array.of(0)),
      distinguishedName("x"),
      derSequence(derSequence(der(DER.oid, rsa), der(0x05)), derBitString(derSequence(derInteger(seed("n"))))),
      der(DER.context(0)),
    );
    const rsaRequest = derSequence(rsaInfo, derSequence(der(DER.oid, rsa)), derBitString(seed("signature")));
    expect(await said(rsaRequest)).to.equal("Use a P-256 or Ed25519 key.");
    const attributes = [derSequence(derOid(X509_OID.enrolment), der(DER.set, der(DER.octetString, seed("x"))))];
    const broken = { commonName: "x", key: first.key, attributes };
    expect(await said(await makeCertificateRequest(broken, async (message) => first.sign(message)))).to.match(
      /`swarmkeep device csr`.*14\.2/,
    );
    expect(world.asked).to.equal(0);
  });

  withVectors("EST with broken requests of globalsign/est", () => {
    it("answers each broken request with a clear error and no certificate", async () => {
      for (const name of ["ber-length", "sig-bit", "subject-bit", "trailing", "truncated"]) {
        const reply = await post(server, base64(readVectorBytes("est", `csr.${name}.tampered.der`)), { from });
        expect(errorCode(reply), name).to.be.oneOf(["malformed", "wrong-kind", "bad-signature"]);
        expect(reply.status, name).to.equal(errorCode(reply) === "malformed" ? 400 : 403);
      }
      expect(world.asked).to.equal(0);
    });
  });

  it("a code enrols once, for its key, until it ends; wrong, used and ended ones are 401, and no other member hears of them", async () => {
    const codes = codesMessage([
      [BASE, "right", first.key],
      [BASE + 1, "ends", holders[1].key],
    ]);
    expect(await world.service.codes.take(codes, world.standing, NOW)).to.equal(2);
    const body = base64(await plainRequest(first));
    const by = (characters: string, position = 0) => ({ user: `${BASE + position}:${characters}` });
    expect(await ask(body, by("wrong"))).to.deep.equal({ status: 401, code: "wrong-code" });
    expect(await ask(body, by("right", 1))).to.deep.equal({ status: 401, code: "wrong-code" });
    expect(await ask(body, { user: "lamp:right" })).to.deep.equal({ status: 401, code: "wrong-code" });
    const stranger = base64(await plainRequest(holders[2]));
    expect(await ask(stranger, by("right"))).to.deep.equal({ status: 403, code: "wrong-key" });
    expect(world.asked).to.equal(0);
    expect(await ask(body, by("right"))).to.deep.equal(GOOD);
    const before = world.asked;
    const other = base64(await plainRequest(first, "another"));
    expect(await ask(other, by("right"))).to.deep.equal({ status: 401, code: "code-used" });
    world.now = NOW + 600;
    const late = await plainRequest(holders[1]);
    expect(await ask(base64(late), by("ends", 1))).to.deep.equal({ status: 401, code: "wrong-code" });
    expect(world.asked).to.equal(before);
  });

  it("a request that led to a certificate is not taken again from whoever repeats it", async () => {
    const body = base64(await world.manifestRequest(0));
    expect(await ask(body)).to.deep.equal(GOOD);
    const before = world.asked;
    world.now = NOW + 31;
    expect(await ask(body)).to.deep.equal({ status: 403, code: "request-used" });
    expect(world.asked).to.equal(before);
  });

  it("a request that is repeated because it failed, or at another validator, takes no other number of the quota", async () => {
    const terms = () => {
      const { period, k, notBefore } = world.orders.at(-1) as (typeof world.orders)[number];
      return { period, k, notBefore };
    };
    const body = base64(await world.manifestRequest(0));
    expect(await ask(body)).to.deep.equal(GOOD);
    expect(terms()).to.deep.equal({ period: PERIOD, k: 0, notBefore: NOW });
    world.now = NOW + 8;
    expect(await ask(body)).to.deep.equal(GOOD);
    expect(terms(), "as before").to.deep.equal({ period: PERIOD, k: 0, notBefore: NOW });

    const moved = await world.manifestRequest(1);
    const others = { period: PERIOD, k: 3, notBefore: NOW + 6 };
    const signed = await world.service.topic({
      kind: FROST_KIND.standard,
      number: 0,
      request: encodeStandardRequest({ ...others, csr: moved }),
      seat: 2,
      tlsKey: new Uint8Array(91),
    });
    await signed.claim?.();
    world.now = NOW + 16;
    expect(await ask(base64(moved))).to.deep.equal(GOOD);
    expect(terms(), "as the validator had it that was asked first").to.deep.equal(others);
    expect(await ask(base64(await world.manifestRequest(1, "new")))).to.deep.equal(GOOD);
    expect(terms(), "another request").to.deep.equal({ period: PERIOD, k: 4, notBefore: NOW + 16 });
  });

  /** Bad requests until they are put off. */
  async function untilLimited(how: () => Parameters<typeof post>[2]): Promise<Reply> {
    for (let tries = 0; tries < 60; tries++) {
      const reply = await post(server, base64(Uint8Array.of(0x30, 0)), how());
      if (reply.status === 429) return reply;
    }
    throw new Error("a flood was never put off");
  }

  it("an address that floods is put off with Retry-After, before anything of it is looked at; another one is not", async () => {
    const reply = await untilLimited(() => ({ from }));
    expect(Number(reply.headers["retry-after"])).to.be.above(0);
    expect(errorCode(reply)).to.equal("too-many-requests");
    const good = base64(await world.manifestRequest(0));
    expect((await ask(good)).status).to.equal(429);
    expect(world.asked).to.equal(0);
    expect(await ask(good, { from: nextAddress() })).to.deep.equal(GOOD);
  });

  it("a device that is guessed at from many addresses is put off, and others are not", async () => {
    const guess = { user: `${BASE}:guess` };
    await untilLimited(() => ({ ...guess, from: nextAddress() }));
    const other = { user: `${BASE + 1}:guess`, from: nextAddress() };
    expect(await ask(base64(await plainRequest(holders[1])), other)).to.deep.equal({ status: 401, code: "wrong-code" });
    expect(world.asked).to.equal(0);
  });

  it("good requests of one address are limited as well", async () => {
    const routes = estRoutes({ meshId, authorities: () => [], enrol: async () => new Uint8Array([0x30, 0]) });
    const identity = await tlsIdentity(await generateTlsKey());
    const own = await startServer({ port: 0, identity, routes, log: silentLogger, errors: EST_ERRORS });
    const statuses = new Set<number>();
    for (let tries = 0; tries < 200 && !statuses.has(429); tries++) {
      statuses.add((await post(own, base64(Uint8Array.of(0x30, 0)), { from })).status);
    }
    await own.close(0);
    expect([...statuses]).to.deep.equal([200, 429]);
  });

  it("a member judges by itself what another one passes on, and limits each device", async () => {
    const { topic } = world.service;
    const order = (csr: Uint8Array, more: object = {}) => {
      const wish = encodeStandardRequest({ period: PERIOD, k: 0, notBefore: NOW, csr, ...more });
      return topic({ kind: FROST_KIND.standard, number: 0, request: wish, seat: 2, tlsKey: new Uint8Array(91) });
    };
    const ends = async (csr: Uint8Array, more: object = {}) => codeOf(Promise.resolve().then(() => order(csr, more)));
    const good = await world.manifestRequest(0);
    expect(await ends(await plainRequest(first))).to.equal("no-proof");
    expect(await ends(good, { k: 8 })).to.equal("quota-exceeded");
    expect(await ends(good, { notBefore: NOW + 100 })).to.equal("clock-skew");
    const wrong = { code: { index: BASE, characters: "wrong" } };
    expect(await ends(await plainRequest(first), wrong)).to.equal("wrong-code");
    const outcomes = [];
    for (let tries = 0; tries < 17; tries++) outcomes.push(await ends(good));
    expect(outcomes).to.deep.equal([...Array.from({ length: 16 }, () => "done"), "too-many-requests"]);
    expect(await ends(await world.manifestRequest(1)), "another device").to.equal("done");
    expect(world.asked).to.equal(0);
  });

  it("a claim for one request uses the code up for any other, also for one that was judged before", async () => {
    await world.service.codes.take(codesMessage([[BASE, "right", first.key]]), world.standing, NOW);
    const code = { index: BASE, characters: "right" };
    const order = async (csr: Uint8Array, k: number) =>
      world.service.topic({
        kind: FROST_KIND.standard,
        number: 0,
        request: encodeStandardRequest({ period: PERIOD, k, notBefore: NOW, csr, code }),
        seat: 2,
        tlsKey: new Uint8Array(91),
      });
    const [one, two] = [await plainRequest(first, "one"), await plainRequest(first, "two")];
    const [claimed, waiting] = [await order(one, 0), await order(two, 1)];
    await claimed.claim?.();
    expect(await codeOf((waiting.claim as () => Promise<void>)()), "which was judged before").to.equal("code-used");
    expect(await codeOf(order(two, 2))).to.equal("code-used");
  });
});

describe("one-time codes at a validator", () => {
  let world: EstWorld;
  before(async () => void (world = await estWorld(holders)));
  after(async () => {
    await world.close();
    await removeScratchFolders();
  });

  it("are taken from the fleet's registrar, for its devices, for 30 days at most", async () => {
    const book = await CodeBook.open(await scratchFolder(), context, NOW);
    const take = (...message: Parameters<typeof codesMessage>) =>
      codeOf(book.take(codesMessage(...message), world.standing, NOW));
    const code = [BASE, "a", first.key] as const;
    expect(await take([code], { expiry: NOW })).to.equal("bad-expiry");
    expect(await take([code], { expiry: NOW + 30 * 86_400 + 1 })).to.equal("bad-expiry");
    expect(await take([code], { by: Wallet.createRandom() })).to.equal("not-registrar");
    expect(await take([code], { fleetId: 2 })).to.equal("not-registrar");
    expect(await take([[BASE + holders.length, "a", first.key]])).to.equal("unknown-device");
    expect(await codeOf(book.take(encodeCbor([1, 2, 3]), world.standing, NOW))).to.equal("malformed");
    expect(book.find(BASE, "a", NOW)).to.equal(undefined);
    expect(await take([code])).to.equal("done");
    expect(book.find(BASE, "a", NOW)).to.include({ index: BASE, expiry: NOW + 600 });
    expect(book.find(BASE + 1, "a", NOW), "of another device").to.equal(undefined);
    expect(book.find(BASE, "a", NOW + 600), "once it has ended").to.equal(undefined);
  });

  it("survive a restart, and are forgotten on disk when they have ended; of one device the newest four count", async () => {
    const folder = await scratchFolder();
    const book = await CodeBook.open(folder, context, NOW);
    const names = ["one", "two", "three", "four", "five"];
    for (const [i, name] of names.entries()) {
      await book.take(codesMessage([[BASE, name, first.key]], { expiry: NOW + 600 + i }), world.standing, NOW);
    }
    const open = (one: CodeBook): string[] => names.filter((name) => one.find(BASE, name, NOW) !== undefined);
    expect(open(book)).to.deep.equal(names.slice(1));
    expect(open(await CodeBook.open(folder, context, NOW))).to.have.length(4);
    expect(open(await CodeBook.open(folder, context, NOW + 603))).to.deep.equal(["five"]);
    expect(await readdir(folder)).to.have.length(1);
  });

  it("are deleted on disk when newer ones took their place, and take nobody's when they are sent again", async () => {
    const folder = await scratchFolder();
    const book = await CodeBook.open(folder, context, NOW);
    const names = Array.from({ length: 8 }, (_, i) => `code ${i}`);
    const send = (i: number) =>
      book.take(codesMessage([[BASE, names[i] as string, first.key]], { expiry: NOW + 600 + i }), world.standing, NOW);
    for (const [i] of names.entries()) await send(i);
    expect(await readdir(folder)).to.have.length(4);
    for (let i = 0; i < 4; i++) await send(i);
    expect(await readdir(folder)).to.have.length(4);
    for (const one of [book, await CodeBook.open(folder, context, NOW)]) {
      expect(names.filter((name) => one.find(BASE, name, NOW) !== undefined)).to.deep.equal(names.slice(4));
    }
  });
});

describe("what may be used once", () => {
  const [what, mine, other] = [seed("code"), seed("request"), seed("another request")];
  const journals: Journal[] = [];
  after(async () => {
    for (const journal of journals) await journal.close();
    await removeScratchFolders();
  });

  async function opened(folder: string, now = NOW) {
    await mkdir(folder, { recursive: true });
    const journal = await openJournal(folder);
    journals.push(journal);
    return { book: await UseBook.open(journal, now), journal };
  }

  it("is used for one request, which may repeat it for 30 s, and for no other until it may be used again", async () => {
    const { book } = await opened(join(await scratchFolder(), "uses"));
    expect(await book.use(what, mine, NOW + 600, NOW)).to.equal(true);
    expect(await book.use(what, other, NOW + 600, NOW)).to.equal(false);
    expect(await book.use(what, mine, NOW + 600, NOW + 30)).to.equal(true);
    expect(await book.use(what, mine, NOW + 600, NOW + 31)).to.equal(false);
    expect(await book.use(what, other, NOW + 1_200, NOW + 600)).to.equal(true);
  });

  it("is used by one of two requests at the same moment", async () => {
    const { book } = await opened(join(await scratchFolder(), "uses"));
    const outcomes = await Promise.all([mine, other, mine].map((one) => book.use(what, one, NOW + 600, NOW)));
    expect(outcomes).to.deep.equal([true, false, true]);
  });

  it("is used after a restart too, and not where the disk did not take it", async () => {
    const folder = join(await scratchFolder(), "uses");
    const { book, journal } = await opened(folder);
    await book.use(what, mine, NOW + 600, NOW);
    await journal.close();
    expect(await codeOf(book.use(seed("lost"), mine, NOW + 600, NOW))).to.equal("journal-closed");
    expect(book.isUsed(seed("lost"), other, NOW)).to.equal(false);
    const { book: again } = await opened(folder, NOW + 10);
    expect(await again.use(what, other, NOW + 600, NOW + 10)).to.equal(false);
    expect(again.isUsed(seed("lost"), other, NOW + 10)).to.equal(false);
  });
});

/** Devices that talk to one another in mutual TLS, by certificates and revocation lists of the test mesh. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, type Server, type TLSSocket, connect, createServer } from "node:tls";

import { expect } from "chai";

import { generateDeviceKey } from "../../src/device/identity.js";
import { DeviceTls, type DeviceTlsOptions, peerDevice } from "../../src/device/tls.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { removeScratchFolders } from "../runtime/scratch.js";
import { type TestDevice, type TestDeviceOptions, expectFailure, makeDevice } from "./device-fixture.js";
import { TestMesh } from "./mesh-fixture.js";
import { SteppedClock } from "./stepped-clock.js";
import { RealClock } from "./tls-mesh.js";

/** What a client of TLS 1.3 sees, by how fast the alert is: it has sent words by then. */
const REFUSED = /^(ERR_SSL_|ECONNRESET|ENDED)/;

describe("mutual TLS of devices", () => {
  let mesh: TestMesh;
  const cleanUp: (() => unknown)[] = [];

  beforeEach(async () => void (mesh = await TestMesh.create(4, new RealClock())));
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
  });
  after(removeScratchFolders);

  async function certified(options: TestDeviceOptions = {}): Promise<TestDevice> {
    const device = await makeDevice(mesh, options);
    cleanUp.push(() => device.agent.close());
    await device.agent.adoptBundle(mesh.bundle);
    await device.agent.enrol();
    return device;
  }

  const open = ({ agent, keystore }: TestDevice, kept: Partial<DeviceTlsOptions> = {}): Promise<DeviceTls> =>
    DeviceTls.open({ agent, keystore, ...kept });

  /** Has what `tls` gives kept fresh until the test's end. */
  function keepFresh(tls: DeviceTls, server: Server): void {
    const stop = new AbortController();
    const kept = tls.keepFresh(stop.signal, server);
    cleanUp.push(() => {
      stop.abort(new Error("stopped"));
      return kept;
    });
  }

  /** Echoes what it is sent, after the index of whom it comes from. */
  async function serve(tls: DeviceTls, scope?: string): Promise<Server> {
    const server = createServer(tls.serverOptions(), (socket) => {
      socket.on("error", () => undefined);
      try {
        const { index } = peerDevice(socket, scope);
        socket.on("data", (text) => socket.write(`${index}: ${text.toString()}`));
      } catch (error) {
        socket.end((error as { code: string }).code);
      }
    });
    server.on("tlsClientError", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUp.push(() => server.close());
    return server;
  }

  async function dial(server: Server, options: ConnectionOptions): Promise<TLSSocket> {
    const { port } = server.address() as AddressInfo;
    const socket = connect({ ...options, host: "127.0.0.1", port });
    cleanUp.push(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket;
  }

  /** What is answered. In TLS 1.3 a client learns with it only that its certificate was refused. */
  async function say(socket: TLSSocket, words: string): Promise<string> {
    socket.write(words);
    const [answer] = (await Promise.race([once(socket, "data"), once(socket, "end")])) as [Buffer?];
    if (answer === undefined) throw Object.assign(new Error("the connection ended"), { code: "ENDED" });
    return answer.toString();
  }

  const refusedWith = async (action: Promise<unknown>): Promise<string | undefined> =>
    action.then(
      () => expect.fail("it was accepted"),
      (error: NodeJS.ErrnoException) => error.code,
    );

  it("two devices know one another by index, whatever their keys, in TLS 1.3", async () => {
    const server = await serve(await open(await certified()));
    const secret = { kind: "key", privateKey: generateDeviceKey(KEY_TYPE.p256) } as const;
    const client = await open(await certified({ base: 512, secret }));
    const socket = await dial(server, client.clientOptions("geo:u33"));
    expect(socket.getProtocol()).to.equal("TLSv1.3");
    expect(await say(socket, "hello")).to.equal("513: hello");
    expect(peerDevice(socket)).to.deep.include({ index: 257, scope: "geo:u33d" });
  });

  it("neither takes one that is certified for another scope", async () => {
    const tls = await open(await certified());
    const client = await open(await certified({ base: 512 }));
    expect(await refusedWith(dial(await serve(tls), client.clientOptions("geo:u9")))).to.equal("out-of-scope");
    const strict = await serve(tls, "geo:u9");
    expect(await say(await dial(strict, client.clientOptions()), "hello")).to.equal("out-of-scope");
  });

  it("a server admits nobody without a certificate, or with one of another mesh of the same name", async () => {
    const server = await serve(await open(await certified()));
    const bare = await dial(server, { rejectUnauthorized: false });
    expect(await refusedWith(say(bare, "hello"))).to.match(REFUSED);
    mesh = await TestMesh.create(7, new RealClock());
    const stranger = await open(await certified({ base: 512 }));
    const shown = await dial(server, { ...stranger.clientOptions(), rejectUnauthorized: false });
    expect(await refusedWith(say(shown, "hello"))).to.match(REFUSED);
    expect(await refusedWith(dial(server, stranger.clientOptions()))).to.be.a("string");
  });

  it("a revoked device is refused from the next list on, also with a session from before", async () => {
    const clock = new SteppedClock();
    const tls = await open(await certified(), { clock });
    const server = await serve(tls);
    keepFresh(tls, server);
    const client = await open(await certified({ base: 512 }));
    const before = await dial(server, client.clientOptions());
    let session: Buffer | undefined;
    before.on("session", (ticket: Buffer) => (session = ticket));
    expect(await say(before, "hello")).to.equal("513: hello");
    const same = await dial(server, { ...client.clientOptions(), session });
    expect(await say(same, "hello")).to.equal("513: hello");
    expect(same.isSessionReused()).to.equal(true);

    mesh.revoked.add(513);
    mesh.headNumber += 1;
    await clock.step();
    const after = await dial(server, client.clientOptions());
    expect(await refusedWith(say(after, "hello"))).to.match(REFUSED);
    const resumed = await dial(server, { ...client.clientOptions(), session });
    expect(await refusedWith(say(resumed, "hello"))).to.match(REFUSED);
  });

  it("a server that is revoked is refused by clients that have the next list", async () => {
    const server = await serve(await open(await certified()));
    const client = await open(await certified({ base: 512 }));
    await dial(server, client.clientOptions());
    mesh.revoked.add(257);
    mesh.headNumber += 1;
    expect(await client.refresh()).to.equal(true);
    expect(await refusedWith(dial(server, client.clientOptions()))).to.equal("CERT_REVOKED");
  });

  it("a renewed certificate with a new key is shown without a restart, and open connections go on", async () => {
    const device = await certified();
    const clock = new SteppedClock();
    const tls = await open(device, { clock });
    const server = await serve(tls);
    keepFresh(tls, server);
    const client = await open(await certified({ base: 512 }));
    const before = await dial(server, client.clientOptions());
    const serialOf = (socket: TLSSocket): string => socket.getPeerCertificate().serialNumber;
    await clock.step();
    expect(serialOf(await dial(server, client.clientOptions()))).to.equal(serialOf(before));

    await device.agent.renew({ newKey: KEY_TYPE.p256 });
    await clock.step();
    const after = await dial(server, client.clientOptions());
    expect(serialOf(after)).to.not.equal(serialOf(before));
    expect(peerDevice(after).key.type).to.equal(KEY_TYPE.p256);
    expect(await say(before, "still here")).to.equal("513: still here");
  });

  it("while the two forms of a renewal are being stored, the key is that of the certificate which is shown", async () => {
    const device = await certified();
    const stored = await device.store.certificate();
    await device.agent.renew({ newKey: KEY_TYPE.p256 });
    await device.store.saveCertificate(stored as Uint8Array);
    const server = await serve(await open(device));
    expect(peerDevice(await dial(server, (await open(device)).clientOptions())).key.type).to.equal(KEY_TYPE.p256);
  });

  it("while no validator answers, what there is goes on being used, and the reason is told", async () => {
    const errors: unknown[] = [];
    const clock = new SteppedClock();
    const tls = await open(await certified(), { clock, onError: (error) => errors.push(error) });
    const server = await serve(tls);
    keepFresh(tls, server);
    const client = await open(await certified({ base: 512 }));
    for (const validator of mesh.validators) validator.misbehaviour = "dead";
    await clock.step();
    expect(errors).to.have.length(1);
    expect(errors[0]).to.have.property("code", "too-few-validators");
    expect(await say(await dial(server, client.clientOptions()), "hello")).to.equal("513: hello");
  });

  it("a peer that has shown no certificate is no device", async () => {
    const server = createServer({ ...(await open(await certified())).serverOptions(), requestCert: false });
    const asked = once(server, "secureConnection") as Promise<[TLSSocket]>;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUp.push(() => server.close());
    await dial(server, (await open(await certified({ base: 512 }))).clientOptions());
    const [socket] = await asked;
    expect(() => peerDevice(socket))
      .to.throw("the peer has shown no certificate")
      .with.property("code", "no-certificate");
  });

  it("without a certificate in X.509 says what to do", async () => {
    mesh.offersX509 = false;
    await expectFailure(open(await certified()), "no-x509");
  });
});

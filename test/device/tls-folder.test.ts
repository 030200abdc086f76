/** The folder that `device run` keeps for other programs: what is in it, when it changes, and when they are told. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { open, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import {
  type TlsFolderEvent,
  type TlsFolderOptions,
  keepTlsFolder,
  runHook,
  writeTlsFolder,
} from "../../src/device/tls-folder.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { type TestDevice, expectFailure, makeDevice } from "./device-fixture.js";
import { TestMesh } from "./mesh-fixture.js";
import { SteppedClock } from "./stepped-clock.js";
import { RealClock } from "./tls-mesh.js";

const ALL = ["tls.key", "ca.crt", "tls.crt", "crl.pem"];
/** Writes the names of what changed into a file, a line for each run. */
const TELL = 'printf "[%s]\\n" "$SWARMKEEP_CHANGED" >> "$SWARMKEEP_FOLDER/told"';

describe("the folder with a device's TLS files", () => {
  let mesh: TestMesh;
  let device: TestDevice;
  let options: TlsFolderOptions;
  const cleanUp: (() => unknown)[] = [];

  beforeEach(async () => {
    mesh = await TestMesh.create(4, new RealClock());
    device = await makeDevice(mesh);
    await device.agent.adoptBundle(mesh.bundle);
    await device.agent.enrol();
    const { agent, keystore } = device;
    options = { agent, keystore, folder: join(await scratchFolder(), "out"), intervalSeconds: 30 };
  });
  afterEach(async () => {
    for (const step of cleanUp.splice(0).reverse()) await step();
    await device.agent.close();
  });
  after(removeScratchFolders);

  const file = (name: string): string => join(options.folder, name);
  const text = (name: string): Promise<string> => readFile(file(name), "utf8");
  const told = async (): Promise<string[]> => (await text("told")).trimEnd().split("\n");
  const nextCrl = (): void => void (mesh.headNumber += 1);

  /** Keeps the folder until the test's end. */
  async function keep(hook: string): Promise<{ clock: SteppedClock; events: TlsFolderEvent[] }> {
    const [clock, stop, events] = [new SteppedClock(), new AbortController(), [] as TlsFolderEvent[]];
    const kept = keepTlsFolder({ ...options, hook, clock, onEvent: (event) => events.push(event) }, stop.signal);
    cleanUp.push(() => {
      stop.abort(new Error("stopped"));
      return kept;
    });
    await clock.asleep();
    return { clock, events };
  }

  it("has the key of the certificate, the chain under the mesh's own authority, and the list, the key for its owner alone", async () => {
    expect(await writeTlsFolder(options)).to.deep.equal(ALL);
    const certificate = new X509Certificate(await text("tls.crt"));
    expect(certificate.checkPrivateKey(createPrivateKey(await text("tls.key")))).to.equal(true);
    expect(certificate.verify(new X509Certificate(await text("ca.crt")).publicKey)).to.equal(true);
    expect(await text("crl.pem")).to.match(/^-----BEGIN X509 CRL-----/);
    const modes = await Promise.all(ALL.map(async (name) => (await stat(file(name))).mode & 0o777));
    expect(modes).to.deep.equal([0o600, 0o644, 0o644, 0o644]);
    expect((await readdir(options.folder)).sort(), "nothing half-written beside them").to.deep.equal([...ALL].sort());
  });

  it("is not touched where nothing changed, and else only what did", async () => {
    await writeTlsFolder(options);
    const places = async (): Promise<number[]> => Promise.all(ALL.map(async (name) => (await stat(file(name))).ino));
    const before = await places();
    expect(await writeTlsFolder(options)).to.deep.equal([]);
    expect(await places()).to.deep.equal(before);
    nextCrl();
    expect(await writeTlsFolder(options)).to.deep.equal(["crl.pem"]);
    await device.agent.renew({ newKey: KEY_TYPE.p256 });
    expect(await writeTlsFolder(options)).to.deep.equal(["tls.key", "tls.crt"]);
    const certificate = new X509Certificate(await text("tls.crt"));
    expect(certificate.checkPrivateKey(createPrivateKey(await text("tls.key")))).to.equal(true);
  });

  it("has files replaced as a whole: who has one open reads the old one to its end", async () => {
    await writeTlsFolder(options);
    const old = await text("crl.pem");
    const reader = await open(file("crl.pem"));
    nextCrl();
    await writeTlsFolder(options);
    expect(await reader.readFile("utf8")).to.equal(old);
    await reader.close();
    expect(await text("crl.pem")).not.to.equal(old);
  });

  it("is told of by the hook at the start, also where nothing is new, and after each change", async () => {
    await writeTlsFolder(options);
    const { clock, events } = await keep(TELL);
    expect(await told()).to.deep.equal(["[]"]);
    await clock.step();
    expect(await told(), "without a change").to.have.length(1);
    nextCrl();
    await clock.step();
    expect(await told()).to.deep.equal(["[]", "[crl.pem]"]);
    expect(events).to.deep.equal([{ event: "written", files: ["crl.pem"] }]);
  });

  it("tells its hook where and what, and no secret of its own surroundings", async () => {
    process.env["SWARMKEEP_PASSPHRASE"] = "not for a hook";
    try {
      await keep(`env | grep ^SWARMKEEP_ | cut -d= -f1 | sort | tr '\n' ' ' >> "$SWARMKEEP_FOLDER/told"`);
    } finally {
      delete process.env["SWARMKEEP_PASSPHRASE"];
    }
    expect(await told()).to.deep.equal(["SWARMKEEP_CHANGED SWARMKEEP_FOLDER"]);
  });

  it("is told of again by a hook that failed, with all that it was not told, until it succeeds", async () => {
    const { clock, events } = await keep(`test -e "$SWARMKEEP_FOLDER/ok" || { echo not yet >&2; exit 3; }; ${TELL}`);
    const failures = (): unknown[] => events.flatMap((event) => (event.event === "failed" ? [event.error] : []));
    expect(failures()).to.have.length(1);
    expect(failures()[0]).to.be.instanceOf(SwarmkeepError).and.to.include({ code: "hook-failed" });
    expect((failures()[0] as Error).message).to.equal("the hook ended with 3: not yet");
    nextCrl();
    await clock.step();
    expect(failures()).to.have.length(2);
    await writeFile(file("ok"), "");
    await clock.step();
    expect(await told()).to.deep.equal([`[${ALL.join(" ")}]`]);
    await clock.step();
    expect(await told()).to.have.length(1);
  });

  it("stays as it is while no validator answers, and says why", async () => {
    await writeTlsFolder(options);
    const { clock, events } = await keep("true");
    const before = await text("crl.pem");
    for (const validator of mesh.validators) validator.misbehaviour = "dead";
    nextCrl();
    await clock.step();
    expect(events).to.have.length(1);
    expect(events[0]).to.have.nested.property("error.code", "too-few-validators");
    expect(await text("crl.pem")).to.equal(before);
  });

  it("is not made for a device without a certificate in X.509", async () => {
    mesh.offersX509 = false;
    await device.agent.renew();
    await expectFailure(writeTlsFolder(options), "no-x509");
    expect(await readdir(options.folder).catch(() => "absent")).to.equal("absent");
  });

  it("a hook is ended with who runs it", async () => {
    const stop = new AbortController();
    const running = runHook("sleep 60", options.folder, [], stop.signal);
    stop.abort();
    await expectFailure(running, "hook-failed");
  });
});

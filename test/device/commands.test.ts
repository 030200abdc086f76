/** The commands, each in a process of its own, against validators over TLS on loopback. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { enrolmentOf } from "../../src/certificate/csr-proofs.js";
import { requestedNames, verifyCertificateRequest } from "../../src/certificate/pkcs10.js";
import { nobleSignatures } from "../../src/certificate/signatures.js";
import { PRE_SHARED_KEY_LENGTH, preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { type DeviceSecret, writeDelivery } from "../../src/device/keystore.js";
import { initDevice } from "../../src/device/open.js";
import { encodeProvisioning } from "../../src/device/provisioning.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { generateDeviceKey } from "../../src/device/identity.js";
import { meshId } from "../certificate/fixtures.js";
import { MAIN } from "../cli/command-line.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { type TlsMesh, startTlsMesh } from "./tls-mesh.js";

const PASSPHRASE = "correct horse";
const CHALLENGE = "ab".repeat(16);

interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe("commands of a device", function () {
  let tls: TlsMesh;
  let folder = "";
  let passphraseFile = "";

  beforeEach(async () => {
    tls = await startTlsMesh(4);
    folder = await scratchFolder();
    passphraseFile = join(folder, "passphrase");
    await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  });
  afterEach(() => tls.close());
  after(removeScratchFolders);

  const start = (args: readonly string[], failpoint?: string): ChildProcess =>
    spawn(process.execPath, [MAIN, "--data", join(folder, "device"), "--passphrase-file", passphraseFile, ...args], {
      env: { ...process.env, HOME: folder, ...(failpoint === undefined ? {} : { SWARMKEEP_FAILPOINT: failpoint }) },
      stdio: ["ignore", "pipe", "pipe"],
    });

  async function run(args: readonly string[], failpoint?: string): Promise<Outcome> {
    const child = start(args, failpoint);
    let [stdout, stderr] = ["", ""];
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    return { code, signal, stdout, stderr };
  }

  async function succeed(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run(args);
    expect(code, stderr).to.equal(0);
    return stdout.trim();
  }

  /** One sentence and one line of advice, and no stack. */
  async function fail(args: readonly string[], code: number, name: string): Promise<string> {
    const outcome = await run(args);
    expect(outcome.stderr).to.match(/^error: [^\n]+[^.\n] \([a-z-]+\)\n {2}[^\n]+\n$/);
    expect(outcome.stderr).to.contain(`(${name})`);
    expect(outcome.code).to.equal(code);
    return outcome.stderr;
  }

  /** The folder of a device, whose passphrase is hashed weakly: many processes open it. */
  async function init(secret: DeviceSecret): Promise<void> {
    const provisioning = tls.mesh.provision(secret, { validators: [tls.mesh.validator(1).endpoint] });
    await initDevice(join(folder, "device"), PASSPHRASE, provisioning, secret, { cost: LIGHT_KDF });
  }

  /** The same by the command, from a delivery as a factory makes it. */
  async function initFromDelivery(secret: DeviceSecret): Promise<void> {
    const delivery = join(folder, "delivery");
    await mkdir(delivery);
    const sealer = await openSealer(join(delivery, "seal.json"), PASSPHRASE, LIGHT_KDF);
    await writeDelivery(sealer, (name) => join(delivery, name), secret);
    const validators = [tls.mesh.validator(1).endpoint];
    await writeFile(
      join(delivery, "provisioning.json"),
      encodeProvisioning(tls.mesh.provision(secret, { validators })),
    );
    await succeed(["device", "init", delivery]);
  }

  const identityKey = (): DeviceSecret => ({ kind: "key", privateKey: generateDeviceKey(KEY_TYPE.ed25519) });

  it("enrol, prove to a verifier that is offline, and renew", async () => {
    await init(identityKey());
    expect(await succeed(["device", "enroll"])).to.match(/^device 257 is certified for geo:u33d until \d{4}-/);
    const shown = JSON.parse(await succeed(["device", "show", "--json"])) as Record<string, unknown>;
    expect(shown).to.include({ index: 257, state: "certified", joinMethod: "identity-key" });

    const presentation = join(folder, "presentation");
    await succeed(["device", "prove", CHALLENGE, "--out", presentation, "--audience", "gate 7"]);
    await tls.close();
    const verify = ["cert", "verify", presentation, "--scope", "geo:u3", "--audience", "gate 7"];
    expect(await succeed([...verify, "--challenge", CHALLENGE])).to.match(/^accepted\n/);
    await fail([...verify, "--challenge", "cd".repeat(16)], 4, "wrong-challenge");
    await fail(
      ["cert", "verify", presentation, "--scope", "geo:9", "--audience", "gate 7", "--challenge", CHALLENGE],
      4,
      "out-of-scope",
    );
    expect(await succeed(["cert", "show", presentation])).to.match(/^presentation\n/);
    await fail(["device", "renew", "--attempts", "1"], 5, "too-few-validators");

    const certificate = join(folder, "device", "certificate.cbor");
    const proof = join(folder, "device", "proof.cbor");
    await fail(["cert", "verify", certificate], 2, "option-missing");
    expect(await succeed(["cert", "verify", certificate, "--no-revocation"])).to.match(/^accepted\n[^]*not checked/);
    expect(await succeed(["cert", "verify", certificate, "--proof", proof])).to.match(/^accepted\n[^]*head/);
  }).timeout(120_000);

  it("name the file of the device's folder that is damaged, and what to do", async () => {
    await init(identityKey());
    await succeed(["device", "enroll"]);
    await succeed(["device", "prove", CHALLENGE, "--out", join(folder, "presentation")]);
    for (const name of ["bundle.cbor", "certificate.cbor", "proof.cbor"]) {
      const path = join(folder, "device", name);
      const whole = await readFile(path);
      for (const damage of [whole.subarray(0, -1), Buffer.alloc(0), Buffer.from("no CBOR")]) {
        await writeFile(path, damage);
        expect(await fail(["device", "show"], 3, "device-folder-damaged"))
          .to.include(path)
          .and.include("Remove the file");
      }
      await writeFile(path, whole);
    }
    // What would be read of a certificate with a damaged signature is right, and no verifier would take it.
    const certificate = join(folder, "device", "certificate.cbor");
    const sound = await readFile(certificate);
    const unsound = Uint8Array.from(sound);
    unsound[unsound.length - 1] = (unsound[unsound.length - 1] as number) ^ 1;
    await writeFile(certificate, unsound);
    expect(await fail(["device", "prove", CHALLENGE], 3, "device-folder-damaged")).to.include(certificate);
    await writeFile(certificate, sound);
    // It can be read, and is not what the root signed.
    const path = join(folder, "device", "bundle.cbor");
    const whole = await readFile(path);
    const altered = Uint8Array.from(whole);
    altered[altered.length - 1] = (altered[altered.length - 1] as number) ^ 1;
    await writeFile(path, altered);
    expect(await fail(["device", "renew", "--attempts", "1"], 3, "device-folder-damaged")).to.include(path);
    await rm(path);
    await succeed(["device", "renew"]);
  }).timeout(120_000);

  it("enrol by pre-shared key, over channels that it secures", async () => {
    const preSharedKey = new Uint8Array(randomBytes(PRE_SHARED_KEY_LENGTH));
    tls.mesh.sharePreSharedKey(preSharedKeyIdentity(meshId, 257), preSharedKey);
    await initFromDelivery({ kind: "pre-shared-key", preSharedKey });
    await succeed(["device", "enroll"]);
    await succeed(["device", "renew", "--alg", "ed25519"]);
    expect(await succeed(["cert", "show", join(folder, "device", "certificate.cbor")])).to.contain("ed25519");
  }).timeout(60_000);

  it("enrol with key and certificate request of openssl", async function () {
    try {
      execFileSync("openssl", ["version"]);
    } catch {
      return this.skip();
    }
    const [key, csr, provisioning] = ["key.pem", "request.pem", "provisioning.json"].map((name) => join(folder, name));
    if (key === undefined || csr === undefined || provisioning === undefined) throw new TypeError("three paths");
    execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
    execFileSync("openssl", ["req", "-new", "-key", key, "-subj", "/CN=pump 4", "-out", csr]);
    const { createPrivateKey } = await import("node:crypto");
    const secret: DeviceSecret = { kind: "key", privateKey: createPrivateKey(await readFile(key)) };
    await writeFile(provisioning, encodeProvisioning(tls.mesh.provision(secret)));
    await succeed(["device", "init", "--provisioning", provisioning, "--key", key]);
    const validator = tls.mesh.validator(2).endpoint;
    const certificate = JSON.parse(
      await succeed(["device", "enroll", "--csr", csr, "--validator", validator, "--json"]),
    ) as { key: { type: string } };
    expect(certificate.key.type).to.equal("p256");
  }).timeout(60_000);

  it("run keeps the files of other programs until it is stopped, and runs their hook", async () => {
    await init(identityKey());
    const out = join(folder, "out");
    const told = join(folder, "told");
    const written = ["device", "run", "--out", out, "--once", "--hook", `echo "$SWARMKEEP_CHANGED" > ${told}`];
    expect(await succeed(written)).to.match(/^device 257 is certified [^\n]+\ntls.key, ca.crt, tls.crt, crl.pem in /);
    expect(await readFile(told, "utf8")).to.equal("tls.key ca.crt tls.crt crl.pem\n");
    expect(await succeed(["device", "run", "--out", out, "--once"])).to.equal(`nothing new in ${out}`);
    expect(readdirSync(out).sort()).to.deep.equal(["ca.crt", "crl.pem", "tls.crt", "tls.key"]);
    tls.mesh.headNumber += 1;
    const running = start(["device", "run", "--out", out, "--interval", "1s", "--json"]);
    try {
      const [line] = (await once(running.stdout as Readable, "data")) as [Buffer];
      expect(JSON.parse(line.toString())).to.deep.equal({ folder: out, files: ["crl.pem"] });
    } finally {
      running.kill("SIGTERM");
    }
    expect(await once(running, "close")).to.deep.equal([0, null]);
    await fail(["device", "run", "--out", out, "--interval", "often"], 2, "bad-duration");
    await fail(["device", "run", "--out", out, "--once", "--hook", "exit 7"], 3, "hook-failed");
    await fail(["device", "run", "--out", passphraseFile, "--once"], 3, "not-a-folder");
  }).timeout(120_000);

  it("csr makes a request by the manifest key, with the names that are asked for, and says what is wrong", async () => {
    await fail(["device", "csr"], 2, "no-device");
    await init(identityKey());
    const label = Buffer.from(meshId.subarray(0, 4)).toString("hex");
    const name = `pump.257.${label}.swarm.internal`;
    const csr = join(folder, "request.pem");
    expect(await succeed(["device", "csr", "--out", csr, "--name", name])).to.contain("/.well-known/est/simpleenroll");
    const [printed] = [await succeed(["device", "csr"])];
    expect(printed).to.match(/^-----BEGIN CERTIFICATE REQUEST-----\n[\s\S]+\n-----END CERTIFICATE REQUEST-----$/);
    const [body = ""] = (await readFile(csr, "utf8")).match(/(?<=-----\n)[^-]+/) ?? [];
    const request = verifyCertificateRequest(new Uint8Array(Buffer.from(body, "base64")), nobleSignatures);
    expect(requestedNames(request)).to.deep.equal([name]);
    expect(enrolmentOf(request)).to.deep.include({ index: 257, scope: "geo:u33d" });
    await fail(["device", "csr", "--scope", "everywhere"], 2, "bad-scope");
    await fail(["device", "csr", "--out", join(folder, "nowhere", "x")], 3, "file-missing");
  }).timeout(60_000);

  it("show and prove the revocation list's head, and revoke", async () => {
    await init(identityKey());
    await succeed(["device", "enroll"]);
    expect(await succeed(["drl", "show"])).to.contain("number");
    expect(await succeed(["drl", "proof", "--alg", "ed25519"])).to.match(/revoked +false/);
    await succeed(["device", "revoke", "--reason", "keyCompromise"]);
    tls.mesh.headNumber += 1;
    expect(await succeed(["drl", "proof"])).to.match(/revoked +true/);
    await fail(["device", "prove", CHALLENGE], 4, "revoked");
    await fail(["device", "enroll"], 4, "revoked");
  }).timeout(120_000);

  it("read the list without any device, given a root and a validator", async () => {
    const root = Buffer.from(tls.mesh.rootFingerprint).toString("hex");
    const from = ["--validator", tls.mesh.validator(3).endpoint];
    expect(await succeed(["drl", "show", "--root", root, ...from])).to.contain("number");
    await fail(["drl", "show", "--root", "00".repeat(32), ...from], 4, "wrong-mesh");
    await fail(["drl", "show", ...from], 2, "root-missing");
    await fail(["drl", "show", "--root", root], 2, "no-bundle");
    await fail(["drl", "show", "--root", "xyz", ...from], 2, "bad-hex");
  }).timeout(60_000);

  it("say in one sentence what is wrong", async () => {
    await fail(["device", "renwe"], 2, "unknown-command");
    await fail(["device", "show", "--dat", folder], 2, "unknown-option");
    await fail(["device", "show"], 2, "no-device");
    await fail(["device", "enroll"], 2, "no-device");
    await fail(["device", "prove"], 2, "option-missing");
    await fail(["device", "init"], 2, "option-missing");
    await fail(["device", "init", join(folder, "nowhere")], 3, "file-missing");
    await fail(["cert", "show", passphraseFile], 2, "unknown-object");
    await initFromDelivery(identityKey());
    await fail(["device", "prove", CHALLENGE], 2, "no-certificate");
    await fail(["device", "init", join(folder, "delivery")], 2, "device-exists");
    await fail(["device", "enroll", "--alg", "rsa"], 2, "bad-choice");
    await fail(["device", "enroll", "--lifetime", "soon"], 2, "bad-duration");
    await writeFile(passphraseFile, "wrong\n");
    await fail(["device", "enroll"], 3, "wrong-passphrase");
    await chmod(passphraseFile, 0o644);
    await fail(["device", "enroll"], 3, "passphrase-exposed");
  }).timeout(120_000);

  const failpoints = readdirSync(fileURLToPath(new URL("../../src/device", import.meta.url)))
    .map((name) => readFileSync(fileURLToPath(new URL(`../../src/device/${name}`, import.meta.url)), "utf8"))
    .flatMap((text) => [...text.matchAll(/failpoint\("([^"]+)"\)/g)].map((match) => match[1] as string))
    .filter((name) => name !== "device.before-provisioning");

  // The first and the third answer of the committee, among those to its one request to each.
  for (const failpoint of [...failpoints, "client.before-send:3", "client.after-answer:2", "client.after-answer:4"]) {
    it(`killed at ${failpoint}, goes on with the same certificate where it was`, async () => {
      await init(identityKey());
      const { signal } = await run(["device", "enroll", "--new-key", "p256"], failpoint);
      expect(signal).to.equal("SIGKILL");
      await succeed(["device", "enroll", "--new-key", "p256"]);
      // One TBS, the same before and after: the same k, and no two certificates.
      const signed = tls.mesh.validators.flatMap((validator) =>
        [...validator.signed].map(([slot, tbs]) => slot + tbs.join()),
      );
      expect(new Set(signed).size).to.equal(1);
      expect(readdirSync(join(folder, "device", "keys"))).to.have.length(1);
      await succeed(["device", "prove", CHALLENGE]);
    }).timeout(60_000);
  }

  it("killed while the device's folder is made, can make it again", async () => {
    const secret = identityKey();
    const key = join(folder, "key.pem");
    const provisioning = join(folder, "provisioning.json");
    if (secret.kind === "key") await writeFile(key, secret.privateKey.export({ format: "pem", type: "pkcs8" }));
    await writeFile(provisioning, encodeProvisioning(tls.mesh.provision(secret)));
    const args = ["device", "init", "--provisioning", provisioning, "--key", key];
    expect((await run(args, "device.before-provisioning")).signal).to.equal("SIGKILL");
    await succeed(args);
  }).timeout(60_000);
});

/**
 * Scenario: software that nobody here wrote enrols with the swarm, and trusts its certificates (docs/interoperability.md). Each
 * part is skipped, saying so, where its program is not installed.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { decodeCertsOnly } from "../../src/certificate/cms.js";
import { pem } from "../../src/certificate/x509.js";
import { decodeDeviceCertificate } from "../../src/certificate/x509-leaf.js";
import { tlsMaterial } from "../../src/device/tls.js";
import { derOfPem } from "../../src/device/x509-files.js";
import { createClient } from "../../src/net/client.js";
import { parseEndpoint } from "../../src/net/endpoint.js";
import { giveCode } from "../../src/operator/enrolment-code.js";
import { readPublicKeys } from "../../src/operator/public-keys.js";
import { PATH } from "../../src/protocol/api.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { type Ran, run, withTool } from "../tools.js";
import { type Fleet, SCOPE, codeOf, makeFleet, openFrom } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { guarded } from "./processes.js";
import { eventually, freePorts } from "./waiting.js";

/** Of a size that X.509 is offered for: an hour's certificates, eight in each hour. */
const POLICY = { maximumLifetime: 3_600, quota: 8 };
const COUNT = 6;

describe("interoperability", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  let folder: string;
  tellLogsOnFailure(() => mesh);

  const file = (name: string): string => join(folder, name);
  const index = (position: number): number => fleet.batch.facts.base + position;
  const est = (operation: string, validator = 1): string =>
    `https://127.0.0.1:${mesh.validator(validator).place.estPort}/.well-known/est/${operation}`;

  /** A private key and a certificate request, as the owner of a device makes them. */
  function makeRequest(position: number, type: readonly string[], name = "csr"): void {
    const key = file(`${position}.key`);
    execFileSync("openssl", ["genpkey", ...type, "-out", key], { stdio: "pipe" });
    const subject = ["-subj", `/CN=device ${position}`];
    execFileSync("openssl", ["req", "-new", "-key", key, ...subject, "-out", file(`${position}.${name}`)], {
      stdio: "pipe",
    });
  }

  const base64Of = (path: string): string =>
    readFileSync(path, "utf8")
      .replace(/-----[A-Z ]+-----/g, "")
      .trim();

  async function code(position: number): Promise<string> {
    const clients = await mesh.clients();
    const order = { index: index(position), lifetimeSeconds: 600 };
    const given = await giveCode(mesh.ledger, clients, mesh.registrar.privateKey, fleet.batch, order);
    return given.code;
  }

  /** `curl` as an EST client. The answer's status comes last on its standard output. */
  async function curl(url: string, ...options: readonly string[]): Promise<{ status: number; body: string }> {
    const { stdout, stderr } = await run("curl", [
      "-sS",
      "--cacert",
      file("root.pem"),
      "-w",
      "\n%{http_code}",
      ...options,
      url,
    ]);
    const [, body = "", status = "0"] = /^([\s\S]*)\n(\d+)$/.exec(stdout) ?? [];
    if (status === "000" || status === "0") throw new Error(stderr);
    return { status: Number(status), body };
  }

  const post = (csr: string): string[] => ["-H", "content-type: application/pkcs10", "--data-binary", csr];

  /** Keeps what an EST server answered as a PEM file. */
  function keepCertificate(position: number, body: string): void {
    const [certificate] = decodeCertsOnly(new Uint8Array(Buffer.from(body, "base64")));
    writeFileSync(file(`${position}.pem`), pem("CERTIFICATE", certificate as Uint8Array));
  }

  const serialOf = async (name: string): Promise<string> =>
    (await run("openssl", ["x509", "-noout", "-serial", "-in", file(name)])).stdout.trim();

  async function expectCerts(validator: number): Promise<void> {
    const { status, body } = await curl(est("cacerts", validator));
    if (status !== 200 || decodeCertsOnly(new Uint8Array(Buffer.from(body, "base64"))).length !== 3)
      throw new Error(body);
  }

  async function fetchAuthority(): Promise<void> {
    const { body, status } = await curl(est("cacerts"));
    if (status !== 200) throw new Error(body);
    const [authority] = decodeCertsOnly(new Uint8Array(Buffer.from(body, "base64")));
    writeFileSync(file("mesh.pem"), pem("CERTIFICATE", authority as Uint8Array));
  }

  const servers: ChildProcess[] = [];
  after(() => servers.forEach((server) => server.kill()));

  before(async () => {
    mesh = await sharedMesh();
    folder = join(mesh.folder, "interoperability");
    await mkdir(folder);
    for (let position = 0; position < COUNT; position++) {
      const type =
        position === 1 ? ["-algorithm", "ed25519"] : ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
      makeRequest(position, type);
    }
    const publicKeys = Array.from({ length: COUNT }, (_, i) =>
      readPublicKeys(readFileSync(file(`${i}.csr`)), "csr"),
    ).flat();
    fleet = await makeFleet(mesh, [{ join: "csr", publicKeys }], POLICY);
    writeFileSync(file("root.pem"), pem("CERTIFICATE", mesh.mesh.rootCertificate));
    await eventually("every validator serves EST with a certificate of its own", async () => {
      for (let one = 1; one <= mesh.size; one++) await expectCerts(one);
      return true;
    });
    await fetchAuthority();
  });

  /** Requests that all validators have had from callers of a kind, as their metrics count them. */
  async function callsBy(kind: string): Promise<number> {
    const counts = mesh.validators.map(async ({ place }) => {
      const text = await (await fetch(`http://127.0.0.1:${place.sidePort}/metrics`)).text();
      return Number(new RegExp(`^swarmkeep_calls_total\\{by="${kind}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
    });
    return (await Promise.all(counts)).reduce((all, count) => all + count, 0);
  }

  it("validators know one another and devices by the swarm's certificates, and refuse that of a revoked device", async () => {
    const before = await callsBy("validator-by-certificate");
    await eventually("a validator shows its certificate to others", async () =>
      (await callsBy("validator-by-certificate")) > before ? true : undefined,
    );
    const own = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.p256, count: 1 }], POLICY);
    const { agent, keystore } = await openFrom(own, 0);
    try {
      await agent.enrol();
      const renewals = await callsBy("device-by-certificate");
      await agent.renew();
      expect(await callsBy("device-by-certificate")).to.be.above(renewals);
      const [member] = (await mesh.clients()).members;
      const { chain, key } = await tlsMaterial(agent, keystore);
      const credentials = { key, chain: [derOfPem(Buffer.from(chain)) as Uint8Array] };
      const client = createClient({
        endpoint: parseEndpoint(member?.endpoint ?? ""),
        trust: { kind: "pin", pin: member?.tlsPin ?? new Uint8Array() },
        credentials: () => credentials,
      });
      const status = (): Promise<unknown> => client.request({ method: "GET", path: PATH.status });
      await status();
      await agent.revoke(REVOCATION_REASON.keyCompromise);
      await eventually("its certificate is refused, also on the connection from before", async () =>
        (await codeOf(status())) === "revoked" ? true : undefined,
      );
      client.close();
    } finally {
      await agent.close();
    }
  });

  withTool("curl", "EST by curl", () => {
    it("curl enrols by a one-time code, once, and only the key that it was given for", async () => {
      const [given, csr] = [await code(0), base64Of(file("0.csr"))];
      const user = ["-u", `${index(0)}:${given}`];
      const wrong = await curl(est("simpleenroll"), ...post(csr), "-u", `${index(0)}:wrong`);
      expect(wrong.status, wrong.body).to.equal(401);
      const stranger = await curl(est("simpleenroll"), ...post(base64Of(file("2.csr"))), ...user);
      expect(stranger.status, stranger.body).to.equal(403);
      expect(stranger.body).to.include("code: wrong-key");
      const enrolled = await curl(est("simpleenroll"), ...post(csr), ...user);
      expect(enrolled.status, enrolled.body).to.equal(200);
      keepCertificate(0, enrolled.body);
      const [certificate] = decodeCertsOnly(new Uint8Array(Buffer.from(enrolled.body, "base64")));
      expect(decodeDeviceCertificate(certificate as Uint8Array)).to.deep.include({ index: index(0), scope: SCOPE });
      const again = await curl(est("simpleenroll"), ...post(csr), ...user);
      expect(again.status, again.body).to.equal(401);
      expect(again.body).to.include("code: code-used");
    });

    it("curl enrols a device with an Ed25519 key at another validator", async () => {
      const user = ["-u", `${index(1)}:${await code(1)}`];
      const enrolled = await curl(est("simpleenroll", 3), ...post(base64Of(file("1.csr"))), ...user);
      expect(enrolled.status, enrolled.body).to.equal(200);
      keepCertificate(1, enrolled.body);
    });

    it("curl renews with its certificate at another validator, and not with a stranger's key", async () => {
      const shown = ["--cert", file("0.pem"), "--key", file("0.key")];
      execFileSync("openssl", ["req", "-new", "-key", file("0.key"), "-subj", "/CN=again", "-out", file("again.csr")]);
      const renewed = await curl(est("simplereenroll", 2), ...post(base64Of(file("again.csr"))), ...shown);
      expect(renewed.status, renewed.body).to.equal(200);
      const before = await serialOf("0.pem");
      keepCertificate(0, renewed.body);
      expect(await serialOf("0.pem")).not.to.equal(before);
      const stranger = await curl(est("simplereenroll", 2), ...post(base64Of(file("2.csr"))), ...shown);
      expect(stranger.body).to.include("code: wrong-key");
      const unshown = await curl(est("simplereenroll", 2), ...post(base64Of(file("again.csr"))));
      expect(unshown.status, unshown.body).to.equal(401);
    });
  });

  /** The newest revocation list, as PEM. */
  async function fetchCrl(): Promise<void> {
    const url = `https://127.0.0.1:${mesh.validator(1).place.port}/crl/mesh.crl`;
    execFileSync("curl", ["-sSf", "--cacert", file("root.pem"), "-o", file("crl.der"), url], { stdio: "pipe" });
    execFileSync("openssl", ["crl", "-inform", "DER", "-in", file("crl.der"), "-out", file("crl.pem")], {
      stdio: "pipe",
    });
  }

  /** A folder with what `swarmkeep device run` keeps for other programs, of the device at `position`. */
  async function serverFolder(
    name: string,
    position: number,
    example: string,
    port: [string, number],
  ): Promise<string> {
    const made = file(name);
    await mkdir(made, { mode: 0o755 });
    await fetchCrl();
    copyFileSync(file(`${position}.pem`), join(made, "tls.crt"));
    copyFileSync(file(`${position}.key`), join(made, "tls.key"));
    copyFileSync(file("mesh.pem"), join(made, "ca.crt"));
    copyFileSync(file("crl.pem"), join(made, "crl.pem"));
    const config = readFileSync(new URL(`../../examples/${example}`, import.meta.url), "utf8");
    writeFileSync(join(made, example), config.replace(port[0], String(port[1])));
    return made;
  }

  function start(command: string, args: readonly string[], cwd: string): void {
    // s_server ends when its input does.
    const child = spawn(command, args, { cwd, stdio: ["pipe", "ignore", "ignore"] });
    guarded(child);
    servers.push(child);
  }

  withTool("openssl", "OpenSSL", () => {
    it("openssl verifies a device by the mesh's certificate and its revocation list, strictly", async () => {
      await fetchCrl();
      const strict = ["-x509_strict", "-crl_check", "-CAfile", file("mesh.pem"), "-CRLfile", file("crl.pem")];
      const verified = await run("openssl", ["verify", ...strict, file("0.pem")]);
      expect(verified.code, verified.stderr).to.equal(0);
    });

    it("openssl s_client and s_server make mutual TLS 1.3 with the certificates of two devices", async () => {
      const [port = 0] = await freePorts(1);
      const mutual = (position: number): string[] => {
        const pair = ["-cert", file(`${position}.pem`), "-key", file(`${position}.key`)];
        return [...pair, "-CAfile", file("mesh.pem"), "-CRL", file("crl.pem"), "-crl_check", "-verify_return_error"];
      };
      start("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, "-Verify", "1", "-tls1_3", ...mutual(0)], folder);
      const client = ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_3", "-brief", ...mutual(1)];
      await eventually("s_client is accepted", async () => {
        await fetchCrl();
        const { code: ended, stderr } = await run("openssl", client, "Q\n");
        expect(ended, stderr).to.equal(0);
        expect(stderr).to.include("Verification: OK");
        return true;
      });
    });
  });

  withTool("nginx", "nginx", () => {
    it("nginx admits devices of one scope only, and nobody without a certificate", async () => {
      const [port = 0] = await freePorts(1);
      const place = await serverFolder("nginx", 0, "nginx.conf", ["8443", port]);
      start("nginx", ["-p", `${place}/`, "-c", join(place, "nginx.conf"), "-g", "daemon off; user root;"], place);
      const get = (...shown: readonly string[]): Promise<{ status: number; body: string }> =>
        curl(`https://127.0.0.1:${port}/`, "-k", ...shown);
      await eventually("nginx admits a lamp", async () => {
        const { status, body } = await get("--cert", file("1.pem"), "--key", file("1.key"));
        expect(status, body).to.equal(200);
        expect(body).to.include("OU=grp:city/lamps");
        return true;
      });
      expect((await get()).status).to.equal(400);
    });
  });

  withTool("mosquitto_pub", "mosquitto", () => {
    it("mosquitto takes messages from a device by its certificate, and from nobody without one", async () => {
      const [port = 0] = await freePorts(1);
      const place = await serverFolder("mosquitto", 0, "mosquitto.conf", ["8883", port]);
      const asRoot = process.getuid?.() === 0 ? ["user root"] : [];
      appendFileSync(join(place, "mosquitto.conf"), asRoot.join("\n"));
      start("mosquitto", ["-c", join(place, "mosquitto.conf")], place);
      const publish = (...shown: readonly string[]): Promise<Ran> => {
        const to = [
          "-h",
          "127.0.0.1",
          "-p",
          String(port),
          "--cafile",
          file("mesh.pem"),
          "--insecure",
          "--tls-version",
          "tlsv1.3",
        ];
        return run("mosquitto_pub", [...to, "-t", "lamps", "-m", "on", "-q", "1", ...shown]);
      };
      await eventually("mosquitto takes a lamp's message", async () => {
        const { code: ended, stderr } = await publish("--cert", file("1.pem"), "--key", file("1.key"));
        expect(ended, stderr).to.equal(0);
        return true;
      });
      expect((await publish()).code).not.to.equal(0);
    });
  });
});

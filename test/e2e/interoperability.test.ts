/**
 * Scenario: software that nobody here wrote enrols with the swarm, and trusts its certificates (docs/interoperability.md). Each
 * part is skipped, saying so, where its program is not installed.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { getBytes } from "ethers";

import { decodeCertsOnly } from "../../src/certificate/cms.js";
import type { CommitteeMember } from "../../src/certificate/committee-list.js";
import { WANTED_ATTRIBUTES, encodeCsrAttributes } from "../../src/certificate/csr-attributes.js";
import { decodeSignedDrlHead } from "../../src/certificate/drl.js";
import { pem } from "../../src/certificate/x509.js";
import { MAXIMUM_CRL_LENGTH, decodeCrl } from "../../src/certificate/x509-crl.js";
import { decodeDeviceCertificate, decodeMemberCertificate } from "../../src/certificate/x509-leaf.js";
import { tlsMaterial } from "../../src/device/tls.js";
import { derOfPem } from "../../src/device/x509-files.js";
import { tlsKeyStruct } from "../../src/ledger/points.js";
import { createClient } from "../../src/net/client.js";
import { openConnection } from "../../src/net/connection.js";
import { formatEndpoint, parseEndpoint } from "../../src/net/endpoint.js";
import { freePorts } from "../../src/net/free-ports.js";
import { signWithTlsKey } from "../../src/net/tls-identity.js";
import { giveCode } from "../../src/operator/enrolment-code.js";
import { withSender } from "../../src/operator/ledger.js";
import { readPublicKeys } from "../../src/operator/public-keys.js";
import { revokeDevices } from "../../src/operator/revocation.js";
import { PATH } from "../../src/protocol/api.js";
import type { DataFolder } from "../../src/runtime/data-folder.js";
import { KEY_TYPE, REVOCATION_REASON } from "../../src/statements/cose.js";
import { statementDigest } from "../../src/statements/eip712.js";
import { openKeys } from "../../src/validator/settings.js";
import { type Ran, run, withTool } from "../tools.js";
import { type Fleet, SCOPE, codeOf, makeFleet, openFrom } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { guarded } from "./processes.js";
import { PASSPHRASE, eventually } from "./waiting.js";

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
    const given = await giveCode(mesh.ledger, clients, mesh.registrar, fleet.batch, order);
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

  it("a running validator's certificate is renewed, and a connection from before goes on", async () => {
    const { place, pid } = mesh.validator(2);
    const keys = await openKeys({ file: (name: string) => join(place.folder, name) } as DataFolder, PASSPHRASE);
    keys.sealer.wipe();
    const endpoint = { host: "127.0.0.1", port: place.port };
    const signal = AbortSignal.timeout(180_000);
    let shown = new Uint8Array();
    const judge = (certificate: Uint8Array): void => void (shown = Uint8Array.from(certificate));
    const connect = () => openConnection(endpoint, { kind: "pin", pin: keys.tls.pin, judge }, signal);
    const newHandshake = async () => {
      (await connect()).close();
      return decodeMemberCertificate(shown);
    };
    const before = await newHandshake();
    const open = await connect();
    const { channelBinding } = open;
    const ask = async (): Promise<void> => {
      expect((await open.send("GET", PATH.status, undefined, 65_536, signal)).status).to.equal(200);
    };
    await ask();

    /** What the certificate says has changed, so it is renewed at once. */
    const move = (scope: string): Promise<unknown> =>
      withSender(mesh.ledger.endpoint, keys.wallet.privateKey, (sender) => {
        const digest = statementDigest(mesh.ledger.separator("registry"), "TlsPossession", {
          account: getBytes(place.account),
          tlsPin: keys.tls.pin,
        });
        const tlsKey = tlsKeyStruct(keys.tls.spki, signWithTlsKey(keys.tls, digest));
        const { registry } = mesh.ledger.contracts;
        const data = registry.interface.encodeFunctionData("update", [tlsKey, formatEndpoint(endpoint), scope]);
        return sender.send({ to: mesh.ledger.addresses.registry, data, action: "change the validator's scope" });
      });
    const moved = "grp:city/workshop";
    await move(moved);
    const after = await eventually("it shows another certificate", async () => {
      await ask();
      const now = await newHandshake();
      return now.scope === moved ? now : undefined;
    });
    expect(after.serial).not.to.deep.equal(before.serial);
    await ask();
    expect({ pid: mesh.validator(2).pid, binding: open.channelBinding, isOpen: open.isOpen }).to.deep.equal({
      pid,
      binding: channelBinding,
      isOpen: true,
    });
    open.close();
    await move(before.scope);
  });

  withTool("curl", "EST by curl", () => {
    it("curl is told what a request has to have", async () => {
      const { status, body } = await curl(est("csrattrs"));
      expect(status, body).to.equal(200);
      expect(Buffer.from(body, "base64")).to.deep.equal(Buffer.from(encodeCsrAttributes(WANTED_ATTRIBUTES)));
    });

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
      // Within one second the same content under the same number is the same certificate.
      const { notBefore } = decodeDeviceCertificate(derOfPem(readFileSync(file("0.pem"))) as Uint8Array);
      await eventually("a second has passed", async () => (Date.now() / 1000 >= notBefore + 1 ? true : undefined));
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

  withTool("pki", "EST by strongSwan", () => {
    /** It reads no name constraint on addresses (docs/interoperability.md), and is told to go on without. */
    async function pki(...args: readonly string[]): Promise<Ran> {
      writeFileSync(file("strongswan.conf"), "libstrongswan {\n  x509 {\n    enforce_critical = no\n  }\n}\n");
      const settings = `STRONGSWAN_CONF=${file("strongswan.conf")}`;
      const url = `https://127.0.0.1:${mesh.validator(1).place.estPort}`;
      return run("env", [settings, "pki", ...args, "--url", url, "--outform", "pem"]);
    }

    it("pki fetches the authorities, enrols by a one-time code, and enrols again with its certificate", async () => {
      const roots = ["--cacert", file("root.pem")];
      const fetched = await pki("--estca", ...roots, "--caout", file("strongswan.pem"), "--force");
      expect(fetched.code, fetched.stderr).to.equal(0);
      const csr = ["--in", file("3.csr")];
      const enrolled = await pki("--est", ...roots, ...csr, "--userpass", `${index(3)}:${await code(3)}`);
      expect(enrolled.code, enrolled.stderr).to.equal(0);
      writeFileSync(file("3.pem"), enrolled.stdout);
      const strict = ["verify", "-x509_strict", "-CAfile", file("mesh.pem"), file("3.pem")];
      expect((await run("openssl", strict)).code).to.equal(0);
      execFileSync("openssl", ["req", "-new", "-key", file("3.key"), "-subj", "/CN=again", "-out", file("3.again")]);
      const shown = ["--cert", file("3.pem"), "--key", file("3.key")];
      const renewed = await pki("--est", ...roots, "--in", file("3.again"), ...shown);
      expect(renewed.code, renewed.stderr).to.equal(0);
      writeFileSync(file("3.renewed"), renewed.stdout);
      expect(await serialOf("3.renewed")).not.to.equal(await serialOf("3.pem"));
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

  function start(command: string, args: readonly string[], cwd: string): ChildProcess {
    // s_server ends when its input does.
    const child = spawn(command, args, { cwd, stdio: ["pipe", "ignore", "ignore"] });
    guarded(child);
    servers.push(child);
    return child;
  }

  withTool("openssl", "OpenSSL", () => {
    it("openssl verifies a device by the mesh's certificate and its revocation list, strictly", async () => {
      await fetchCrl();
      const strict = ["-x509_strict", "-crl_check", "-CAfile", file("mesh.pem"), "-CRLfile", file("crl.pem")];
      const verified = await run("openssl", ["verify", ...strict, file("0.pem")]);
      expect(verified.code, verified.stderr).to.equal(0);
    });

    it("a new list comes with each head, under its number and with its times, and a delta list", async () => {
      const clients = await mesh.clients();
      const client = clients.client(clients.members[0] as CommitteeMember);
      const get = async (path: string): Promise<Uint8Array> =>
        (await client.request({ method: "GET", path, maximumAnswerBytes: MAXIMUM_CRL_LENGTH })).body;
      const numbers = new Set<number>();
      await eventually("two lists in a row are those of their heads", async () => {
        const { head } = decodeSignedDrlHead(await get(PATH.drlHead));
        const { number, thisUpdate, nextUpdate } = decodeCrl(await get(PATH.crl));
        if (number !== head.number) return undefined;
        expect({ thisUpdate, nextUpdate }).to.deep.equal({ thisUpdate: head.issued, nextUpdate: head.expires });
        return numbers.add(number).size > 1 ? true : undefined;
      });
      const delta = await eventually(
        "there is a delta list",
        async () => decodeCrl(await get(PATH.deltaCrl)),
        // Scheduled heads come each 10 s here, and the first one with a delta is the seventh.
        120,
      );
      expect(delta.base).to.be.below(delta.number);
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

    it("nginx refuses a device of another scope, and one that is revoked once it has the next list", async () => {
      const [port = 0] = await freePorts(1);
      const place = await serverFolder("nginx-others", 0, "nginx.conf", ["8443", port]);
      const config = join(place, "nginx.conf");
      const admit = (scope: string): void =>
        writeFileSync(config, readFileSync(config, "utf8").replaceAll(/grp:city\/[a-z]+/g, scope));
      const user = ["-u", `${index(4)}:${await code(4)}`];
      const enrolled = await curl(est("simpleenroll"), ...post(base64Of(file("4.csr"))), ...user);
      keepCertificate(4, enrolled.body);
      admit("grp:city/pumps");
      const server = start("nginx", ["-p", `${place}/`, "-c", config, "-g", "daemon off; user root;"], place);
      const shown = ["-k", "--cert", file("4.pem"), "--key", file("4.key")];
      const status = async (): Promise<number> => (await curl(`https://127.0.0.1:${port}/`, ...shown)).status;
      const becomes = (wanted: number, what: string, first?: () => Promise<void>): Promise<true> =>
        eventually(what, async () => {
          await first?.();
          return (await status()) === wanted ? true : undefined;
        });
      await becomes(403, "nginx refuses a lamp where pumps are admitted");
      admit(SCOPE);
      server.kill("SIGHUP");
      await becomes(200, "nginx admits the lamp");
      await withSender(mesh.ledger.endpoint, mesh.registrar.privateKey, async (sender) =>
        revokeDevices(mesh.ledger, await mesh.clients(), sender, mesh.registrar, {
          indexes: [index(4)],
          reason: REVOCATION_REASON.keyCompromise,
        }),
      );
      await becomes(400, "nginx refuses the revoked lamp", async () => {
        await fetchCrl();
        copyFileSync(file("crl.pem"), join(place, "crl.pem"));
        server.kill("SIGHUP");
      });
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

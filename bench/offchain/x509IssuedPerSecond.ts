/**
 * X.509 certificates under the swarm's key: the TBS certificate of a device with a P-256 key, signed by 5 of 7 on one thread (see
 * frost-signer.ts), beside the CA server of Debian's golang-cfssl, which signs with one key that one machine holds.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { deviceCertificateToSign } from "../../src/certificate/x509-leaf.js";
import { certificateFields, meshId, p256Holder, trust } from "../../test/certificate/fixtures.js";
import type { OffchainFigure } from "../figure.js";
import { frostSigner } from "./frost-signer.js";

const COUNT = 20;

async function swarmPerSecond(): Promise<number> {
  const { sign } = frostSigner();
  const authority = meshAuthority({ ...trust, meshId });
  const { key } = p256Holder();
  const issue = async (index: number): Promise<Uint8Array> => {
    const tbs = deviceCertificateToSign(certificateFields({ index, key }), [], authority);
    return signedBySwarm(tbs, await sign(tbs));
  };
  await issue(0);
  const begun = performance.now();
  for (let index = 1; index <= COUNT; index++) await issue(index);
  return (1_000 * COUNT) / (performance.now() - begun);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** One client that asks for one certificate after another. */
async function cfsslPerSecond(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "swarmkeep-cfssl-"));
  let server: ChildProcess | undefined;
  try {
    const file = (name: string): string => join(folder, name);
    const subject = { CN: "device", key: { algo: "ecdsa", size: 256 } };
    writeFileSync(file("subject.json"), JSON.stringify(subject));
    const made = (...args: string[]) =>
      JSON.parse(execFileSync("cfssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as {
        cert: string;
        key: string;
        csr: string;
      };
    const ca = made("genkey", "-initca", file("subject.json"));
    writeFileSync(file("ca.pem"), ca.cert);
    writeFileSync(file("ca-key.pem"), ca.key, { mode: 0o600 });
    const { csr } = made("genkey", file("subject.json"));
    const port = await freePort();
    const keys = ["-ca", file("ca.pem"), "-ca-key", file("ca-key.pem")];
    server = spawn("cfssl", ["serve", "-address", "127.0.0.1", "-port", String(port), ...keys], { stdio: "ignore" });
    const ask = async (): Promise<void> => {
      const body = JSON.stringify({ certificate_request: csr, hosts: ["device.example"] });
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/cfssl/sign`, { method: "POST", body });
      const { success } = (await answer.json()) as { success: boolean };
      if (!success) throw new Error("cfssl signed nothing");
    };
    for (let tries = 0; ; tries++) {
      try {
        await ask();
        break;
      } catch (error) {
        if (tries === 100) throw error;
        await sleep(100);
      }
    }
    const begun = performance.now();
    for (let i = 0; i < 10 * COUNT; i++) await ask();
    return (10_000 * COUNT) / (performance.now() - begun);
  } finally {
    server?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const common = { goal: undefined, best: undefined };

export const x509IssuedPerSecond: OffchainFigure = {
  ...common,
  operation: "x509IssuedPerSecond",
  unit: "certificates/s: both rounds of 5 signers and the combiner on one thread, network left out",
  source: undefined,
  measure: swarmPerSecond,
};

export const x509IssuedOverCfssl: OffchainFigure = {
  ...common,
  operation: "x509IssuedOverCfssl",
  requires: "cfssl",
  unit: "x certificates/s of `cfssl serve` with one P-256 key, asked one after another in the same run",
  source: "golang-cfssl of Debian: one machine holds the key",
  async measure() {
    return (await swarmPerSecond()) / (await cfsslPerSecond());
  },
};

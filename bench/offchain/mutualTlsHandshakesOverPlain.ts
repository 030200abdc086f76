/**
 * Handshakes of two devices in mutual TLS 1.3, each with the swarm's certificate and the revocation list, for each handshake of a
 * client that shows nothing with the same server and an ordinary certificate. Both ends on one thread, no resumption.
 */
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, type TlsOptions, connect, createServer } from "node:tls";

import { authorityToSign, meshAuthority } from "../../src/certificate/x509-authority.js";
import { crlToSign } from "../../src/certificate/x509-crl.js";
import { deviceCertificateToSign } from "../../src/certificate/x509-leaf.js";
import { pem } from "../../src/certificate/x509.js";
import type { Agent } from "../../src/device/agent.js";
import { softwareIdentity } from "../../src/device/identity.js";
import { DeviceTls } from "../../src/device/tls.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import {
  certificateFields,
  makeCrossCertificate,
  makeRoot,
  meshId,
  signX509,
  trust,
} from "../../test/certificate/fixtures.js";
import type { OffchainFigure } from "../figure.js";
import { timeRatio } from "../ratio.js";

const HANDSHAKES = 50;
/** Entries of the revocation list: a thousand devices. */
const REVOKED = 1_000;

/** What the devices of a mesh have for TLS: an authority, a list, and for each device a certificate of its key. */
async function meshOfDevices(): Promise<(index: number) => Promise<DeviceTls>> {
  const now = Math.floor(Date.now() / 1000);
  const times = { notBefore: now - 600, notAfter: now + 3_600 };
  const root = await makeRoot(undefined, times);
  const cross = await makeCrossCertificate(root, {}, times);
  const authority = meshAuthority({ ...trust, meshId });
  const entries = Array.from({ length: REVOKED }, (_, i) => {
    return { serial: Buffer.from(i.toString(16).padStart(32, "7"), "hex"), revoked: now, reason: undefined };
  });
  const list = { number: 1, base: undefined, thisUpdate: now - 10, nextUpdate: now + 1_800, entries };
  const [ca, crl] = [pem("CERTIFICATE", signX509(authorityToSign(cross))), signX509(crlToSign(list, authority))];
  return (index) => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { key } = softwareIdentity(privateKey);
    const fields = certificateFields({ index, key, notBefore: now - 60, expires: now + 3_000 });
    const chain = pem("CERTIFICATE", signX509(deviceCertificateToSign(fields, [], authority)));
    const agent = { tlsFiles: async () => ({ certificate: chain, chain, ca }), crl: async () => crl };
    return DeviceTls.open({ agent: agent as unknown as Agent, keystore: { privateKey: async () => privateKey } });
  };
}

interface Listening {
  readonly port: number;
  close(): void;
}

async function listen(options: TlsOptions): Promise<Listening> {
  // A byte for the client: in TLS 1.3 it is done before the server has judged its certificate.
  const server = createServer(options, (socket) => socket.end("."));
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

async function handshakes({ port }: Listening, options: () => ConnectionOptions, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = connect({ ...options(), host: "127.0.0.1", port });
    const [byte] = (await once(socket, "data")) as [Buffer];
    if (byte.length !== 1) throw new Error("the server has not accepted the client");
    socket.destroy();
  }
}

export const mutualTlsHandshakesOverPlain: OffchainFigure = {
  operation: "mutualTlsHandshakesOverPlain",
  unit: "mutual handshakes for each one of the same server with an ordinary certificate",
  goal: undefined,
  best: undefined,
  source: undefined,

  async measure() {
    const device = await meshOfDevices();
    const [own, peer] = [await device(1), await device(2)];
    const pkcs8 = await generateTlsKey();
    const { certificate } = await tlsIdentity(pkcs8);
    const ordinary = pem("CERTIFICATE", certificate);
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
    const plainKey = key.export({ format: "pem", type: "pkcs8" });
    const mutual = await listen(own.serverOptions());
    const plain = await listen({ minVersion: "TLSv1.3", key: plainKey, cert: ordinary });
    try {
      return await timeRatio({
        measured: (count) => handshakes(plain, () => ({ ca: ordinary, checkServerIdentity: () => undefined }), count),
        unit: (count) => handshakes(mutual, () => peer.clientOptions(), count),
        count: HANDSHAKES,
        turns: 9,
      });
    } finally {
      mutual.close();
      plain.close();
    }
  },
};

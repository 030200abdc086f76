/** A key and a PKCS#10 request made by software that knows nothing of this project: OpenSSL, or Node where that is absent. */
import "reflect-metadata";

import { execFile } from "node:child_process";
import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import { promisify } from "node:util";

import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";

import { readLimited } from "../../runtime/atomic-file.js";

const run = promisify(execFile);
const SUBJECT = "sensor-3";

export interface CertificateRequest {
  readonly privateKey: KeyObject;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  readonly madeBy: "openssl req" | "Node, for want of openssl,";
}

/** `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256`, in `folder`. */
export async function makeCertificateRequest(folder: string): Promise<CertificateRequest> {
  const [keyPath, requestPath] = [`${folder}/key.pem`, `${folder}/request.der`];
  const command = "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -outform DER";
  const files = ["-keyout", keyPath, "-out", requestPath];
  try {
    await run("openssl", [...command.split(" "), "-subj", `/CN=${SUBJECT}`, ...files]);
  } catch {
    return byNode();
  }
  return {
    privateKey: createPrivateKey(Buffer.from(await readLimited(keyPath, 65_536))),
    request: await readLimited(requestPath, 65_536),
    madeBy: "openssl req",
  };
}

async function byNode(): Promise<CertificateRequest> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: `CN=${SUBJECT}`,
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  return {
    privateKey: createPrivateKey({ key: der, format: "der", type: "pkcs8" }),
    request: new Uint8Array(request.rawData),
    madeBy: "Node, for want of openssl,",
  };
}

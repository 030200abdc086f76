/**
 * `mesh.json`: where a mesh lives and who its root CA is. Public; everybody who reads the ledger for themselves starts
 * from it. The root certificate is what it is believed by: compare its fingerprint over another channel.
 */
import { createHash } from "node:crypto";

import { getAddress } from "ethers";

import { PUBLIC_FILE, readLimited, writeAtomically } from "./atomic-file.js";
import { SwarmkeepError } from "./errors.js";

const FORMAT = 1;
const MAXIMUM_BYTES = 65_536;
const MAXIMUM_ENDPOINTS = 16;

export interface MeshFile {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly chainId: bigint;
  /** Of the TrustAnchor contract, checksummed (EIP-55). */
  readonly anchor: string;
  /** No event of the mesh is older. */
  readonly deployedBlock: number;
  /** `http(s)://` or `ws(s)://`, the preferred one first. */
  readonly rpc: readonly string[];
  /** Whether the one endpoint is a node of the reader's own; otherwise two or more have to agree. */
  readonly ownNode: boolean;
  /** X.509, DER. */
  readonly rootCertificate: Uint8Array;
  /** SHA-256 of `rootCertificate`. */
  readonly rootFingerprint: Uint8Array;
}

/** @throws SwarmkeepError `mesh-file-damaged`, and those of files. */
export async function readMeshFile(path: string): Promise<MeshFile> {
  return parseMeshFile(Buffer.from(await readLimited(path, MAXIMUM_BYTES)).toString("utf8"), path);
}

export async function writeMeshFile(path: string, mesh: MeshFile): Promise<void> {
  await writeAtomically(path, formatMeshFile(mesh), PUBLIC_FILE);
}

export function formatMeshFile(mesh: MeshFile): string {
  const { meshId, chainId, anchor, deployedBlock, rpc, ownNode, rootCertificate, rootFingerprint } = mesh;
  const fields = {
    format: FORMAT,
    meshId: `0x${Buffer.from(meshId).toString("hex")}`,
    chainId: chainId.toString(),
    anchor,
    deployedBlock,
    rpc,
    ownNode,
    rootCertificate: certificatePem(rootCertificate),
    rootFingerprint: Buffer.from(rootFingerprint).toString("hex"),
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** @throws SwarmkeepError `mesh-file-damaged`, naming the field. */
export function parseMeshFile(text: string, path: string): MeshFile {
  const fields = parseObject(text, path);
  const fail = (field: string, wanted: string): never => {
    const found = JSON.stringify(fields[field])?.slice(0, 80) ?? "nothing";
    throw damaged(path, `its field ${field} takes ${wanted}, not ${found}`, field);
  };
  const matching = (field: string, pattern: RegExp, wanted: string): string => {
    const value = fields[field];
    return typeof value === "string" && pattern.test(value) ? value : fail(field, wanted);
  };
  if (fields["format"] !== FORMAT) fail("format", String(FORMAT));
  const deployedBlock = fields["deployedBlock"];
  const rpc = fields["rpc"];
  const ownNode = fields["ownNode"];
  if (!Number.isSafeInteger(deployedBlock) || (deployedBlock as number) < 0) fail("deployedBlock", "a block number");
  if (!Array.isArray(rpc) || rpc.length === 0 || rpc.length > MAXIMUM_ENDPOINTS || !rpc.every(isEndpoint)) {
    fail("rpc", `1 to ${MAXIMUM_ENDPOINTS} http, https, ws or wss addresses`);
  }
  if (typeof ownNode !== "boolean") fail("ownNode", "true or false");
  const rootCertificate = derOf(matching("rootCertificate", CERTIFICATE_PEM, "a certificate in PEM"));
  const rootFingerprint = fingerprintOf(rootCertificate);
  if (matching("rootFingerprint", /^[0-9a-f]{64}$/, "64 hexadecimal digits") !== hex(rootFingerprint)) {
    fail("rootFingerprint", `the SHA-256 of the root certificate beside it, ${hex(rootFingerprint)}`);
  }
  return {
    meshId: new Uint8Array(Buffer.from(matching("meshId", /^0x[0-9a-f]{64}$/, "0x and 64 hex digits").slice(2), "hex")),
    chainId: BigInt(matching("chainId", /^[1-9][0-9]{0,18}$/, "a decimal number in quotes")),
    anchor: addressOf(matching("anchor", /^0x[0-9a-fA-F]{40}$/, "an address")) ?? fail("anchor", "a valid checksum"),
    deployedBlock: deployedBlock as number,
    rpc: rpc as string[],
    ownNode: ownNode as boolean,
    rootCertificate,
    rootFingerprint,
  };
}

/** SHA-256 of a certificate's DER: its usual fingerprint. */
export function fingerprintOf(certificate: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(certificate).digest());
}

const CERTIFICATE_PEM = /^\s*-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

/** A certificate as PEM (RFC 7468). */
export function certificatePem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** The DER of a single certificate in PEM, or undefined. */
export function certificateFromPem(text: string): Uint8Array | undefined {
  return CERTIFICATE_PEM.test(text) ? derOf(text) : undefined;
}

function derOf(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(CERTIFICATE_PEM.exec(pem)?.[1] ?? "", "base64"));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function addressOf(text: string): string | undefined {
  try {
    return getAddress(text);
  } catch {
    return undefined;
  }
}

function isEndpoint(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  return ["http:", "https:", "ws:", "wss:"].includes(new URL(value).protocol);
}

function parseObject(text: string, path: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw damaged(path, "it is not JSON", undefined, error);
  }
  throw damaged(path, "it is not a JSON object");
}

function damaged(path: string, problem: string, field?: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} is no mesh file: ${problem}`, {
    kind: "environment",
    code: "mesh-file-damaged",
    advice: "Get the file again from whoever runs the mesh.",
    details: field === undefined ? { path } : { path, field },
    cause,
  });
}

/**
 * What a device keeps: public facts, each in a file of its own that is replaced as a whole, so that the device may lose power
 * at any moment. Secrets are the keystore's (`keystore.ts`).
 *
 * ```
 * provisioning.json   what the factory gave it (provisioning.ts)
 * bundle.cbor         the newest trust bundle, verified before it was stored
 * certificate.cbor    the current certificate
 * certificate.pem     the same for TLS software (X.509), where the fleet has that form
 * chain.pem           that certificate and the root's cross-certificate: what a TLS server or client shows
 * ca.pem              the mesh's own certificate, for software that is to trust this mesh
 * root.pem            the root certificate, for software that trusts what the root certifies
 * proof.cbor          the newest revocation proof for this device, to be stapled
 * request.json        the certificate that is being asked for: on disk before anybody is asked
 * head.json           the newest revocation head that was seen
 * crl-time.json       of when the newest revocation list in X.509 is that was seen
 * latencies.json      milliseconds that validators took, by seat
 * certified.json      accounts of validators that were seen with the swarm's certificate: they are not believed without any more
 * ```
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

import { decodeBundle } from "../certificate/bundle.js";
import { decodeCommitteeList } from "../certificate/committee-list.js";
import { decodeCertificate } from "../certificate/certificate.js";
import type { DeviceKey } from "../certificate/cose-key.js";
import { decodeDrlProof } from "../certificate/drl.js";
import { PUBLIC_FILE, readIfPresent, readLimited, syncFolder, writeAtomically } from "../runtime/atomic-file.js";
import { type DataFolder, hasDataFolder, openDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { HighMark } from "../runtime/high-mark.js";
import { failpoint } from "../runtime/failpoint.js";
import { COSE_ALG, type GroupAlgorithm, KEY_TYPE } from "../statements/cose.js";
import {
  MAXIMUM_PROVISIONING_LENGTH,
  type Provisioning,
  decodeProvisioning,
  encodeProvisioning,
} from "./provisioning.js";

/** Name of a device in `folder.json`. */
export const DEVICE_ROLE = "device";

/** The certificate that is being asked for. Whoever asks again after a crash asks for the same one. */
export interface PendingRequest {
  readonly kind: "enrol" | "renew";
  readonly period: number;
  readonly k: number;
  readonly notBefore: number;
  readonly expires: number;
  readonly scope: string;
  readonly algorithm: GroupAlgorithm;
  /** The key to be certified. */
  readonly key: DeviceKey;
  /** Further names of the X.509 form; undefined where that is not asked for. */
  readonly x509Names: readonly string[] | undefined;
}

/** PEM files for TLS software. */
export const PEM_FILES = ["certificate", "chain", "ca", "root"] as const;
export type PemFile = (typeof PEM_FILES)[number];

export interface DeviceStore {
  readonly folder: DataFolder;
  readonly provisioning: Provisioning;
  /** @throws SwarmkeepError `device-folder-damaged`, as the others that read */
  bundle(): Promise<Uint8Array | undefined>;
  saveBundle(bundle: Uint8Array): Promise<void>;
  certificate(): Promise<Uint8Array | undefined>;
  /** Stores the certificate, and then forgets the request for it. */
  saveCertificate(certificate: Uint8Array): Promise<void>;
  pemFile(name: PemFile): Promise<Uint8Array | undefined>;
  /** Undefined removes it. Others may read them: TLS software runs under accounts of its own. */
  savePemFile(name: PemFile, content: string | undefined): Promise<void>;
  proof(): Promise<Uint8Array | undefined>;
  saveProof(proof: Uint8Array): Promise<void>;
  pendingRequest(): Promise<PendingRequest | undefined>;
  savePendingRequest(request: PendingRequest): Promise<void>;
  latencies(): Promise<Map<number, number>>;
  /** `Infinity` for a member that failed. */
  saveLatencies(latencies: ReadonlyMap<number, number>): Promise<void>;
  /** Accounts, 40 hexadecimal digits each. @throws SwarmkeepError `device-folder-damaged` */
  certifiedMembers(): Promise<ReadonlySet<string>>;
  saveCertifiedMembers(accounts: ReadonlySet<string>): Promise<void>;
  /** When the newest revocation list in X.509 that was seen is of, seconds since 1970. @throws SwarmkeepError `device-folder-damaged` */
  newestCrl(): Promise<HighMark>;
  readonly bundlePath: string;
  readonly certificatePath: string;
  /** Path of the memory of revocation heads (`head-file.ts`). */
  readonly headPath: string;
  close(): Promise<void>;
}

/**
 * Makes the folder of a new device.
 * @param storeSecret seals the device's secret. The provisioning file is written last: with it the device exists.
 * @throws SwarmkeepError `device-exists` if there is one already, and those of data folders.
 */
export async function createDeviceStore(
  path: string,
  provisioning: Provisioning,
  storeSecret: (folder: DataFolder) => Promise<void>,
): Promise<DeviceStore> {
  const folder = await openDataFolder(path, DEVICE_ROLE);
  try {
    if ((await readIfPresent(folder.file("provisioning.json"))) !== undefined) {
      throw new SwarmkeepError(`${folder.path} already holds a device`, {
        kind: "usage",
        code: "device-exists",
        advice: "Choose another folder with --data; a device is never overwritten.",
        details: { path: folder.path },
      });
    }
    await storeSecret(folder);
    failpoint("device.before-provisioning");
    await writeAtomically(folder.file("provisioning.json"), encodeProvisioning(provisioning));
    return storeOf(folder, provisioning);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** What the factory wrote for one device. @throws SwarmkeepError `bad-provisioning`, and those of files */
export async function readProvisioning(file: string): Promise<Provisioning> {
  return decodeProvisioning(await readLimited(file, MAXIMUM_PROVISIONING_LENGTH), file);
}

/** @throws SwarmkeepError `no-device`, `bad-provisioning`, and those of data folders. */
export async function openDeviceStore(path: string): Promise<DeviceStore> {
  if (!(await hasDataFolder(path))) throw noDevice(path);
  const folder = await openDataFolder(path, DEVICE_ROLE);
  try {
    const file = folder.file("provisioning.json");
    const content = await readIfPresent(file);
    if (content === undefined) throw noDevice(path);
    return storeOf(folder, decodeProvisioning(content, file));
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** What a device's folder tells without its passphrase, and while an agent has it open. */
export interface DeviceFiles {
  readonly provisioning: Provisioning;
  readonly bundle: Uint8Array | undefined;
  readonly certificate: Uint8Array | undefined;
  /** PEM. */
  readonly x509: Uint8Array | undefined;
  readonly proof: Uint8Array | undefined;
  readonly pendingRequest: PendingRequest | undefined;
}

/** Every file is replaced as a whole, so reading needs no lock. @throws SwarmkeepError `no-device`, `bad-provisioning` */
export async function readDeviceFiles(path: string): Promise<DeviceFiles> {
  const read = (name: string): Promise<Uint8Array | undefined> => readIfPresent(join(path, name));
  const content = await read("provisioning.json");
  if (content === undefined) throw noDevice(path);
  const request = await read("request.json");
  return {
    provisioning: decodeProvisioning(content, join(path, "provisioning.json")),
    bundle: await readSound(join(path, "bundle.cbor"), decodeWholeBundle),
    certificate: await readSound(join(path, "certificate.cbor"), decodeCertificate),
    x509: await read("certificate.pem"),
    proof: await readSound(join(path, "proof.cbor"), decodeDrlProof),
    pendingRequest: request === undefined ? undefined : parseRequest(join(path, "request.json"), request),
  };
}

function noDevice(path: string): SwarmkeepError {
  return new SwarmkeepError(`there is no device in ${path}`, {
    kind: "usage",
    code: "no-device",
    advice: "Run `swarmkeep device init` first, or name its folder with --data.",
    details: { path },
  });
}

function storeOf(folder: DataFolder, provisioning: Provisioning): DeviceStore {
  const paths = {
    bundle: folder.file("bundle.cbor"),
    certificate: folder.file("certificate.cbor"),
    proof: folder.file("proof.cbor"),
    request: folder.file("request.json"),
    latencies: folder.file("latencies.json"),
    certified: folder.file("certified.json"),
    crl: folder.file("crl-time.json"),
  };
  return {
    folder,
    provisioning,
    bundlePath: paths.bundle,
    certificatePath: paths.certificate,
    headPath: folder.file("head.json"),
    bundle: () => readSound(paths.bundle, decodeWholeBundle),
    saveBundle: (bundle) => writeAtomically(paths.bundle, bundle),
    certificate: () => readSound(paths.certificate, decodeCertificate),
    async saveCertificate(certificate) {
      failpoint("device.before-certificate");
      await writeAtomically(paths.certificate, certificate);
      failpoint("device.after-certificate");
      await rm(paths.request, { force: true });
      await syncFolder(folder.path);
    },
    pemFile: (name) => readIfPresent(folder.file(`${name}.pem`)),
    async savePemFile(name, content) {
      failpoint("device.before-pem");
      if (content === undefined) await rm(folder.file(`${name}.pem`), { force: true });
      else await writeAtomically(folder.file(`${name}.pem`), content, PUBLIC_FILE);
    },
    proof: () => readSound(paths.proof, decodeDrlProof),
    saveProof: (proof) => writeAtomically(paths.proof, proof),
    async pendingRequest() {
      const content = await readIfPresent(paths.request);
      return content === undefined ? undefined : parseRequest(paths.request, content);
    },
    async savePendingRequest(request) {
      failpoint("device.before-request");
      const { key, ...fields } = request;
      const keyFields = { type: key.type, bytes: bytesToHex(key.bytes) };
      await writeAtomically(paths.request, `${JSON.stringify({ ...fields, key: keyFields })}\n`);
      failpoint("device.after-request");
    },
    async latencies() {
      const content = await readIfPresent(paths.latencies);
      return new Map(content === undefined ? [] : parseLatencies(content));
    },
    saveLatencies(latencies) {
      // JSON has no Infinity.
      const entries = [...latencies].map(([seat, milliseconds]) => [
        seat,
        Number.isFinite(milliseconds) ? Math.round(milliseconds) : null,
      ]);
      return writeAtomically(paths.latencies, `${JSON.stringify(entries)}\n`);
    },
    async certifiedMembers() {
      const content = await readIfPresent(paths.certified);
      return new Set(content === undefined ? [] : parseAccounts(paths.certified, content));
    },
    saveCertifiedMembers: (accounts) => writeAtomically(paths.certified, `${JSON.stringify([...accounts])}\n`),
    newestCrl: () => HighMark.open(paths.crl, (cause) => damagedFile(paths.crl, cause)),
    close: () => folder.close(),
  };
}

/** With the committee list in it, which other readers leave closed. */
function decodeWholeBundle(content: Uint8Array): void {
  const { committeeList } = decodeBundle(content);
  if (committeeList !== undefined) decodeCommitteeList(committeeList);
}

/** What a file holds, if that can be read: what lies on a device's disk may have been damaged by anything. */
async function readSound(path: string, decode: (content: Uint8Array) => unknown): Promise<Uint8Array | undefined> {
  const content = await readIfPresent(path);
  if (content === undefined) return undefined;
  try {
    decode(content);
  } catch (cause) {
    throw damagedFile(path, cause);
  }
  return content;
}

/** The error for a file of the device's folder that does not hold what it has to. */
export function damagedFile(path: string, cause: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} is not what this program writes`, {
    kind: "environment",
    code: "device-folder-damaged",
    advice: "Remove the file: the device asks for what was in it again.",
    details: { path },
    cause,
  });
}

function parseRequest(path: string, content: Uint8Array): PendingRequest {
  try {
    const { key, ...fields } = JSON.parse(new TextDecoder().decode(content)) as Omit<PendingRequest, "key"> & {
      key: { type: DeviceKey["type"]; bytes: string };
    };
    const names: unknown = fields.x509Names;
    const numbers = [fields.period, fields.k, fields.notBefore, fields.expires];
    const isWhole =
      numbers.every((number) => Number.isSafeInteger(number) && number >= 0) &&
      (fields.kind === "enrol" || fields.kind === "renew") &&
      (fields.algorithm === COSE_ALG.bls || fields.algorithm === COSE_ALG.eddsa) &&
      (key.type === KEY_TYPE.ed25519 || key.type === KEY_TYPE.p256) &&
      typeof fields.scope === "string" &&
      (names === undefined || (Array.isArray(names) && names.every((name) => typeof name === "string")));
    if (!isWhole) throw new TypeError("a field is missing or out of range");
    return { ...fields, x509Names: fields.x509Names, key: { type: key.type, bytes: hexToBytes(key.bytes) } };
  } catch (error) {
    throw damagedFile(path, error);
  }
}

function parseAccounts(path: string, content: Uint8Array): string[] {
  try {
    const accounts = JSON.parse(new TextDecoder().decode(content)) as unknown;
    if (Array.isArray(accounts) && accounts.every((one) => /^[0-9a-f]{40}$/.test(String(one))))
      return accounts as string[];
  } catch (error) {
    throw damagedFile(path, error);
  }
  throw damagedFile(path, new TypeError("not a list of accounts"));
}

/** Measurements only order the next questions: what cannot be read is as good as none. */
function parseLatencies(content: Uint8Array): [number, number][] {
  try {
    const entries = JSON.parse(new TextDecoder().decode(content)) as [number, number | null][];
    return entries
      .filter(([seat]) => Number.isInteger(seat))
      .map(([seat, milliseconds]) => [seat, typeof milliseconds === "number" ? milliseconds : Infinity]);
  } catch {
    return [];
  }
}

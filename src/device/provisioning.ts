/**
 * What the factory gives a device beside its key: which mesh it belongs to, and its place in the manifest that the
 * registrar put on the ledger. Nothing in it is secret, but the salt should not be published. A JSON file:
 *
 * {
 *   "format": "swarmkeep-device/1",
 *   "meshId": "<32 bytes>", "chainId": "31337", "anchor": "0x<20 bytes>",      the mesh (docs/protocol.md, section 3)
 *   "rootFingerprint": "<32 bytes>",                SHA-256 of the root certificate's DER: all trust begins here
 *   "validators": ["host:port", ...],               where to ask for the first trust bundle; may be empty
 *   "periodSeconds": 86400,                         certificatePeriodSeconds of the genesis document
 *   "lifetimeSeconds": 86400,                       lifetime to ask for: at most the fleet's maximumLifetime
 *   "scope": "geo:u33d",                            scope to ask for: within one of the fleet's
 *   "joinMethod": "identity-key",                   or "pre-shared-key" or "csr"
 *   "fleetId": 1, "batch": 0,                       the batch on the ledger ...
 *   "manifestRoot": "<32 bytes>", "base": 256, "count": 1000,
 *   "index": 300, "salt": "<32 bytes>", "class": 0, ... and the device's leaf in it (section 3.5)
 *   "keyType": "ed25519",                           or "p256"
 *   "publicKey": "<32 bytes, or 33 compressed>",
 *   "path": ["<32 bytes>", ...]                     siblings, bottom-up
 * }
 *
 * Bytes are hexadecimal, with or without `0x`.
 */
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";

import type { DeviceKey } from "../certificate/cose-key.js";
import { checkManifest } from "../certificate/manifest.js";
import { Refusal } from "../certificate/refusal.js";
import type { Enrolment } from "../certificate/request.js";
import { JOIN_METHOD, KEY_TYPE } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { isScope } from "../statements/scope.js";

export const PROVISIONING_FORMAT = "swarmkeep-device/1";
/** Bytes of the longest file that is read. */
export const MAXIMUM_PROVISIONING_LENGTH = 16_384;

/** How a device joins, by the name in its file; bits are those of a fleet's policy. */
export const JOIN_METHOD_BITS = {
  "identity-key": JOIN_METHOD.identityKey,
  "pre-shared-key": JOIN_METHOD.preSharedKey,
  csr: JOIN_METHOD.csr,
} as const;
export type JoinMethod = keyof typeof JOIN_METHOD_BITS;

const KEY_TYPE_NAMES = { ed25519: KEY_TYPE.ed25519, p256: KEY_TYPE.p256 } as const;
type KeyTypeName = keyof typeof KEY_TYPE_NAMES;

export interface Provisioning {
  readonly meshId: Uint8Array;
  readonly chainId: bigint;
  readonly anchor: Uint8Array;
  readonly rootFingerprint: Uint8Array;
  readonly validators: readonly string[];
  readonly periodSeconds: number;
  readonly lifetimeSeconds: number;
  readonly scope: string;
  readonly joinMethod: JoinMethod;
  /** The device's index in the mesh. */
  readonly index: number;
  /** Batch, leaf and path: what an enrolment request carries. */
  readonly enrolment: Enrolment;
}

/** The file's content. */
export function encodeProvisioning(provisioning: Provisioning): string {
  const { enrolment } = provisioning;
  const path = Array.from({ length: enrolment.path.length / 32 }, (_, i) =>
    bytesToHex(enrolment.path.subarray(32 * i, 32 * (i + 1))),
  );
  const file = {
    format: PROVISIONING_FORMAT,
    meshId: bytesToHex(provisioning.meshId),
    chainId: provisioning.chainId.toString(),
    anchor: `0x${bytesToHex(provisioning.anchor)}`,
    rootFingerprint: bytesToHex(provisioning.rootFingerprint),
    validators: provisioning.validators,
    periodSeconds: provisioning.periodSeconds,
    lifetimeSeconds: provisioning.lifetimeSeconds,
    scope: provisioning.scope,
    joinMethod: provisioning.joinMethod,
    fleetId: enrolment.fleetId,
    batch: enrolment.batch,
    manifestRoot: bytesToHex(enrolment.root),
    base: enrolment.base,
    count: enrolment.count,
    index: provisioning.index,
    salt: bytesToHex(enrolment.salt),
    class: enrolment.deviceClass,
    keyType: keyTypeName(enrolment.key),
    publicKey: bytesToHex(enrolment.key.bytes),
    path,
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** `ed25519` or `p256`. */
export function keyTypeName(key: DeviceKey): KeyTypeName {
  return key.type === KEY_TYPE.ed25519 ? "ed25519" : "p256";
}

/**
 * Reads the content of `file`, and checks that its manifest path leads to its manifest root.
 * @throws SwarmkeepError `bad-provisioning`, naming file and field
 */
export function decodeProvisioning(content: Uint8Array | string, file: string): Provisioning {
  const fields = new FieldReader(file, parse(content, file));
  const keyType = fields.oneOf("keyType", Object.keys(KEY_TYPE_NAMES) as KeyTypeName[]);
  const enrolment: Enrolment = {
    fleetId: fields.integer("fleetId"),
    batch: fields.integer("batch"),
    root: fields.bytes("manifestRoot", 32),
    base: fields.integer("base"),
    count: fields.integer("count"),
    salt: fields.bytes("salt", 32),
    key: { type: KEY_TYPE_NAMES[keyType], bytes: fields.bytes("publicKey", keyType === "ed25519" ? 32 : 33) },
    deviceClass: fields.integer("class", 0xff),
    path: concatBytes(...fields.texts("path", 53).map((_, i) => fields.bytes(`path.${i}`, 32))),
  };
  const provisioning: Provisioning = {
    meshId: fields.bytes("meshId", 32),
    chainId: BigInt(fields.text("chainId", "a number in decimal digits", (text) => /^[0-9]{1,78}$/.test(text))),
    anchor: fields.bytes("anchor", 20),
    rootFingerprint: fields.bytes("rootFingerprint", 32),
    validators: fields.texts("validators", 64),
    periodSeconds: fields.integer("periodSeconds", 0xffff_ffff, 1),
    lifetimeSeconds: fields.integer("lifetimeSeconds", 0xffff_ffff, 1),
    scope: fields.text("scope", "a scope such as `geo:u33d` or `grp:plant/line-2`", isScope),
    joinMethod: fields.oneOf("joinMethod", Object.keys(JOIN_METHOD_BITS) as JoinMethod[]),
    index: fields.integer("index"),
    enrolment,
  };
  try {
    checkManifest({ ...enrolment, index: provisioning.index }, enrolment);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw badProvisioning(file, "path", error.message);
  }
  return provisioning;
}

function parse(content: Uint8Array | string, file: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(typeof content === "string" ? content : new TextDecoder().decode(content));
  } catch {
    throw badProvisioning(file, "format", "it is not JSON");
  }
  const object = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  if (object["format"] !== PROVISIONING_FORMAT) {
    throw badProvisioning(file, "format", `it is not "${PROVISIONING_FORMAT}"`);
  }
  return object;
}

function badProvisioning(file: string, field: string, problem: string): SwarmkeepError {
  return new SwarmkeepError(`${file} is no good provisioning file, at ${field}: ${problem}`, {
    kind: "usage",
    code: "bad-provisioning",
    advice: "Take the file as `fleet provision` wrote it, unchanged.",
    details: { file, field },
  });
}

/** Reads fields of the file by name (`path.3` is an item of a list), each error naming its field. */
class FieldReader {
  readonly #file: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(file: string, fields: Readonly<Record<string, unknown>>) {
    this.#file = file;
    this.#fields = fields;
  }

  #get(name: string): unknown {
    const [field = "", item] = name.split(".");
    const value = this.#fields[field];
    return item === undefined ? value : (value as readonly unknown[])[Number(item)];
  }

  text(name: string, what: string, accept: (text: string) => boolean): string {
    const value = this.#get(name);
    if (typeof value === "string" && accept(value)) return value;
    throw badProvisioning(this.#file, name, `it takes ${what}, not ${JSON.stringify(value)}`);
  }

  bytes(name: string, length: number): Uint8Array {
    const isHex = (text: string): boolean => new RegExp(`^(0x)?[0-9a-fA-F]{${2 * length}}$`).test(text);
    return hexToBytes(this.text(name, `${length} bytes in hexadecimal digits`, isHex).replace(/^0x/, ""));
  }

  integer(name: string, maximum = Number.MAX_SAFE_INTEGER, minimum = 0): number {
    const value = this.#get(name);
    if (typeof value === "number" && Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    throw badProvisioning(
      this.#file,
      name,
      `it takes a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(value)}`,
    );
  }

  oneOf<const T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.#get(name);
    const found = allowed.find((text) => text === value);
    if (found !== undefined) return found;
    throw badProvisioning(this.#file, name, `it takes ${allowed.join(" or ")}, not ${JSON.stringify(value)}`);
  }

  texts(name: string, maximum: number): string[] {
    const value = this.#get(name);
    if (Array.isArray(value) && value.length <= maximum && value.every((item) => typeof item === "string")) {
      return value as string[];
    }
    throw badProvisioning(this.#file, name, `it takes a list of at most ${maximum} texts`);
  }
}

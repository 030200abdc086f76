/**
 * Secrets on disk: private keys, shares of the group keys, pre-shared keys.
 *
 * One slow key derivation (scrypt, RFC 7914) turns the passphrase into a sealing key when a process starts; from then on
 * a file costs one HKDF and one AES-256-GCM pass. Every file has a key of its own, HKDF-SHA-256(sealing key, salt of the
 * file, tag | purpose), so the nonce may be constant. The purpose is authenticated: a file put in the place of another
 * one does not open.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scrypt } from "node:crypto";

import { TAG } from "../statements/tags.js";
import { readIfPresent, readLimited, writeAtomically } from "./atomic-file.js";
import { SwarmkeepError } from "./errors.js";

/** Cost of scrypt: takes 128 * n * r bytes of memory; n is a power of two. */
export interface KdfCost {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** 128 MiB and about half a second: what a stolen disk has to be guarded with. */
export const STRONG_KDF: KdfCost = { n: 1 << 17, r: 8, p: 1 };
/** Some milliseconds: for tests and demonstrations, whose secrets guard nothing. */
export const LIGHT_KDF: KdfCost = { n: 1 << 10, r: 8, p: 1 };

const VERSION = 1;
const SALT_LENGTH = 32;
const KEY_LENGTH = 32;
const AUTH_TAG_LENGTH = 16;
const NONCE = new Uint8Array(12);
const CHECK_PURPOSE = "passphrase check";

export interface Sealer {
  /** The content of a sealed file. */
  seal(purpose: string, secret: Uint8Array): Uint8Array;
  /** The secret in the content of a sealed file; the caller wipes it. @throws SwarmkeepError `sealed-file-damaged` */
  unseal(purpose: string, content: Uint8Array, name: string): Uint8Array;
  /** Seals into a file, atomically. */
  write(path: string, purpose: string, secret: Uint8Array): Promise<void>;
  /** @throws SwarmkeepError `file-missing`, `sealed-file-damaged` */
  read(path: string, purpose: string): Promise<Uint8Array>;
  /** As `read`, but `undefined` where there is no such file. */
  readIfPresent(path: string, purpose: string): Promise<Uint8Array | undefined>;
  /** Forgets the sealing key; nothing can be sealed or read afterwards. */
  wipe(): void;
}

/**
 * Derives the sealing key. `path` keeps the salt, the cost and a check of the passphrase, and is made by the first call.
 * @param cost for a new file; an existing one keeps its own.
 * @throws SwarmkeepError `wrong-passphrase`, `sealed-file-damaged`, and those of files.
 */
export async function openSealer(path: string, passphrase: string, cost: KdfCost = STRONG_KDF): Promise<Sealer> {
  const existing = await readIfPresent(path, 4096);
  if (existing === undefined) {
    const salt = randomBytes(SALT_LENGTH);
    const sealer = sealerOf(await derive(passphrase, salt, cost));
    const check = Buffer.from(sealer.seal(CHECK_PURPOSE, randomBytes(KEY_LENGTH))).toString("utf8");
    const header = { version: VERSION, kdf: "scrypt", ...cost, salt: salt.toString("hex"), check: JSON.parse(check) };
    await writeAtomically(path, `${JSON.stringify(header)}\n`);
    return sealer;
  }
  const header = parseHeader(path, existing);
  const sealer = sealerOf(await derive(passphrase, header.salt, header.cost));
  try {
    sealer.unseal(CHECK_PURPOSE, header.check, path).fill(0);
  } catch (error) {
    sealer.wipe();
    throw new SwarmkeepError(`the passphrase does not open ${path}`, {
      kind: "environment",
      code: "wrong-passphrase",
      advice: "Give the passphrase with which the data folder was made.",
      details: { path },
      cause: error,
    });
  }
  return sealer;
}

function sealerOf(sealingKey: Uint8Array): Sealer {
  let wiped = false;
  const fileKey = (salt: Uint8Array, purpose: string): Buffer => {
    if (wiped) {
      throw new SwarmkeepError("the sealing key was wiped", {
        kind: "internal",
        code: "sealer-closed",
        advice: "Report this: a secret was asked for after the process began to stop.",
      });
    }
    return Buffer.from(hkdfSync("sha256", sealingKey, salt, `${TAG.sealedFile}|${purpose}`, KEY_LENGTH));
  };
  const sealer: Sealer = {
    seal(purpose, secret) {
      const salt = randomBytes(SALT_LENGTH);
      const key = fileKey(salt, purpose);
      const cipher = createCipheriv("aes-256-gcm", key, NONCE).setAAD(Buffer.from(purpose));
      const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
      key.fill(0);
      const file = { version: VERSION, purpose, salt: salt.toString("hex"), sealed: sealed.toString("base64") };
      return Buffer.from(`${JSON.stringify(file)}\n`);
    },
    unseal(purpose, content, name) {
      const { salt, sealed } = parseSealed(name, purpose, content);
      const key = fileKey(salt, purpose);
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, NONCE, { authTagLength: AUTH_TAG_LENGTH });
        decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(-AUTH_TAG_LENGTH));
        const secret = decipher.update(sealed.subarray(0, -AUTH_TAG_LENGTH));
        decipher.final();
        return new Uint8Array(secret.buffer, secret.byteOffset, secret.length);
      } catch (error) {
        throw damaged(name, "its content was changed, or sealed under another passphrase", error);
      } finally {
        key.fill(0);
      }
    },
    write: (path, purpose, secret) => writeAtomically(path, sealer.seal(purpose, secret)),
    read: async (path, purpose) => sealer.unseal(purpose, await readLimited(path), path),
    async readIfPresent(path, purpose) {
      const content = await readIfPresent(path);
      return content === undefined ? undefined : sealer.unseal(purpose, content, path);
    },
    wipe() {
      sealingKey.fill(0);
      wiped = true;
    },
  };
  return sealer;
}

function derive(passphrase: string, salt: Uint8Array, { n, r, p }: KdfCost): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 256 * n * r + (1 << 20) };
    // Normalised, so that two keyboards that compose an accent differently give one key.
    scrypt(passphrase.normalize("NFKD"), salt, KEY_LENGTH, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function damaged(path: string, problem: string, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} is damaged: ${problem}`, {
    kind: "environment",
    code: "sealed-file-damaged",
    advice: "Restore the file from a backup.",
    details: { path },
    cause,
  });
}

function parseObject(path: string, content: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(content).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw damaged(path, "it is not JSON", error);
  }
  throw damaged(path, "it is not a JSON object");
}

function parseSealed(path: string, purpose: string, content: Uint8Array): { salt: Uint8Array; sealed: Buffer } {
  const file = parseObject(path, content);
  if (file["version"] !== VERSION) throw damaged(path, `its version is ${JSON.stringify(file["version"])}`);
  if (file["purpose"] !== purpose) {
    throw damaged(path, `it holds ${JSON.stringify(file["purpose"])} and not ${JSON.stringify(purpose)}`);
  }
  const sealed = typeof file["sealed"] === "string" ? Buffer.from(file["sealed"], "base64") : Buffer.alloc(0);
  if (sealed.length < AUTH_TAG_LENGTH) throw damaged(path, "its content is cut off");
  return { salt: parseSalt(path, file["salt"]), sealed };
}

function parseSalt(path: string, salt: unknown): Uint8Array {
  const bytes = typeof salt === "string" ? Buffer.from(salt, "hex") : Buffer.alloc(0);
  if (bytes.length !== SALT_LENGTH) throw damaged(path, `its salt does not have ${SALT_LENGTH} bytes`);
  return bytes;
}

function parseHeader(path: string, content: Uint8Array): { salt: Uint8Array; cost: KdfCost; check: Uint8Array } {
  const header = parseObject(path, content);
  const { n, r, p } = header as Record<string, unknown>;
  const within = (value: unknown, maximum: number): value is number =>
    Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= maximum;
  // The file comes from a disk that others may write: its cost must not become a way to exhaust the memory.
  if (header["version"] !== VERSION || header["kdf"] !== "scrypt" || !within(n, 1 << 20) || !within(r, 16)) {
    throw damaged(path, "its key derivation is not one that this program uses");
  }
  if (!within(p, 16) || n < 2 || (n & (n - 1)) !== 0) throw damaged(path, "its scrypt parameters make no sense");
  return {
    salt: parseSalt(path, header["salt"]),
    cost: { n, r, p },
    check: Buffer.from(JSON.stringify(header["check"]) ?? ""),
  };
}

/**
 * The files that a validator publishes for TLS software: the mesh's own certificate and the revocation lists, each as the swarm
 * signed it, on disk and in memory.
 */
import { createHash } from "node:crypto";

import { decodeX509Certificate } from "../certificate/x509.js";
import { MAXIMUM_CRL_LENGTH, decodeCrl } from "../certificate/x509-crl.js";
import { PUBLIC_FILE, readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../statements/errors.js";

export type FileName = "authority" | "crl" | "deltaCrl";

export interface PublishedFile {
  /** DER. */
  readonly content: Uint8Array;
  /** What was signed. */
  readonly tbs: Uint8Array;
  /** Of the head; 0 for the authority. */
  readonly number: number;
  /** Seconds since 1970: when it was made, and until when it holds. */
  readonly modified: number;
  readonly until: number;
  /** Strong validator (RFC 9110, section 8.8.3), with its quotes. */
  readonly etag: string;
}

const NAMES: Readonly<Record<FileName, string>> = {
  authority: "authority.der",
  crl: "crl.der",
  deltaCrl: "crl-delta.der",
};

/** @throws Refusal */
function describe(name: FileName, content: Uint8Array): PublishedFile {
  const etag = `"${createHash("sha256").update(content).digest("base64url").slice(0, 22)}"`;
  if (name === "authority") {
    const { tbs, notBefore, notAfter } = decodeX509Certificate(content, name);
    return { content, tbs, number: 0, modified: notBefore, until: notAfter, etag };
  }
  const { tbs, number, thisUpdate, nextUpdate } = decodeCrl(content);
  return { content, tbs, number, modified: thisUpdate, until: nextUpdate, etag };
}

export class X509Files {
  readonly #folder: DataFolder;
  readonly #files = new Map<FileName, PublishedFile>();

  private constructor(folder: DataFolder) {
    this.#folder = folder;
  }

  static async open(folder: DataFolder): Promise<X509Files> {
    const files = new X509Files(folder);
    for (const name of Object.keys(NAMES) as FileName[]) {
      const path = folder.file(NAMES[name]);
      const content = await readIfPresent(path, MAXIMUM_CRL_LENGTH);
      if (content === undefined) continue;
      try {
        files.#files.set(name, describe(name, content));
      } catch (cause) {
        throw new SwarmkeepError(`${path} is not what this program writes`, {
          kind: "environment",
          code: "x509-file-damaged",
          advice: "Remove it: the swarm makes the next one with the next revocation head.",
          details: { path },
          cause,
        });
      }
    }
    return files;
  }

  get(name: FileName): PublishedFile | undefined {
    return this.#files.get(name);
  }

  /** Keeps a file that was verified, unless there is a newer one. */
  async put(name: FileName, content: Uint8Array): Promise<void> {
    const file = describe(name, content);
    const known = this.#files.get(name);
    if (known !== undefined && name !== "authority" && file.number <= known.number) return;
    await writeAtomically(this.#folder.file(NAMES[name]), content, PUBLIC_FILE);
    this.#files.set(name, file);
  }
}

/** One-time codes that registrars gave this validator (docs/protocol.md, section 14.3). Which of them were used is in `use-book.ts`. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex } from "@noble/hashes/utils.js";

import { equalBytes } from "../../crypto/bytes.js";
import {
  type EnrolmentCode,
  type EnrolmentCodes,
  MAXIMUM_CODE_LIFETIME,
  decodeEnrolmentCodes,
  encodeCodeList,
  encodeEnrolmentCodes,
  hashOfCode,
} from "../../protocol/enrolment-codes.js";
import { readLimited, writeAtomically } from "../../runtime/atomic-file.js";
import { statementDigest } from "../../statements/eip712.js";
import { SwarmkeepError } from "../../statements/errors.js";
import type { MeshContext } from "../mesh-context.js";
import { expectOfRegistrar } from "../registrar-message.js";
import type { Standing } from "../standing.js";

/** Codes of one device that may be open at once: of more, the oldest goes. */
const CODES_PER_DEVICE = 4;
const SUFFIX = ".codes.cbor";

/** A code as it was given, and until when it is good, seconds since 1970. */
export interface OpenCode extends EnrolmentCode {
  readonly expiry: number;
}

/** With the file that it is in. */
interface KeptCode extends OpenCode {
  readonly path: string;
}

export class CodeBook {
  readonly #folder: string;
  readonly #context: MeshContext;
  readonly #codes = new Map<number, KeptCode[]>();
  /** How many of the codes in use each file has, and when it expires. */
  readonly #files = new Map<string, { uses: number; readonly expiry: number }>();

  private constructor(folder: string, context: MeshContext) {
    this.#folder = folder;
    this.#context = context;
  }

  /** @param now seconds since 1970: what has expired is forgotten, on disk as well. */
  static async open(folder: string, context: MeshContext, now: number): Promise<CodeBook> {
    const book = new CodeBook(folder, context);
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(SUFFIX))) {
      const path = join(folder, name);
      const message = decodeEnrolmentCodes(await readLimited(path));
      if (message.expiry > now) book.#keep(path, message);
      else await rm(path);
    }
    await book.#removeUseless(now);
    return book;
  }

  /**
   * Keeps codes of a fleet, if its registrar sent them. @returns how many.
   * @throws Refusal `malformed`; SwarmkeepError `bad-expiry`, and those of `expectOfRegistrar`
   */
  async take(body: Uint8Array, standing: Standing, now: number): Promise<number> {
    const message = decodeEnrolmentCodes(body);
    const { fleetId, expiry, codes, signature } = message;
    const codesHash = keccak_256(encodeCodeList(codes));
    const digest = statementDigest(this.#context.separators.fleets, "EnrolmentCodes", { fleetId, codesHash, expiry });
    if (expiry <= now || expiry > now + MAXIMUM_CODE_LIFETIME) {
      throw new SwarmkeepError(`the codes expire at ${expiry}, and it is ${now}`, {
        kind: "refused",
        code: "bad-expiry",
        advice: "Let them expire within 30 days.",
      });
    }
    expectOfRegistrar(standing.projection, { fleetId, digest, signature, devices: codes }, "codes");
    const path = join(this.#folder, `${fleetId}-${bytesToHex(codesHash.subarray(0, 16))}${SUFFIX}`);
    await writeAtomically(path, encodeEnrolmentCodes(message));
    this.#keep(path, message);
    await this.#removeUseless(now);
    return codes.length;
  }

  /** Of each device the codes that expire last: sending an old message again takes no newer one's place. */
  #keep(path: string, { codes, expiry }: EnrolmentCodes): void {
    this.#files.set(path, { uses: this.#files.get(path)?.uses ?? 0, expiry });
    for (const code of codes) {
      const before = this.#codes.get(code.index) ?? [];
      const others = before.filter(({ codeHash }) => !equalBytes(codeHash, code.codeHash));
      const open = [...others, { ...code, expiry, path }].toSorted((a, b) => a.expiry - b.expiry);
      const after = open.slice(-CODES_PER_DEVICE);
      this.#codes.set(code.index, after);
      for (const kept of before) this.#count(kept.path, -1);
      for (const kept of after) this.#count(kept.path, 1);
    }
  }

  #count(path: string, by: number): void {
    const file = this.#files.get(path);
    if (file !== undefined) file.uses += by;
  }

  /** Files that have expired, or of which nothing is used any more. */
  async #removeUseless(now: number): Promise<void> {
    for (const [path, { uses, expiry }] of this.#files) {
      if (uses > 0 && expiry > now) continue;
      this.#files.delete(path);
      await rm(path, { force: true });
    }
  }

  /** The code of a device that these characters are, used or not; undefined where it has none such. */
  find(index: number, characters: string, now: number): OpenCode | undefined {
    const hash = hashOfCode(characters);
    return this.#codes.get(index)?.find(({ codeHash, expiry }) => equalBytes(codeHash, hash) && expiry > now);
  }
}

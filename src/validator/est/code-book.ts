/** One-time codes that registrars gave this validator (docs/protocol.md, section 14.3). Which of them were used is in `use-book.ts`. */
import { readdir } from "node:fs/promises";
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
import { FileUses } from "../file-uses.js";
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
  readonly #codes = new Map<number, readonly KeptCode[]>();
  readonly #files = new FileUses();

  private constructor(folder: string, context: MeshContext) {
    this.#folder = folder;
    this.#context = context;
  }

  /** @param now seconds since 1970: what has expired is forgotten, on disk as well. */
  static async open(folder: string, context: MeshContext, now: number): Promise<CodeBook> {
    const book = new CodeBook(folder, context);
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(SUFFIX))) {
      const path = join(folder, name);
      await book.#keep(path, decodeEnrolmentCodes(await readLimited(path)), now);
    }
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
    await this.#keep(path, message, now);
    return codes.length;
  }

  /**
   * Of each device the codes that expire last: sending an old message again takes no newer one's place. Files of which nothing counts any
   * more go.
   */
  async #keep(path: string, { codes, expiry }: EnrolmentCodes, now: number): Promise<void> {
    this.#files.count(path, 0);
    for (const code of codes) {
      const others = (this.#codes.get(code.index) ?? []).filter(({ codeHash }) => !equalBytes(codeHash, code.codeHash));
      this.#set(code.index, [...others, { ...code, expiry, path }], now);
    }
    // What has expired since is looked at now, so that no message has to come for its device.
    for (const [index, kept] of this.#codes) if (kept.some((one) => one.expiry <= now)) this.#set(index, kept, now);
    await this.#files.removeUnused();
  }

  #set(index: number, codes: readonly KeptCode[], now: number): void {
    const open = codes.filter(({ expiry }) => expiry > now).toSorted((a, b) => a.expiry - b.expiry);
    const after = open.slice(-CODES_PER_DEVICE);
    for (const { path } of this.#codes.get(index) ?? []) this.#files.count(path, -1);
    for (const { path } of after) this.#files.count(path, 1);
    if (after.length === 0) this.#codes.delete(index);
    else this.#codes.set(index, after);
  }

  /** The code of a device that these characters are, used or not; undefined where it has none such. */
  find(index: number, characters: string, now: number): OpenCode | undefined {
    const hash = hashOfCode(characters);
    return this.#codes.get(index)?.find(({ codeHash, expiry }) => equalBytes(codeHash, hash) && expiry > now);
  }
}

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

export class CodeBook {
  readonly #folder: string;
  readonly #context: MeshContext;
  readonly #codes = new Map<number, OpenCode[]>();

  private constructor(folder: string, context: MeshContext) {
    this.#folder = folder;
    this.#context = context;
  }

  /** @param now seconds since 1970: what has expired is forgotten, on disk as well. */
  static async open(folder: string, context: MeshContext, now: number): Promise<CodeBook> {
    const book = new CodeBook(folder, context);
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(SUFFIX)).sort()) {
      const message = decodeEnrolmentCodes(await readLimited(join(folder, name)));
      if (message.expiry > now) book.#keep(message);
      else await rm(join(folder, name));
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
    const name = `${fleetId}-${bytesToHex(codesHash.subarray(0, 16))}${SUFFIX}`;
    await writeAtomically(join(this.#folder, name), encodeEnrolmentCodes(message));
    this.#keep(message);
    return codes.length;
  }

  #keep({ codes, expiry }: EnrolmentCodes): void {
    for (const code of codes) {
      const others = (this.#codes.get(code.index) ?? []).filter(({ codeHash }) => !equalBytes(codeHash, code.codeHash));
      this.#codes.set(code.index, [...others, { ...code, expiry }].slice(-CODES_PER_DEVICE));
    }
  }

  /** The code of a device that these characters are, used or not; undefined where it has none such. */
  find(index: number, characters: string, now: number): OpenCode | undefined {
    const hash = hashOfCode(characters);
    return this.#codes.get(index)?.find(({ codeHash, expiry }) => equalBytes(codeHash, hash) && expiry > now);
  }
}

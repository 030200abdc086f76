/** When the root CA's certificate of the group keys ends, as the ledger's event has it. */
import { decodeX509Certificate } from "../../../certificate/x509.js";
import type { Args } from "../../json.js";
import { textOf } from "../../records.js";

/** Seconds since 1970; undefined for bytes that are no certificate, or longer than the index keeps. */
export function certificateEnd(args: Args): number | undefined {
  const hex = textOf(args, "certificate");
  if (!/^0x([0-9a-f]{2})+$/i.test(hex)) return undefined;
  try {
    return decodeX509Certificate(new Uint8Array(Buffer.from(hex.slice(2), "hex")), "cross-certificate").notAfter;
  } catch {
    return undefined;
  }
}

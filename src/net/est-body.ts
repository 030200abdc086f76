/**
 * What EST puts into HTTP (RFC 7030, with the clarifications of RFC 8951): DER in base64, a user name and a password, and errors that
 * a person reads. Answers have no line breaks in their base64: strongSwan's client takes none.
 */
import type { SwarmkeepError } from "../statements/errors.js";
import { HttpError } from "./error-body.js";
import type { Answer, ErrorFormat } from "./server.js";

export const EST_TYPE = {
  request: "application/pkcs10",
  certificates: "application/pkcs7-mime",
  certsOnly: "application/pkcs7-mime; smime-type=certs-only",
  attributes: "application/csrattrs",
} as const;

/** An answer of DER, as EST sends it. */
export function estAnswer(der: Uint8Array, type: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    body: Buffer.from(Buffer.from(der).toString("base64")),
    type,
    headers: { ...headers, "content-transfer-encoding": "base64" },
  };
}

/** The DER in a body, with or without line breaks in its base64. @throws HttpError `not-base64` (400) */
export function parseBase64Body(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body)
    .toString("latin1")
    .replace(/[\r\n\t ]/g, "");
  const der = Buffer.from(text, "base64");
  if (text.length > 0 && der.toString("base64") === text) return new Uint8Array(der);
  throw new HttpError("the body is not base64 of DER", {
    status: 400,
    kind: "usage",
    code: "not-base64",
    advice: "Send the request's DER in base64, as PEM has it between its first and its last line.",
  });
}

/** What `Authorization: Basic` says (RFC 7617). */
export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

const MAXIMUM_CREDENTIALS = 512;

/** Undefined where the header is none of this kind. */
export function parseBasicCredentials(header: string | undefined): BasicCredentials | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1];
  if (encoded === undefined || encoded.length > MAXIMUM_CREDENTIALS) return undefined;
  const [, user, password] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from(encoded, "base64").toString("utf8")) ?? [];
  return user === undefined || password === undefined ? undefined : { user, password };
}

/** One line for the message, one for what to do, one for programs. */
export const EST_ERRORS: ErrorFormat = {
  type: "text/plain; charset=utf-8",
  encode: (error: SwarmkeepError) => Buffer.from(`${error.message}\n${error.advice}\ncode: ${error.code}\n`, "utf8"),
};

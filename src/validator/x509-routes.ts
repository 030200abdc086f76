/** The mesh's own certificate and the revocation lists over HTTP, as RFC 5280 (section 4.2.1.13) and caches expect them. */
import type { FileRequest, FileRoute } from "../net/plain-server.js";
import type { Answer, Route } from "../net/server.js";
import { PATH } from "../protocol/api.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { FileName, PublishedFile, X509Files } from "./x509-files.js";

const PLACES: readonly { readonly path: string; readonly name: FileName; readonly type: string }[] = [
  { path: PATH.authority, name: "authority", type: "application/pkix-cert" },
  { path: PATH.crl, name: "crl", type: "application/pkix-crl" },
  { path: PATH.deltaCrl, name: "deltaCrl", type: "application/pkix-crl" },
];

/** Seconds after which a cache asks again, however long the file holds: an urgent head may follow at any tick. */
const MAXIMUM_AGE = 10;

/** For the TLS port. */
export function x509Routes(files: X509Files): Route[] {
  return fileRoutes(files).map((route) => ({ ...route, method: "GET" }));
}

/** For the plain port as well: the files are signed. */
export function fileRoutes(files: X509Files): FileRoute[] {
  return PLACES.map(({ path, name, type }) => ({
    path,
    handle: ({ conditions }) => {
      const file = files.get(name);
      if (file !== undefined) return fileAnswer(file, type, conditions);
      throw new SwarmkeepError(`there is no ${path} yet`, {
        kind: "network",
        code: "no-head",
        advice:
          "It is made with a revocation head, once the root CA has certified the group keys; try again in some seconds.",
      });
    },
  }));
}

/** 304 for who has it (RFC 9110, section 13.2.2: the entity tag counts before the date). */
function fileAnswer(file: PublishedFile, type: string, conditions: FileRequest["conditions"]): Answer {
  const { ifNoneMatch, ifModifiedSince } = conditions;
  const { content, etag, modified, until } = file;
  const headers = {
    etag,
    "last-modified": new Date(1000 * modified).toUTCString(),
    expires: new Date(1000 * until).toUTCString(),
    "cache-control": `public, max-age=${MAXIMUM_AGE}`,
  };
  const isKnown =
    ifNoneMatch === undefined
      ? ifModifiedSince !== undefined && Date.parse(ifModifiedSince) >= 1000 * modified
      : ifNoneMatch.split(",").some((tag) => [etag, "*"].includes(tag.trim().replace(/^W\//, "")));
  if (isKnown) return { status: 304, body: new Uint8Array(), type, headers };
  return { body: content, type, headers };
}

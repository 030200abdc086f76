/** The paths of EST (RFC 7030) on a validator, and how often each may be called (docs/protocol.md, section 14.1). */
import { WANTED_ATTRIBUTES, encodeCsrAttributes } from "../../certificate/csr-attributes.js";
import { encodeCertsOnly } from "../../certificate/cms.js";
import { Refusal } from "../../certificate/refusal.js";
import { meshLabel } from "../../certificate/x509-names.js";
import { addressKey } from "../../net/addresses.js";
import { HttpError } from "../../net/error-body.js";
import { EST_TYPE, estAnswer, parseBase64Body, parseBasicCredentials } from "../../net/est-body.js";
import { expectToken } from "../../net/server-errors.js";
import type { Answer, Exchange, Route } from "../../net/server.js";
import { TokenBuckets } from "../../net/token-buckets.js";
import type { StandardProof } from "../../protocol/standard-issuance.js";
import { SwarmkeepError } from "../../statements/errors.js";

/** Requests to enrol from one address, and failed ones in the name of one device. */
const ASKING = { perSecond: 2, burst: 30 } as const;
const FAILING = { perSecond: 0.2, burst: 10, maximumKeys: 100_000 } as const;

const TOO_MANY = "of this kind from this address, or for this device";

/** Refusals that say that the client has not shown who it is. */
const UNAUTHORISED: ReadonlySet<string> = new Set(["no-proof", "wrong-code", "code-used"]);
/** Swarmkeep's own attributes, which need more than the RFC. */
const ATTRIBUTE_FIELD = /^csr\.(enrolment|renewal)\b/;
const PREFIX = "/.well-known/est";

export interface EstOptions {
  readonly meshId: Uint8Array;
  /** The authorities above what is issued, DER: that which signs first. @throws SwarmkeepError `no-bundle` */
  readonly authorities: () => readonly Uint8Array[];
  /** Has a request judged and signed by the swarm; gives the certificate, DER. */
  readonly enrol: (csr: Uint8Array, proof: StandardProof, signal: AbortSignal) => Promise<Uint8Array>;
}

export function estRoutes(options: EstOptions): Route[] {
  const asking = new TokenBuckets(ASKING);
  const failing = new TokenBuckets(FAILING);
  const label = meshLabel(options.meshId);
  const attributes = encodeCsrAttributes(WANTED_ATTRIBUTES);

  async function enrol(exchange: Exchange, renews: boolean): Promise<Answer> {
    const { peer, authorization, body, signal } = exchange;
    const address = addressKey(peer.address);
    expectToken(asking.take(address), TOO_MANY);
    const proof = proofOf(authorization, peer.certificate, renews);
    const who = proof.code === undefined ? [address] : [address, `device ${proof.code.index}`];
    // Those who have failed too often are put off before anything of theirs is looked at.
    for (const one of who) expectToken(failing.wait(one), TOO_MANY);
    try {
      const certificate = await options.enrol(parseBase64Body(body), proof, signal);
      return estAnswer(encodeCertsOnly([certificate]), EST_TYPE.certsOnly);
    } catch (error) {
      for (const one of who) failing.take(one);
      throw answered(error);
    }
  }

  const paths = (operation: string): string[] => [`${PREFIX}/${operation}`, `${PREFIX}/:label/${operation}`];
  const route = (method: Route["method"], operation: string, handle: Route["handle"]): Route[] =>
    paths(operation).map((path) => ({
      method,
      path,
      ...(method === "POST" ? { consumes: EST_TYPE.request } : {}),
      handle: (exchange) => {
        expectLabel(exchange.parameters["label"], label);
        return handle(exchange);
      },
    }));

  return [
    ...route("GET", "cacerts", () => ({
      ...estAnswer(encodeCertsOnly(options.authorities()), EST_TYPE.certificates),
      maximumAge: 60,
    })),
    ...route("GET", "csrattrs", () => ({ ...estAnswer(attributes, EST_TYPE.attributes), maximumAge: 3_600 })),
    ...route("POST", "simpleenroll", (exchange) => enrol(exchange, false)),
    ...route("POST", "simplereenroll", (exchange) => enrol(exchange, true)),
  ];
}

/** A label (RFC 7030, section 3.2.2) is the mesh's: a client that names one is sure to have the mesh that it means. */
function expectLabel(found: string | undefined, label: string): void {
  if (found === undefined || found === label) return;
  throw new HttpError(`there is no ${JSON.stringify(found.slice(0, 40))} here`, {
    status: 404,
    kind: "usage",
    code: "unknown-label",
    advice: `Leave the label out, or give that of this mesh: ${label}.`,
  });
}

/** Of two proofs the certificate counts: it is the stronger one. */
function proofOf(
  authorization: string | undefined,
  certificate: Uint8Array | undefined,
  renews: boolean,
): StandardProof {
  if (certificate !== undefined) return { certificate };
  if (renews) throw unauthenticated("a renewal takes the current certificate in the TLS handshake", "no-certificate");
  const credentials = parseBasicCredentials(authorization);
  if (credentials === undefined) {
    if (authorization === undefined) return {};
    throw unauthenticated("the authorization is not a user name and a password (Basic)", "wrong-code");
  }
  const { user, password } = credentials;
  if (/^(0|[1-9][0-9]{0,14})$/.test(user) && password.length >= 1 && password.length <= 128) {
    return { code: { index: Number(user), characters: password } };
  }
  throw unauthenticated("the user name is the device's index, and the password its one-time code", "wrong-code");
}

function unauthenticated(message: string, code: string): HttpError {
  return new HttpError(message, {
    status: 401,
    kind: "refused",
    code,
    advice:
      "Show the current certificate, send index and one-time code, or have the request made by `swarmkeep device csr`.",
    challenge: 'Basic realm="swarmkeep", charset="UTF-8"',
  });
}

/**
 * Whoever has not shown who it is gets 401, as clients expect before they send a password; whoever sent no certificate request 400; and
 * everybody else what is wrong.
 */
function answered(error: unknown): unknown {
  if (!(error instanceof SwarmkeepError)) return error;
  const { message, code, advice } = error;
  if (UNAUTHORISED.has(code)) {
    return new HttpError(message, {
      status: 401,
      kind: "refused",
      code,
      advice,
      challenge: 'Basic realm="swarmkeep", charset="UTF-8"',
    });
  }
  // `malformed` may be said of a client's certificate too, which is another matter.
  if (!(error instanceof Refusal) || code !== "malformed" || !/^csr\b/.test(error.field ?? "")) return error;
  return new HttpError(message, {
    status: 400,
    kind: "usage",
    code,
    advice: ATTRIBUTE_FIELD.test(error.field ?? "")
      ? "Have the request made by `swarmkeep device csr`, or build its attributes as docs/protocol.md section 14.2 says."
      : "Send a PKCS#10 request (RFC 2986), DER in base64.",
    cause: error,
  });
}

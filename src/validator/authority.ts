/** The mesh's certificate authority as the finalised ledger has it: the newest cross-certificate of the generation in office. */
import { getBytes } from "ethers";

import { decodeX509Certificate } from "../certificate/x509.js";
import { type MeshAuthority, authorityToSign, meshAuthority, permittedHosts } from "../certificate/x509-authority.js";
import { isWithin } from "../certificate/x509-names.js";
import { type MemberHosts, type MeshFacts, readMeshFacts } from "../certificate/x509-root.js";
import { equalBytes } from "../crypto/bytes.js";
import type { Projection } from "../ledger/projection.js";
import { endpointHosts } from "../net/endpoint.js";
import { SwarmkeepError } from "../statements/errors.js";

export interface KnownAuthority {
  /** DER. */
  readonly crossCertificate: Uint8Array;
  readonly facts: MeshFacts;
  readonly authority: MeshAuthority;
  /** TBSCertificate of the mesh's own certificate. */
  readonly toSign: Uint8Array;
  /** What members' certificates may name besides their names in the mesh. */
  readonly hosts: MemberHosts;
}

/** The last one read: it changes when the root certifies anew, which is rare. */
let last: { readonly hex: string; readonly known: KnownAuthority } | undefined;

/** Undefined before the root has certified the group keys. The contract took the root's signature on it. */
export function knownAuthority(projection: Projection, generation: number): KnownAuthority | undefined {
  const hex = projection.certificates.get(BigInt(generation));
  if (hex === undefined) return undefined;
  if (last?.hex !== hex) {
    const crossCertificate = getBytes(hex);
    const facts = readMeshFacts(decodeX509Certificate(crossCertificate, "crossCertificate"), "crossCertificate");
    const known = {
      crossCertificate,
      facts,
      authority: meshAuthority(facts),
      toSign: authorityToSign(crossCertificate),
      hosts: permittedHosts(crossCertificate),
    };
    last = { hex, known };
  }
  return last.known;
}

/** @throws SwarmkeepError `no-bundle` */
export function neededAuthority(projection: Projection, generation: number): KnownAuthority {
  const known = knownAuthority(projection, generation);
  if (known !== undefined) return known;
  throw new SwarmkeepError("the root CA has not certified the group keys yet", {
    kind: "network",
    code: "no-bundle",
    advice: "Run `swarmkeep mesh certify` once the first committee is in office.",
  });
}

/** The hosts of an endpoint, as far as the authority may name them. */
export function namedHosts(endpoint: string, permitted: MemberHosts): MemberHosts {
  const { dns, ip } = endpointHosts([endpoint]);
  return {
    dns: dns.filter((name) => permitted.dns.some((domain) => isWithin(name, domain))),
    ip: ip.filter((address) => permitted.ip.some((allowed) => equalBytes(allowed, address))),
  };
}

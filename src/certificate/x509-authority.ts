/**
 * The mesh's certificate authority in X.509 (docs/protocol.md, section 6.2): its own certificate, which the swarm signs with the
 * Ed25519 group key for software that is to trust this mesh and no root above it, and what certificates take from it.
 *
 * It says what the root's cross-certificate says, and nothing else: the same key, name, times, name constraints and facts. So all
 * members build the same bytes from the ledger, and the swarm never claims more than the root granted.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import { equalBytes, toBytes } from "../crypto/bytes.js";
import { KEY_TYPE } from "../statements/cose.js";
import { TAG } from "../statements/tags.js";
import { Refusal } from "./refusal.js";
import type { DeviceSignatures } from "./signatures.js";
import {
  type X509Certificate,
  caExtensions,
  decodeX509Certificate,
  distinguishedName,
  encodeTbsCertificate,
  encodeX509Certificate,
  extension,
  keyIdentifier,
} from "./x509.js";
import { NAME_CONSTRAINTS, readNameConstraints } from "./x509-extensions.js";
import { meshLabel, meshName } from "./x509-names.js";
import { GROUP_KEYS, type MemberHosts, type MeshFacts, readMeshFacts } from "./x509-root.js";

/** What certificates and lists take from the authority above them. */
export interface MeshAuthority {
  /** First 4 bytes of the mesh id, hexadecimal. */
  readonly label: string;
  /** Identifier of the Ed25519 group key, 20 bytes. */
  readonly keyId: Uint8Array;
  readonly crlUrl: string | undefined;
}

export function meshAuthority({ meshId, keys, crlUrl }: Pick<MeshFacts, "meshId" | "keys" | "crlUrl">): MeshAuthority {
  return {
    label: meshLabel(meshId),
    keyId: keyIdentifier({ type: KEY_TYPE.ed25519, bytes: keys.ed25519 }),
    crlUrl,
  };
}

/** The authority's name, DER. */
export function authorityName(label: string): Uint8Array {
  return distinguishedName(meshName(label));
}

/**
 * The TBSCertificate of the mesh's own certificate.
 * @param crossCertificate of the generation, DER; its signature is the caller's to check.
 * @throws Refusal
 */
export function authorityToSign(crossCertificate: Uint8Array): Uint8Array {
  const cross = decodeX509Certificate(crossCertificate, "crossCertificate");
  const { meshId, generation } = readMeshFacts(cross, "crossCertificate");
  const facts = cross.extensions.get(bytesToHex(GROUP_KEYS)) as Uint8Array;
  const tag = utf8ToBytes(TAG.authoritySerial);
  return encodeTbsCertificate({
    serial: sha256(concatBytes(tag, meshId, toBytes(generation, 8), sha256(crossCertificate))).slice(0, 16),
    issuer: cross.subject,
    subject: cross.subject,
    notBefore: cross.notBefore,
    notAfter: cross.notAfter,
    key: cross.key,
    issuerKeyType: KEY_TYPE.ed25519,
    extensions: [
      ...caExtensions(cross.key, 0, keyIdentifier(cross.key)),
      ...(cross.nameConstraints === undefined ? [] : [extension(NAME_CONSTRAINTS, true, cross.nameConstraints)]),
      extension(GROUP_KEYS, false, facts),
    ],
  });
}

/** @param tbs of `authorityToSign`, or of a leaf. @param signature 64 bytes, by the Ed25519 group key. */
export function signedBySwarm(tbs: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeX509Certificate(tbs, KEY_TYPE.ed25519, signature);
}

/**
 * Checks that the mesh's own certificate is the one that a verified cross-certificate leads to.
 * @throws Refusal `malformed`, `wrong-kind`, `wrong-mesh` or `bad-signature`
 */
export function verifyAuthority(
  encoded: Uint8Array,
  crossCertificate: Uint8Array,
  signatures: DeviceSignatures,
): X509Certificate {
  const field = "authority";
  const certificate = decodeX509Certificate(encoded, field);
  if (!equalBytes(certificate.tbs, authorityToSign(crossCertificate))) {
    throw new Refusal("wrong-mesh", "the mesh's certificate is not the one of this cross-certificate", { field });
  }
  checkSignedBySwarm(certificate, certificate.key.bytes, signatures, field);
  return certificate;
}

/** @param groupKey Ed25519, 32 bytes. @throws Refusal `bad-signature` */
export function checkSignedBySwarm(
  { tbs, signature, issuerKeyType }: Pick<X509Certificate, "tbs" | "signature" | "issuerKeyType">,
  groupKey: Uint8Array,
  signatures: DeviceSignatures,
  field: string,
): void {
  if (issuerKeyType === KEY_TYPE.ed25519 && signatures.verifyEd25519(groupKey, tbs, signature)) return;
  throw new Refusal("bad-signature", `the ${field} is not signed by this mesh's Ed25519 group key`, { field });
}

/** What members' certificates may name under this cross-certificate: DNS domains, and single addresses. @throws Refusal */
export function permittedHosts(crossCertificate: Uint8Array): MemberHosts {
  const { nameConstraints } = decodeX509Certificate(crossCertificate, "crossCertificate");
  if (nameConstraints === undefined) return { dns: [], ip: [] };
  const { domains, ip } = readNameConstraints(nameConstraints, "crossCertificate.nameConstraints");
  return { dns: domains, ip };
}

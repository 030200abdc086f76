import { decodeCandidacy, signCandidacy } from "../../src/certificate/candidacy.js";
import { decodeDeviceRevocation, signDeviceRevocation } from "../../src/certificate/revocation-request.js";
import { decodeBundle, encodeBundle } from "../../src/certificate/bundle.js";
import { decodeCbor, encodeCbor } from "../../src/certificate/cbor.js";
import {
  certificatePayload,
  decodeCertificate,
  decodeCertificatePayload,
  encodeCertificate,
} from "../../src/certificate/certificate.js";
import {
  committeeListPayload,
  decodeCommitteeList,
  encodeCommitteeList,
} from "../../src/certificate/committee-list.js";
import {
  decodeCoseSign1,
  decodeSignedObject,
  encodeCoseSign1,
  encodeSignedObject,
} from "../../src/certificate/cose.js";
import { decodeCertsOnly, encodeCertsOnly } from "../../src/certificate/cms.js";
import { WANTED_ATTRIBUTES, decodeCsrAttributes, encodeCsrAttributes } from "../../src/certificate/csr-attributes.js";
import { decodeDrlProof, decodeSignedDrlHead, encodeDrlProof, encodeSignedDrlHead } from "../../src/certificate/drl.js";
import { decodeCertificateRequest, requestedNames } from "../../src/certificate/pkcs10.js";
import {
  decodeAnswer,
  decodePresentation,
  encodePresentation,
  makePresentation,
} from "../../src/certificate/presentation.js";
import { REQUEST_KIND, decodeRequest, encodeRequestPayload, signRequest } from "../../src/certificate/request.js";
import { decodeX509Certificate } from "../../src/certificate/x509.js";
import { meshAuthority, signedBySwarm } from "../../src/certificate/x509-authority.js";
import { crlToSign, decodeCrl } from "../../src/certificate/x509-crl.js";
import {
  decodeDeviceCertificate,
  decodeMemberCertificate,
  deviceCertificateToSign,
  memberCertificateToSign,
} from "../../src/certificate/x509-leaf.js";
import { COSE_ALG, COSE_TYP, JOIN_METHOD } from "../../src/statements/cose.js";
import { type FuzzTarget, fuzzTarget } from "../fuzz-target.js";
import { makeCsr } from "./csr-fixture.js";
import {
  NOW,
  certificateFields,
  ed25519Holder,
  externalAad,
  issue,
  listProof,
  makeCrossCertificate,
  makeRoot,
  meshId,
  p256Holder,
  seed,
  trust,
} from "./fixtures.js";

/** Every decoder of src/certificate with inputs that it takes. */
export async function certificateTargets(): Promise<FuzzTarget[]> {
  const [device, other] = [ed25519Holder(), p256Holder()];
  const certificates = [issue({}, COSE_ALG.eddsa), issue({ key: other.key }, COSE_ALG.eddsa)];
  const [certificate] = certificates as [Uint8Array];
  const proofs = [
    listProof({ devices: 256, index: 0, algorithm: COSE_ALG.eddsa }),
    listProof({ algorithm: COSE_ALG.eddsa }),
  ];
  const [drlProof] = proofs as [Uint8Array];
  const { head } = decodeDrlProof(drlProof);
  const presentation = await makePresentation({ certificate, drlProof, challenge: seed("c"), externalAad, ...device });
  const root = await makeRoot();
  const cross = await makeCrossCertificate(root);
  const member = {
    seat: 1,
    account: new Uint8Array(20),
    endpoint: "host:1",
    tlsPin: seed("pin"),
    scope: "grp:a",
    blsKey: trust.keys.bls,
    ed25519Key: trust.keys.ed25519,
  };
  const members = [member, { ...member, seat: 2 }];
  const listPayload = committeeListPayload({ generation: 1, epoch: 1, tick: 1, issued: NOW, members });
  const list = encodeCommitteeList(listPayload, new Uint8Array(96));
  const fields = {
    index: 7,
    period: 1,
    k: 0,
    notBefore: NOW,
    expires: NOW + 1,
    scope: "geo:u",
    key: other.key,
    algorithm: COSE_ALG.bls,
    channelBinding: seed("exporter"),
    csr: makeCsr(other),
    keyProof: new Uint8Array(64),
  } as const;
  const enrolment = {
    fleetId: 1,
    batch: 1,
    root: seed("r"),
    base: 0,
    count: 9,
    salt: seed("s"),
    key: device.key,
    deviceClass: 0,
    path: seed("p"),
  };
  const requests = await Promise.all([
    signRequest({ ...fields, kind: REQUEST_KIND.renew, certificate }, device, externalAad),
    signRequest({ ...fields, kind: REQUEST_KIND.enrol, enrolment, joinMethod: JOIN_METHOD.csr }, device, externalAad),
  ]);
  const item = encodeCbor([1, -1, null, true, "text", seed("bytes"), new Map([[1, [2 ** 40]]])]);

  const authority = meshAuthority({ ...trust, meshId, crlUrl: "http://a.example/b.crl" });
  const leaves = [device, other].map(({ key }) =>
    signedBySwarm(deviceCertificateToSign(certificateFields({ key }), [], authority), new Uint8Array(64)),
  );
  const memberLeaf = signedBySwarm(
    memberCertificateToSign(
      {
        ...certificateFields(),
        account: seed("account").slice(12),
        key: other.key,
        hosts: { dns: ["a.example"], ip: [Uint8Array.of(127, 0, 0, 1)] },
      },
      authority,
    ),
    new Uint8Array(64),
  );
  const entry = { serial: seed("serial").slice(0, 16), revoked: NOW, reason: undefined };
  const lists = [
    { base: undefined, entries: [] },
    { base: 3, entries: [entry, { ...entry, reason: "removeFromCRL" as const }] },
  ].map((changes) =>
    signedBySwarm(
      crlToSign({ number: 4, thisUpdate: NOW, nextUpdate: NOW + 1, ...changes }, authority),
      new Uint8Array(64),
    ),
  );

  const revocation = await signDeviceRevocation(
    { index: 7, reason: 1, expiry: 9, channelBinding: new Uint8Array(32), subject: certificate },
    device,
    externalAad,
  );
  const candidacy = await signCandidacy(
    { account: new Uint8Array(20), expiry: 9, channelBinding: new Uint8Array(32), certificate },
    device,
    externalAad,
  );
  const succession = {
    generation: 2,
    ceremony: 3,
    bls: new Uint8Array(48),
    ed25519: new Uint8Array(32),
    since: NOW,
    signature: new Uint8Array(96),
  };
  return [
    fuzzTarget("decodeCbor", [item, certificate.subarray(1)], (bytes) => decodeCbor(bytes, "item"), encodeCbor),
    fuzzTarget("decodeCoseSign1", certificates, (bytes) => decodeCoseSign1(bytes, "message")),
    fuzzTarget(
      "decodeSignedObject",
      certificates,
      (bytes) => decodeSignedObject(bytes, "object", COSE_TYP.certificate, [COSE_ALG.eddsa]),
      encodeSignedObject,
    ),
    fuzzTarget(
      "decodeCertificatePayload",
      [certificatePayload(certificateFields()), certificatePayload(certificateFields({ key: other.key }))],
      decodeCertificatePayload,
      certificatePayload,
    ),
    fuzzTarget("decodeCertificate", certificates, decodeCertificate, (found) =>
      encodeCertificate(found.algorithm, certificatePayload(found), found.signature),
    ),
    fuzzTarget("decodeDrlProof", proofs, decodeDrlProof, encodeDrlProof),
    fuzzTarget(
      "decodeSignedDrlHead",
      [null, new Uint8Array(64)].map((ed25519) => encodeSignedDrlHead({ head, bls: new Uint8Array(96), ed25519 })),
      decodeSignedDrlHead,
      encodeSignedDrlHead,
    ),
    fuzzTarget("decodePresentation", [presentation], decodePresentation, encodePresentation),
    fuzzTarget("decodeAnswer", [decodePresentation(presentation).answer], decodeAnswer, encodeSignedObject),
    fuzzTarget("decodeCommitteeList", [list], decodeCommitteeList, (found) =>
      encodeCommitteeList(committeeListPayload(found), found.signature),
    ),
    fuzzTarget("decodeRequest", requests, decodeRequest, (found) =>
      encodeSignedObject({ ...found, payload: encodeRequestPayload(found.request) }),
    ),
    fuzzTarget("decodeCandidacy", [candidacy], decodeCandidacy),
    fuzzTarget("decodeDeviceRevocation", [revocation], decodeDeviceRevocation),
    fuzzTarget(
      "decodeBundle",
      [list, undefined].map((committeeList) =>
        encodeBundle({ root, crossCertificates: [cross], committeeList, successions: committeeList && [succession] }),
      ),
      decodeBundle,
      encodeBundle,
    ),
    fuzzTarget("decodeX509Certificate", [root, cross, ...leaves, memberLeaf], (bytes) =>
      decodeX509Certificate(bytes, "certificate"),
    ),
    fuzzTarget("decodeCertsOnly", [encodeCertsOnly([cross, root]), encodeCertsOnly([])], decodeCertsOnly),
    fuzzTarget(
      "decodeCsrAttributes",
      [encodeCsrAttributes(WANTED_ATTRIBUTES)],
      decodeCsrAttributes,
      encodeCsrAttributes,
    ),
    fuzzTarget("decodeDeviceCertificate", leaves, decodeDeviceCertificate),
    fuzzTarget("decodeMemberCertificate", [memberLeaf], decodeMemberCertificate),
    fuzzTarget("decodeCrl", lists, decodeCrl, (found) =>
      signedBySwarm(crlToSign(found, found.authority), found.signature),
    ),
    fuzzTarget("decodeCertificateRequest", [makeCsr(device), makeCsr(other), makeCsr(other, 0, ["a.b"])], (bytes) => {
      const request = decodeCertificateRequest(bytes);
      requestedNames(request);
      return request;
    }),
    fuzzTarget("decodeCoseSign1", [encodeCoseSign1(decodeCoseSign1(certificate, "m"), { tagged: false })], (bytes) =>
      decodeCoseSign1(bytes, "message", { tagged: "absent" }),
    ),
  ];
}

/** The root CA certifies the group keys that a ceremony made (docs/protocol.md, section 5): trust passes from one key to the swarm. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { getBytes, hexlify } from "ethers";

import { decodeX509Certificate } from "../certificate/x509.js";
import { type MemberHosts, type MeshFacts, createCrossCertificate, isCrlUrl } from "../certificate/x509-root.js";
import { g1FromEip2537 } from "../crypto/points.js";
import { g1Bytes } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { endpointHosts } from "../net/endpoint.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { statementDigest } from "../statements/eip712.js";
import { type MeshLedger, blockTime } from "./ledger.js";
import type { RootAuthority } from "./root-ca.js";

/** The newest generation and its keys, as they stand on the ledger. @throws SwarmkeepError `no-group-keys` */
export async function groupFacts({ contracts, addresses, mesh }: MeshLedger): Promise<MeshFacts> {
  const office = await contracts.groupKeys.office();
  if (office.generation === 0n) {
    throw new SwarmkeepError("the mesh has no group keys yet", {
      kind: "usage",
      code: "no-group-keys",
      advice: "Start the validators and wait until `swarmkeep mesh status` shows a committee in office.",
    });
  }
  return {
    generation: Number(office.generation),
    keys: { bls: g1FromEip2537(g1Bytes(office.blsKey)).toBytes(), ed25519: getBytes(office.edKey) },
    meshId: mesh.meshId,
    chainId: mesh.chainId,
    anchor: getBytes(addresses.anchor),
    registry: getBytes(addresses.registry),
    revocationList: getBytes(addresses.revocations),
  };
}

/** Where members could be reached when they had registered by `block`: what their certificates may name. */
async function memberHosts({ contracts, mesh }: MeshLedger, block: number | undefined): Promise<MemberHosts> {
  const { registry } = contracts;
  const [registered, updated] = await Promise.all([
    registry.queryFilter(registry.filters.ValidatorRegistered(), mesh.deployedBlock, block),
    registry.queryFilter(registry.filters.ValidatorUpdated(), mesh.deployedBlock, block),
  ]);
  const endpoints = new Map([...registered, ...updated].map(({ args }) => [args.account, args.endpoint]));
  return endpointHosts([...endpoints.values()]);
}

/**
 * Makes the cross-certificate of the newest generation. The same facts give the same TBS certificate, so that an external
 * root signs it once: it is valid from the time of the block that put the keys into office, as long as the root.
 * @param earlier how many this generation has.
 */
async function crossCertificate(
  ledger: MeshLedger,
  root: RootAuthority,
  facts: MeshFacts,
  earlier: number,
): Promise<Uint8Array> {
  const { contracts, endpoint, mesh } = ledger;
  const taken = await contracts.groupKeys.queryFilter(contracts.groupKeys.filters.OfficeTaken(), mesh.deployedBlock);
  const first = taken.find(({ args }) => Number(args.generation) === facts.generation);
  const notBefore = await blockTime(endpoint, first?.blockNumber ?? "latest");
  const { notAfter } = decodeX509Certificate(root.certificate, "root");
  const serial = sha256(
    concatBytes(
      utf8ToBytes(`cross-certificate ${earlier}`),
      root.certificate,
      facts.meshId,
      facts.keys.bls,
      facts.keys.ed25519,
    ),
  ).slice(0, 16);
  serial[0] = ((serial[0] as number) & 0x3f) | 0x40;
  // Members that came or moved since the first one are what a later one is made for.
  const hosts = await memberHosts(ledger, earlier === 0 ? first?.blockNumber : undefined);
  return createCrossCertificate({
    root: root.certificate,
    facts,
    hosts,
    serial,
    notBefore,
    notAfter,
    sign: (tbs) => root.sign(`cross-certificate-${facts.generation}${suffix(earlier)}`, tbs),
  });
}

export interface Certified {
  readonly facts: MeshFacts;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  /** Undefined where the ledger had a certificate of this generation already. */
  readonly receipt: Receipt | undefined;
}

/** Files of what an external root signs are told apart by it. */
function suffix(earlier: number): string {
  return earlier === 0 ? "" : `-${earlier}`;
}

export interface CertifyOptions {
  /** Where software finds the mesh's certificate revocation list: `http://...`. */
  readonly crlUrl?: string | undefined;
  /** Certifies a generation anew that is certified: for members that moved, or another address of the list. */
  readonly again?: boolean | undefined;
}

/**
 * Certifies the newest generation on the ledger, unless that is done.
 * @throws SwarmkeepError `no-group-keys`, `bad-crl-url`
 */
export async function certifyGroupKeys(
  ledger: MeshLedger,
  root: RootAuthority,
  sender: TransactionSender,
  { crlUrl, again = false }: CertifyOptions = {},
): Promise<Certified> {
  const { contracts, addresses, mesh } = ledger;
  if (crlUrl !== undefined && !isCrlUrl(crlUrl)) {
    throw new SwarmkeepError(`${JSON.stringify(crlUrl.slice(0, 80))} is no address of a revocation list`, {
      kind: "usage",
      code: "bad-crl-url",
      advice: "Write http:// and at most 240 visible characters; validators serve the list at /crl/mesh.crl.",
    });
  }
  const facts = { ...(await groupFacts(ledger)), ...(crlUrl === undefined ? {} : { crlUrl }) };
  const posted = await contracts.anchor.queryFilter(
    contracts.anchor.filters.KeysCertified(facts.generation),
    mesh.deployedBlock,
  );
  const known = posted.at(-1);
  if (known !== undefined && !again)
    return { facts, certificate: getBytes(known.args.certificate), receipt: undefined };

  const certificate = await crossCertificate(ledger, root, facts, posted.length);
  const digest = statementDigest(ledger.separator("anchor"), "KeyCertification", {
    generation: facts.generation,
    certificateHash: keccak_256(certificate),
  });
  const signature = await root.sign(`key-certification-${facts.generation}${suffix(posted.length)}`, digest);
  const data = contracts.anchor.interface.encodeFunctionData("certifyKeys", [
    facts.generation,
    certificate,
    hexlify(signature.subarray(0, 32)),
    hexlify(signature.subarray(32)),
  ]);
  const receipt = await sender.send({ to: addresses.anchor, data, action: "certify the group keys" });
  return { facts, certificate, receipt };
}

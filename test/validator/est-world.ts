/** One validator in office as far as EST goes: real shares, a ledger of one fleet, and other members that count what they are asked. */
import { join } from "node:path";

import { keccak_256 } from "@noble/hashes/sha3.js";
import { Wallet, getBytes, hexlify } from "ethers";

import { enrolmentAttribute, makeCertificateRequest } from "../../src/certificate/csr-proofs.js";
import { ManifestNodes } from "../../src/certificate/manifest-nodes.js";
import { ManifestTree, manifestLeaf } from "../../src/certificate/manifest.js";
import { nobleBls } from "../../src/crypto/bls.js";
import type { LedgerEvent } from "../../src/ledger/events.js";
import { Projection } from "../../src/ledger/projection.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import { TokenBuckets } from "../../src/net/token-buckets.js";
import { FROST_KIND, decodeFrostCommitRequest } from "../../src/protocol/api.js";
import {
  type EnrolmentCode,
  encodeCodeList,
  encodeEnrolmentCodes,
  hashOfCode,
  hashOfKey,
} from "../../src/protocol/enrolment-codes.js";
import { type StandardRequest, decodeStandardRequest } from "../../src/protocol/standard-issuance.js";
import { systemClock } from "../../src/runtime/clock.js";
import { openDataFolder } from "../../src/runtime/data-folder.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { openJournal } from "../../src/runtime/journal.js";
import { silentLogger } from "../../src/runtime/log.js";
import { JOIN_METHOD } from "../../src/statements/cose.js";
import { statementDigest } from "../../src/statements/eip712.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { EstService } from "../../src/validator/est/service.js";
import { IssuedBook } from "../../src/validator/issued.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import type { InOfficeParts } from "../../src/validator/office.js";
import { Signer } from "../../src/validator/signer.js";
import { Standing } from "../../src/validator/standing.js";
import type { WordProver } from "../../src/validator/word-prover.js";
import { X509Files } from "../../src/validator/x509-files.js";
import {
  type Holder,
  NOW,
  chainId,
  facts,
  makeCrossCertificate,
  makeRoot,
  meshId,
  seed,
} from "../certificate/fixtures.js";
import { sharedKeys } from "../crypto/shared-key-fixture.js";
import { scratchFolder } from "../runtime/scratch.js";
import { addresses } from "./addresses.js";

export const BASE = 512;
export const SCOPE = "grp:city/lamps";
const FLEET = 1;
const PERIOD_SECONDS = 3_600;
export const context = meshContext(meshId, chainId, addresses);
const registrar = Wallet.createRandom();

/** What a registrar sends: codes of its fleet for keys, of devices ascending. */
export function codesMessage(
  codes: readonly (readonly [index: number, characters: string, key: Holder["key"]])[],
  {
    expiry = NOW + 600,
    fleetId = FLEET,
    by = registrar,
  }: { expiry?: number; fleetId?: number; by?: Pick<typeof registrar, "signingKey"> } = {},
): Uint8Array {
  const list = codes.map(([index, characters, key]): EnrolmentCode => {
    return { index, codeHash: hashOfCode(characters), keyHash: hashOfKey(key), deviceClass: 0, scope: SCOPE };
  });
  const codesHash = keccak_256(encodeCodeList(list));
  const digest = statementDigest(context.separators.fleets, "EnrolmentCodes", { fleetId, codesHash, expiry });
  const signature = getBytes(by.signingKey.sign(digest).serialized);
  return encodeEnrolmentCodes({ fleetId, expiry, codes: list, signature });
}

/** A request, as it is given with a code. */
export const plainRequest = (holder: Holder, commonName = "device"): Promise<Uint8Array> =>
  makeCertificateRequest({ commonName, key: holder.key }, async (message) => holder.sign(message));

export interface EstWorld {
  readonly standing: Standing;
  readonly service: EstService;
  /** Requests to other members, none of which answers. */
  asked: number;
  /** What they were asked to sign. */
  readonly orders: readonly StandardRequest[];
  now: number;
  /** A request by a device's manifest key. @param position in the batch. */
  manifestRequest(position: number, commonName?: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** @param holders keys of the fleet's devices, from BASE on. */
export async function estWorld(holders: readonly Holder[]): Promise<EstWorld> {
  const keys = sharedKeys(4, "est world");
  const group = { bls: keys.bls.groupKey, ed25519: keys.ed25519.groupKey };
  const root = await makeRoot();
  const crossCertificate = await makeCrossCertificate(root, { ...facts, keys: group });
  const entries = holders.map(({ key }, i) => ({ index: BASE + i, salt: seed(`salt ${i}`), key, deviceClass: 0 }));
  const tree = new ManifestTree(Buffer.concat(entries.map((entry) => manifestLeaf(entry))));

  const standing = new Standing(new Projection());
  const apply = (contract: string, name: string, args: object): void =>
    standing.projection.apply({ contract, blockNumber: 1, name, args } as unknown as LedgerEvent);
  const parameters = { certificatePeriodSeconds: BigInt(PERIOD_SECONDS), headLifetimeSeconds: 900n };
  apply("anchor", "GenesisAccepted", { meshId: hexlify(meshId), parameters });
  apply("anchor", "KeysCertified", { generation: 1n, certificate: hexlify(crossCertificate) });
  const grant = {
    grantId: 1n,
    registrar: registrar.address,
    scopes: ["grp:city"],
    indexes: 1_000n,
    candidates: 0n,
    expiry: 1n << 40n,
  };
  apply("fleets", "GrantGiven", grant);
  const policy = {
    scopes: ["grp:city"],
    maximumLifetime: 3_600n,
    quota: 8n,
    joinMethods: BigInt(JOIN_METHOD.csr),
    graceSeconds: 600n,
  };
  apply("fleets", "FleetRegistered", { fleetId: BigInt(FLEET), grantId: 1n, policy });
  const [manifestRoot, base, count] = [hexlify(tree.root()), BigInt(BASE), BigInt(holders.length)];
  apply("fleets", "BatchAppended", { fleetId: BigInt(FLEET), batch: 0n, manifestRoot, base, count });

  const identity = await tlsIdentity(await generateTlsKey());
  const signer = new Signer({
    seat: 1,
    shares: { g1: keys.blsShares.get(1) as Uint8Array, ed25519: keys.edShares.get(1) as Uint8Array },
    edKey: keys.ed25519,
    registrySeparator: context.separators.registry,
    identity,
    bls: nobleBls,
    nowMilliseconds: () => Date.now(),
    expectSpeaking: () => undefined,
  });
  const committee = {
    generation: 1,
    epoch: 1,
    quorum: quorumOf(4),
    keys: group,
    accounts: new Map(),
    edKey: keys.ed25519,
  };
  Object.assign(standing, {
    finalised: { number: 1, timestamp: NOW },
    committee,
    signer,
    silence: undefined,
    doubts: () => undefined,
  });

  const orders: StandardRequest[] = [];
  const state = { asked: 0, now: NOW, orders };
  const path = await scratchFolder();
  const folder = await openDataFolder(join(path, "validator"), "validator");
  const journal = await openJournal(await folder.folder("issued"));
  const peers = {
    seats: [2, 3, 4],
    async post(_seat: number, _path: string, body: Uint8Array) {
      state.asked += 1;
      orders.push(decodeStandardRequest(decodeFrostCommitRequest(body).request ?? new Uint8Array()));
      throw new SwarmkeepError("away", { kind: "network", code: "connection-refused", advice: "Try another." });
    },
  };
  const signing = { committee, signer, peers, clock: systemClock, log: silentLogger };
  const service = await EstService.open({
    context,
    standing,
    issued: await IssuedBook.open(journal),
    inheritance: { expectKnown: () => undefined },
    prover: { prove: async () => undefined } as unknown as WordProver,
    checks: { bls: nobleBls, device: nativeSignatures },
    nodes: new ManifestNodes(),
    devices: new TokenBuckets({ perSecond: 1, burst: 16, now: () => 0 }),
    nowSeconds: () => state.now,
    folder,
    files: await X509Files.open(folder),
    rootCertificate: root,
    office: () =>
      ({ signing: { ...signing, topics: { [FROST_KIND.standard]: service.topic } } }) as unknown as InOfficeParts,
  });
  return Object.assign(state, {
    standing,
    service,
    async manifestRequest(position: number, commonName = "device") {
      const holder = holders[position] as Holder;
      const entry = entries[position] as (typeof entries)[number];
      const place = { fleetId: FLEET, batch: 0, root: tree.root(), base: BASE, count: holders.length };
      const enrolment = { ...entry, ...place, path: tree.path(position) };
      const attributes = [enrolmentAttribute({ index: entry.index, scope: SCOPE, enrolment })];
      const fields = { commonName, key: holder.key, attributes };
      return makeCertificateRequest(fields, async (message) => holder.sign(message));
    },
    async close() {
      await service.close();
      await journal.close();
      await folder.close();
    },
  });
}

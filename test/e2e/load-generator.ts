/**
 * Many light devices in one process of its own: each has its own key and certificate, and they ask over TLS connections from
 * several source addresses. Where devices share a connection, it is that of their gateway, and each still signs the
 * connection's channel binding. Told over IPC what to do; does nothing when it is merely loaded.
 */
import { sha256 } from "@noble/hashes/sha2.js";

import {
  certificatePayload,
  decodeCertificate,
  encodeCertificate,
  verifyCertificate,
} from "../../src/certificate/certificate.js";
import type { CommitteeMember } from "../../src/certificate/committee-list.js";
import type { ManifestTree } from "../../src/certificate/manifest.js";
import {
  type IssuanceRequest,
  REQUEST_KIND,
  requestedCertificate,
  signRequest,
} from "../../src/certificate/request.js";
import { g1 } from "../../src/crypto/group.js";
import { lagrangeAtZero } from "../../src/crypto/lagrange.js";
import { type DeviceIdentity, preSharedIdentityKey, softwareIdentity } from "../../src/device/identity.js";
import { type Connection, openConnection } from "../../src/net/connection.js";
import { parseEndpoint } from "../../src/net/endpoint.js";
import { decodeError } from "../../src/net/error-body.js";
import { type BatchFolder, decodeRecord, manifestOf, openBatchFolder } from "../../src/operator/batch-folder.js";
import { openMeshLedger } from "../../src/operator/ledger.js";
import { type Validators, openValidators } from "../../src/operator/swarm-signature.js";
import { PATH, decodePartialAnswer } from "../../src/protocol/api.js";
import { blstBls } from "../../src/runtime/blst.js";
import { nativeSignatures } from "../../src/runtime/device-signatures.js";
import { readMeshFile } from "../../src/runtime/mesh-file.js";
import { COSE_ALG, JOIN_METHOD } from "../../src/statements/cose.js";

export interface LoadOrder {
  readonly kind: "enrol" | "renew";
  /** Positions in the batch. */
  readonly from: number;
  readonly to: number;
  /** Devices at work at once. */
  readonly lanes: number;
  /** Addresses 127.0.1.1 and following. */
  readonly addresses: number;
  /** Connections of a gateway for all devices of a lane, or of its own for each device. */
  readonly shared: boolean;
}

export interface LoadResult {
  readonly certified: number;
  readonly seconds: number;
  readonly handshakes: number;
  /** Answers 429 and 503, after each of which the device waited as long as Retry-After said. */
  readonly putOff: number;
  readonly withoutRetryAfter: number;
  /** Milliseconds that a device took, waits included. */
  readonly median: number;
  readonly slowest: number;
  /** Codes of other refusals, the first few. */
  readonly refusals: readonly string[];
}

const PERIOD_SECONDS = 3_600;
const LIFETIME_SECONDS = 3_600;
const checks = { bls: blstBls, device: nativeSignatures };

/** The key of a device of the load: the factory's list and the device itself come to the same one. */
export function loadIdentity(position: number): DeviceIdentity {
  return softwareIdentity(preSharedIdentityKey(sha256(new TextEncoder().encode(`device of the load ${position}`))));
}

/**
 * Three of four members at a time. A device combines partial signatures once in many hours and may take its time; here one
 * process does it for all, so it asks members whose Lagrange coefficients are small whole numbers, of which sums are made.
 */
const QUORUMS = [
  [1, 2, 3],
  [2, 3, 4],
  [1, 3, 4],
] as const;
/** The bit of a compressed point that says which of the two roots y is: changed, it is the negative point. */
const SIGN = 0x20;

function combineNatively(partials: readonly { readonly seat: number; readonly signature: Uint8Array }[]): Uint8Array {
  const coefficients = lagrangeAtZero(
    partials.map(({ seat }) => seat),
    g1.order,
  );
  const terms = partials.flatMap(({ signature }, i) => {
    const coefficient = coefficients[i] as bigint;
    const isNegative = coefficient > g1.order / 2n;
    const term = signature.slice();
    if (isNegative) term[0] = (term[0] ?? 0) ^ SIGN;
    return Array.from({ length: Number(isNegative ? g1.order - coefficient : coefficient) }, () => term);
  });
  return blstBls.aggregate(terms);
}

class Load {
  readonly #validators: Validators;
  readonly #batch: BatchFolder;
  readonly #records: Uint8Array;
  readonly #tree: ManifestTree;
  readonly #meshId: Uint8Array;
  readonly #scope: string;
  readonly #certificates = new Map<number, Uint8Array>();

  constructor(validators: Validators, batch: BatchFolder, records: Uint8Array, meshId: Uint8Array) {
    this.#validators = validators;
    this.#batch = batch;
    this.#records = records;
    this.#tree = manifestOf(records, batch.facts.base, batch.facts.deviceClass);
    this.#meshId = meshId;
    this.#scope = batch.facts.scope;
  }

  async run(order: LoadOrder): Promise<LoadResult> {
    const stats = { handshakes: 0, putOff: 0, withoutRetryAfter: 0, refusals: [] as string[] };
    const times: number[] = [];
    let next = order.from;
    const begun = performance.now();
    const lane = async (number: number): Promise<void> => {
      const localAddress = `127.0.1.${1 + (number % order.addresses)}`;
      let channels = new Channels(localAddress, stats);
      while (next < order.to) {
        const position = next++;
        const start = performance.now();
        this.#certificates.set(position, await this.#obtain(order.kind, position, channels));
        times.push(performance.now() - start);
        if (order.shared) continue;
        channels.close();
        channels = new Channels(localAddress, stats);
      }
      channels.close();
    };
    await Promise.all(Array.from({ length: order.lanes }, (_, i) => lane(i)));
    times.sort((a, b) => a - b);
    return {
      ...stats,
      certified: times.length,
      seconds: (performance.now() - begun) / 1000,
      median: times[Math.floor(times.length / 2)] ?? 0,
      slowest: times.at(-1) ?? 0,
    };
  }

  async #obtain(kind: LoadOrder["kind"], position: number, channels: Channels): Promise<Uint8Array> {
    const { trust, members } = this.#validators;
    const identity = loadIdentity(position);
    const wish = this.#wish(kind, position, identity);
    const payload = certificatePayload(
      requestedCertificate(wish, { meshId: this.#meshId, generation: trust.generation, deviceClass: 0 }),
    );
    const seats = QUORUMS[position % QUORUMS.length] as readonly number[];
    const body = (channelBinding: Uint8Array): Promise<Uint8Array> =>
      signRequest({ ...wish, channelBinding }, identity, trust.externalAad);
    const ask = async (member: CommitteeMember) => {
      const { seat, partial } = decodePartialAnswer(await channels.ask(member, body));
      return { seat, signature: partial };
    };
    const partials = await Promise.all(members.filter(({ seat }) => seats.includes(seat)).map(ask));
    const certificate = encodeCertificate(COSE_ALG.bls, payload, combineNatively(partials));
    verifyCertificate(certificate, trust, Math.floor(Date.now() / 1000), checks);
    return certificate;
  }

  #wish(kind: LoadOrder["kind"], position: number, identity: DeviceIdentity): IssuanceRequest {
    const { base, count, manifestRoot, registered } = this.#batch.facts;
    const notBefore = Math.floor(Date.now() / 1000);
    const current = this.#certificates.get(position);
    const fields = {
      index: base + position,
      period: Math.floor(notBefore / PERIOD_SECONDS),
      k: kind === "enrol" ? 0 : 1,
      notBefore,
      expires: notBefore + LIFETIME_SECONDS,
      scope: this.#scope,
      key: identity.key,
      algorithm: COSE_ALG.bls,
      channelBinding: new Uint8Array(32),
      csr: undefined,
      keyProof: undefined,
    };
    if (kind === "renew" && current !== undefined) {
      return { kind: REQUEST_KIND.renew, ...fields, certificate: current };
    }
    const { salt } = decodeRecord(this.#records, position);
    const enrolment = {
      fleetId: registered?.fleetId ?? 0,
      batch: registered?.batch ?? 0,
      root: manifestRoot,
      base,
      count,
      salt,
      key: identity.key,
      deviceClass: 0,
      path: this.#tree.path(position),
    };
    return { kind: REQUEST_KIND.enrol, ...fields, enrolment, joinMethod: JOIN_METHOD.identityKey };
  }

  /** Devices whose certificate verifies now. */
  good(): number {
    const { trust } = this.#validators;
    const now = Math.floor(Date.now() / 1000);
    return [...this.#certificates].filter(([position, certificate]) => {
      verifyCertificate(certificate, trust, now, checks);
      return decodeCertificate(certificate).index === this.#batch.facts.base + position;
    }).length;
  }
}

/** One connection to each validator, from one source address. */
class Channels {
  readonly #localAddress: string;
  readonly #stats: { handshakes: number; putOff: number; withoutRetryAfter: number; refusals: string[] };
  readonly #open = new Map<number, Connection>();

  constructor(
    localAddress: string,
    stats: { handshakes: number; putOff: number; withoutRetryAfter: number; refusals: string[] },
  ) {
    this.#localAddress = localAddress;
    this.#stats = stats;
  }

  /** The body of a good answer; being put off is waited out. @throws RemoteError */
  async ask(member: CommitteeMember, body: (binding: Uint8Array) => Promise<Uint8Array>): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt++) {
      try {
        const connection = await this.#connection(member);
        const bytes = await body(connection.channelBinding);
        const answer = await connection.send("POST", PATH.issue, bytes, 65_536, AbortSignal.timeout(30_000));
        if (answer.status === 200) return answer.body;
        const error = decodeError(answer.status, answer.retryAfter, answer.body);
        if (error.kind !== "network") {
          if (this.#stats.refusals.length < 5) this.#stats.refusals.push(error.code);
          throw error;
        }
        this.#stats.putOff += 1;
        if (answer.retryAfter === undefined) this.#stats.withoutRetryAfter += 1;
        await new Promise((resolve) => setTimeout(resolve, 1000 * (answer.retryAfter ?? 1)));
      } catch (error) {
        if (attempt >= 50 || (error as { name?: string }).name === "RemoteError") throw error;
        this.#open.get(member.seat)?.close();
        this.#open.delete(member.seat);
        await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
      }
    }
  }

  async #connection(member: CommitteeMember): Promise<Connection> {
    const known = this.#open.get(member.seat);
    if (known?.isOpen === true) return known;
    this.#stats.handshakes += 1;
    // What TLS is given beside host and port goes to the socket: here the address that it is bound to.
    const endpoint = { ...parseEndpoint(member.endpoint), localAddress: this.#localAddress };
    const opened = await openConnection(endpoint, { kind: "pin", pin: member.tlsPin }, AbortSignal.timeout(30_000));
    this.#open.set(member.seat, opened);
    return opened;
  }

  close(): void {
    for (const connection of this.#open.values()) connection.close();
    this.#open.clear();
  }
}

const [, , meshFile, batchPath] = process.argv;
if (process.send !== undefined && meshFile !== undefined && batchPath !== undefined) {
  const mesh = await readMeshFile(meshFile);
  const ledger = await openMeshLedger(mesh);
  const validators = await openValidators(ledger);
  ledger.close();
  const batch = await openBatchFolder(batchPath);
  const load = new Load(validators, batch, await batch.records(), mesh.meshId);
  process.on("message", (order: LoadOrder | "good") => {
    const work = order === "good" ? Promise.resolve(load.good()) : load.run(order);
    work.then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
  process.once("disconnect", () => process.exit(0));
  process.send({ result: "ready" });
}

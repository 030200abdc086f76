/** Certificates: judges a device's request, takes its slot on disk, and gives this member's part of the signature. */
import { getBytes } from "ethers";

import type { ManifestNodes } from "../certificate/manifest-nodes.js";
import { Refusal } from "../certificate/refusal.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import type { Projection } from "../ledger/projection.js";
import { expectToken } from "../net/server-errors.js";
import type { TokenBuckets } from "../net/token-buckets.js";
import { type CommitmentAnswer, encodeIssueAnswer } from "../protocol/api.js";
import {
  type IssuanceLedger,
  type IssuanceOrder,
  type RegisteredDevice,
  type RequestChannel,
  judgeIssuance,
} from "../protocol/issuance.js";
import { knownAuthority } from "./authority.js";
import type { Inheritance } from "./inheritance.js";
import { FORM, type IssuedBook } from "./issued.js";
import type { MeshContext } from "./mesh-context.js";
import { type Standing, notInOffice } from "./standing.js";
import type { WordProver } from "./word-prover.js";
import { COSE_ALG } from "../statements/cose.js";
import { failpoint } from "../runtime/failpoint.js";
import { PooledSignatures } from "../runtime/pooled-signatures.js";
import { formerKeys } from "./generations.js";

/** What the projection says at its last block, in the terms of the issuance rules. */
export function issuanceLedger(projection: Projection, block: { number: number; timestamp: number }): IssuanceLedger {
  const parameters = projection.genesis?.parameters;
  return {
    blockTime: block.timestamp,
    certificatePeriodSeconds: Number(parameters?.certificatePeriodSeconds ?? 1n),
    headLifetimeSeconds: Number(parameters?.headLifetimeSeconds ?? 0n),
    deviceAt: (index) => registeredDevice(projection, index),
    isRevoked: (index) => isRevoked(projection, index, block.number),
  };
}

/** Whether a device is revoked or held at a block. */
export function isRevoked(projection: Projection, index: number, block: number): boolean {
  return projection.bitmap.lists(index, block);
}

/** Where the ledger has a device; undefined for an index that no batch has. */
export function registeredDevice(projection: Projection, index: number): RegisteredDevice | undefined {
  const batch = projection.batchOf(BigInt(index));
  const fleet = batch && projection.fleets.get(batch.fleetId);
  if (batch === undefined || fleet === undefined) return undefined;
  const { policy } = fleet;
  return {
    fleetId: Number(batch.fleetId),
    batch: Number(batch.batch),
    manifestRoot: getBytes(batch.manifestRoot),
    base: Number(batch.base),
    count: Number(batch.count),
    policy: {
      scopes: policy.scopes,
      maximumLifetime: Number(policy.maximumLifetime),
      quota: Number(policy.quota),
      joinMethods: Number(policy.joinMethods),
      graceSeconds: Number(policy.graceSeconds),
    },
  };
}

export interface IssuingOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly issued: IssuedBook;
  readonly inheritance: Pick<Inheritance, "expectKnown">;
  readonly prover: WordProver;
  readonly checks: SignatureChecks;
  /** Of manifests, as devices have shown them. */
  readonly nodes: ManifestNodes;
  /** How often one device may ask: a token a request, taken once the request is known to be the device's own. */
  readonly devices: TokenBuckets;
  readonly nowSeconds: () => number;
}

/**
 * Answers a request of `PATH.issue`: a partial signature for BLS, nonce commitments for Ed25519, and further commitments for the
 * X.509 form where that is wanted. Both forms have their slots on disk before either answer leaves.
 */
export async function issue(
  options: IssuingOptions,
  request: Uint8Array,
  channel: RequestChannel,
): Promise<Uint8Array> {
  const { context, standing, issued, inheritance, prover, checks, nodes, devices } = options;
  const device = new PooledSignatures();
  const { signer, committee, projection, finalised } = standing.inOffice();
  const trust = {
    externalAad: context.separators.anchor,
    meshId: context.meshId,
    generation: committee.generation,
    keys: committee.keys,
    former: formerKeys(projection, committee.generation, options.nowSeconds()),
    crlUrl: knownAuthority(projection, committee.generation)?.facts.crlUrl,
  };
  const judge = (): IssuanceOrder =>
    judgeIssuance(
      request,
      trust,
      issuanceLedger(projection, finalised),
      channel,
      options.nowSeconds(),
      { bls: checks.bls, device },
      { nodes, hasSigned: (index, message) => issued.hasSigned(index, message) },
    );
  const order = await signedByDevice(device, judge);
  expectToken(devices.take(String(order.slot.index)), `for device ${order.slot.index}`);
  inheritance.expectKnown(order.slot.period);
  await prover.prove(order.slot.index, finalised);
  await Promise.all([
    issued.claim(order.slot, order.message),
    order.x509 === undefined ? undefined : issued.claim(order.slot, order.x509, FORM.x509),
  ]);
  // Whoever left office meanwhile has told the next committee what it signed, and signs nothing more.
  if (standing.inOffice().signer !== signer) throw notInOffice();
  failpoint("issuing.before-answer");
  const commit = (message: Uint8Array): CommitmentAnswer => {
    const { session, commitment } = signer.commit(message, `device ${order.slot.index}`);
    return { ...commitment, session };
  };
  return encodeIssueAnswer({
    compact: order.algorithm === COSE_ALG.bls ? await signer.partialInPool(order.message) : commit(order.message),
    x509: order.x509 === undefined ? undefined : commit(order.x509),
  });
}

/** What `judge` says, unless a signature that it took for valid is none: then that is what is wrong, whatever else is. */
async function signedByDevice<T>(device: PooledSignatures, judge: () => T): Promise<T> {
  const [judgement] = await Promise.allSettled([new Promise<T>((resolve) => resolve(judge()))]);
  if (!(await device.allValid())) {
    throw new Refusal("bad-signature", "the request, or a key in it, is not signed by the device for this mesh");
  }
  if (judgement.status === "rejected") throw judgement.reason;
  return judgement.value;
}

/**
 * Revocation: co-signed for those who may ask, the fleet's registrar or the device itself, and handed to the ledger for
 * devices, which have no account there (docs/protocol.md, sections 3.6 and 8).
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { hexlify } from "ethers";

import { checkManifest } from "../certificate/manifest.js";
import { verifyDeviceRevocation } from "../certificate/revocation-request.js";
import type { SignatureChecks } from "../certificate/signatures.js";
import { concatBytes, equalBytes, toBytes } from "../crypto/bytes.js";
import { INTERFACES } from "../ledger/contracts.js";
import { LedgerError } from "../ledger/errors.js";
import { signatureStruct } from "../ledger/points.js";
import type { Projection } from "../ledger/projection.js";
import type { TransactionSender } from "../ledger/sender.js";
import {
  type PartialAnswer,
  type RevokeRequest,
  decodeRevokeRequest,
  decodeSignedRevocation,
} from "../protocol/api.js";
import { revocationDigest, revocationEntries } from "../protocol/revocation.js";
import { statementDigest } from "../statements/eip712.js";
import { SwarmkeepError } from "../statements/errors.js";
import { registeredDevice } from "./issuing.js";
import type { MeshContext } from "./mesh-context.js";
import { recover } from "./registrar-message.js";
import type { Standing } from "./standing.js";
import { formerKeys } from "./generations.js";

/** Seconds for which a transaction is taken to be on its way to finality. */
const UNDER_WAY_SECONDS = 900;
/** Seconds that the expiry of what a device asks for may lie ahead: long enough to be submitted, short enough not to lie around. */
const MAXIMUM_EXPIRY_SECONDS = 3_600;

export interface RevokingOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly checks: SignatureChecks;
  readonly sender: Pick<TransactionSender, "send">;
  /** What this validator has sent, by word: until the finalised ledger shows it, it would be paid for again. */
  readonly submitted: Map<number, Submission>;
  readonly nowSeconds: () => number;
}

export interface Submission {
  readonly mask: bigint;
  /** Seconds; a transaction that a reorganisation dropped may be sent again after a while. */
  readonly time: number;
}

function refused(code: string, message: string, advice: string): SwarmkeepError {
  return new SwarmkeepError(message, { kind: "refused", code, advice });
}

function alreadyRevoked(cause?: unknown): SwarmkeepError {
  return new SwarmkeepError("all of these devices are revoked, or on their way to it", {
    kind: "refused",
    code: "already-revoked",
    advice: "Nothing is left to do.",
    cause,
  });
}

/** This member's part of a revocation's signature. @throws SwarmkeepError of kind `refused`, Refusal */
export function coSignRevocation(options: RevokingOptions, body: Uint8Array, binding: Uint8Array): PartialAnswer {
  const { context, standing } = options;
  const { signer, projection } = standing.inOffice();
  const request = decodeRevokeRequest(body);
  const asked =
    request.by === "registrar"
      ? byRegistrar(options, projection, request)
      : byDevice(options, request.request, binding);
  expectExpiry("revocation", asked.expiry, options.nowSeconds());
  const entries = revocationEntries(asked.indexes);
  const digest = revocationDigest(context.separators.revocations, entries, asked.reason, asked.expiry);
  return signer.partial(digest);
}

/** @throws SwarmkeepError `wrong-channel` */
export function expectSameChannel(signed: Uint8Array, binding: Uint8Array): void {
  if (equalBytes(signed, binding)) return;
  throw refused(
    "wrong-channel",
    "the request was made for another connection",
    "Sign this connection's exporter value.",
  );
}

interface Asked {
  readonly indexes: readonly number[];
  readonly reason: number;
  readonly expiry: number;
}

/** @param what is asked for by a device. @throws SwarmkeepError `bad-expiry` */
export function expectExpiry(what: string, expiry: number, now: number): void {
  if (expiry <= now || expiry > now + MAXIMUM_EXPIRY_SECONDS) {
    throw refused(
      "bad-expiry",
      `the ${what} expires at ${expiry}, and it is ${now}`,
      `Let it expire within ${MAXIMUM_EXPIRY_SECONDS} s.`,
    );
  }
}

function byRegistrar(
  { context }: RevokingOptions,
  projection: Projection,
  request: Extract<RevokeRequest, { by: "registrar" }>,
): Asked {
  const { indexes, reason, expiry, signature } = request;
  const indexesHash = keccak_256(concatBytes(...indexes.map((index) => toBytes(index, 32))));
  const digest = statementDigest(context.separators.revocations, "RevocationRequest", { indexesHash, reason, expiry });
  const account = recover(digest, signature);
  for (const index of indexes) {
    const batch = projection.batchOf(BigInt(index));
    const fleet = batch && projection.fleets.get(batch.fleetId);
    if (fleet?.registrar.toLowerCase() !== account) {
      throw refused(
        "not-registrar",
        `the request is signed by ${account}, who did not register device ${index}`,
        "Let the fleet's registrar ask, with the account that registered the fleet.",
      );
    }
  }
  return { indexes, reason, expiry };
}

function byDevice(
  { context, standing, checks, nowSeconds }: RevokingOptions,
  encoded: Uint8Array,
  binding: Uint8Array,
): Asked {
  const { committee, projection } = standing.inOffice();
  const { generation, keys } = committee;
  const former = formerKeys(projection, generation, nowSeconds());
  const trust = { externalAad: context.separators.anchor, generation, keys, former };
  const { index, reason, expiry, channelBinding, subject } = verifyDeviceRevocation(encoded, trust, checks);
  expectSameChannel(channelBinding, binding);
  if (!(subject instanceof Uint8Array)) {
    const device = registeredDevice(projection, index);
    if (device === undefined || !equalBytes(device.manifestRoot, subject.root)) {
      throw refused(
        "unknown-device",
        `device ${index} is not in a batch with this root`,
        "Check the provisioning file.",
      );
    }
    checkManifest(
      { ...subject, index },
      { ...subject, root: device.manifestRoot, base: device.base, count: device.count },
    );
  }
  return { indexes: [index], reason, expiry };
}

/**
 * Hands a swarm-signed revocation to the ledger.
 * @returns the transaction's hash.
 * @throws SwarmkeepError, `already-revoked` where it would change nothing, also since another's transaction came first; LedgerError
 */
export async function submitRevocation(options: RevokingOptions, body: Uint8Array): Promise<string> {
  const { context, standing, checks, sender } = options;
  const { committee, projection, finalised } = standing.inOffice();
  const revocation = decodeSignedRevocation(body);
  const digest = revocationDigest(context.separators.revocations, revocation, revocation.reason, revocation.expiry);
  if (!checks.bls.verify(committee.keys.bls, digest, revocation.signature)) {
    throw refused("bad-signature", "the revocation is not signed by the swarm", "Gather the members' parts again.");
  }
  const { words, masks, reason, expiry, signature } = revocation;
  const { submitted, nowSeconds } = options;
  const now = nowSeconds();
  for (const [word, { time }] of submitted) if (time + UNDER_WAY_SECONDS < now) submitted.delete(word);
  const wanted = words.map((word, i) => [word, BigInt(hexlify(masks[i] as Uint8Array))] as const);
  const isNew = wanted.some(([word, mask]) => {
    const known = projection.bitmap.at(word, finalised.number).revoked | (submitted.get(word)?.mask ?? 0n);
    return (mask & ~known) !== 0n;
  });
  if (!isNew) {
    throw alreadyRevoked();
  }
  const before = wanted.map(([word]) => [word, submitted.get(word)] as const);
  for (const [word, mask] of wanted) {
    submitted.set(word, { mask: mask | (submitted.get(word)?.mask ?? 0n), time: now });
  }
  const values = [words, masks.map((mask) => hexlify(mask)), reason, expiry, signatureStruct(signature)];
  const data = INTERFACES.revocations.encodeFunctionData("revoke", values);
  try {
    const receipt = await sender.send({ to: context.addresses.revocations, data, action: "revoke devices" });
    return receipt.transactionHash;
  } catch (error) {
    for (const [word, submission] of before) {
      if (submission === undefined) submitted.delete(word);
      else submitted.set(word, submission);
    }
    // Another validator's transaction came first: the ledger takes a statement once.
    if (error instanceof LedgerError && error.details["error"] === "StatementUsed") throw alreadyRevoked(error);
    throw error;
  }
}

/** One-time codes (docs/protocol.md, section 14.3): a registrar makes one for a device and a key, and validators learn its hash. */
import { randomBytes } from "node:crypto";

import { keccak_256 } from "@noble/hashes/sha3.js";
import { type BaseWallet, hexlify } from "ethers";

import type { DeviceKey } from "../certificate/cose-key.js";
import { PATH } from "../protocol/api.js";
import {
  type EnrolmentCode,
  MAXIMUM_CODE_LIFETIME,
  encodeCodeList,
  encodeEnrolmentCodes,
  hashOfCode,
  hashOfKey,
} from "../protocol/enrolment-codes.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { scopeContains } from "../statements/scope.js";
import { type BatchFolder, decodeRecord } from "./batch-folder.js";
import { expectX509, policyOf } from "./fleet-policy.js";
import type { MeshLedger } from "./ledger.js";
import { signByAccount } from "./registrar.js";
import type { Validators } from "./swarm-signature.js";

/** Digits and letters that nobody takes for one another (Crockford's base 32), five bits each. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const CODE_BYTES = 16;

/** 128 random bits, for a person to type: 26 characters in groups. */
export function makeCode(): string {
  let rest = BigInt(`0x${randomBytes(CODE_BYTES).toString("hex")}`);
  let digits = "";
  for (let i = 0; i < 26; i++, rest >>= 5n) digits = ALPHABET[Number(rest & 31n)] + digits;
  return digits.replace(/(.{5})(?=.)/g, "$1-");
}

export interface CodeOrder {
  readonly index: number;
  /** The key that the code enrols; that of the manifest if not given. */
  readonly key?: DeviceKey;
  /** That of the batch if not given. */
  readonly scope?: string;
  readonly lifetimeSeconds: number;
}

export interface GivenCode {
  readonly index: number;
  readonly code: string;
  /** Seconds since 1970. */
  readonly expiry: number;
  /** For each validator of the committee why it does not have the code, or undefined. */
  readonly validators: readonly { readonly account: string; readonly error: unknown }[];
}

/**
 * Makes a code for a device of a registered batch and gives its hash to the validators. It is good where t of them have it.
 * @throws SwarmkeepError `not-registered`, `no-such-device`, `bad-expiry`, `x509-not-offered`, `scope-not-allowed`, `revoked`,
 * `too-few-validators`
 */
export async function giveCode(
  ledger: MeshLedger,
  validators: Validators,
  wallet: BaseWallet,
  batch: BatchFolder,
  order: CodeOrder,
): Promise<GivenCode> {
  const { registered, base, count, deviceClass } = batch.facts;
  const { index, lifetimeSeconds } = order;
  const usage = (code: string, message: string, advice: string): SwarmkeepError =>
    new SwarmkeepError(message, { kind: "usage", code, advice });
  if (registered === undefined) {
    throw usage("not-registered", "the batch is not registered yet", "Run `swarmkeep fleet register` first.");
  }
  if (index < base || index >= base + count) {
    const range = `${base} to ${base + count - 1}`;
    throw usage("no-such-device", `the batch has devices ${range}, and no ${index}`, "Give an index of this batch.");
  }
  if (lifetimeSeconds > MAXIMUM_CODE_LIFETIME) {
    throw usage("bad-expiry", "a one-time code is good for 30 days at most", "Give a shorter --expires.");
  }
  const policy = await policyOf(ledger, registered.fleetId);
  await expectX509(ledger, policy);
  if (order.scope !== undefined && !policy.scopes.some((one) => scopeContains(one, order.scope as string))) {
    const within = policy.scopes.join(", ");
    throw usage(
      "scope-not-allowed",
      `the fleet has no scope that contains ${order.scope}`,
      `Give one within ${within}.`,
    );
  }
  if (await ledger.contracts.revocations.isRevoked(index)) {
    throw usage(
      "revoked",
      `device ${index} is revoked or held`,
      "Release it first if it is held; revoked is for good.",
    );
  }
  const key = order.key ?? decodeRecord(await batch.records(), index - base).key;
  const code = makeCode();
  const expiry = Math.floor(Date.now() / 1000) + lifetimeSeconds;
  const scope = order.scope ?? batch.facts.scope;
  const codes: readonly EnrolmentCode[] = [
    { index, codeHash: hashOfCode(code), keyHash: hashOfKey(key), deviceClass, scope },
  ];
  const { fleetId } = registered;
  const values = { fleetId, codesHash: keccak_256(encodeCodeList(codes)), expiry };
  const signature = signByAccount(ledger, wallet, "fleets", "EnrolmentCodes", values);
  const body = encodeEnrolmentCodes({ fleetId, expiry, codes, signature });
  const given = await Promise.all(
    validators.members.map(async (member) => {
      const account = hexlify(member.account);
      try {
        await validators.client(member).request({ method: "POST", path: PATH.enrolmentCodes, body });
        return { account, error: undefined };
      } catch (error) {
        return { account, error };
      }
    }),
  );
  const good = given.filter(({ error }) => error === undefined).length;
  const { t } = validators.quorum;
  if (good >= t) return { index, code, expiry, validators: given };
  const reasons = given.flatMap(({ error }) => (error instanceof Error ? [error.message] : []));
  throw new SwarmkeepError(`${good} of the ${t} needed validators took the code: ${[...new Set(reasons)].join("; ")}`, {
    kind: "network",
    code: "too-few-validators",
    advice: "Run the command again: it makes another code.",
  });
}

/**
 * What one member must not lose or take back in a ceremony. All of it is secret: encrypted at rest, written atomically and
 * durably before the effects that a step hands out with it.
 */
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

import type { SharePair } from "../../crypto/sealing.js";
import { CeremonyError } from "./errors.js";

/** Both combined shares and the outcome that they belong to. */
export interface HeldShares {
  readonly seat: number;
  /** 32 bytes, what this member acknowledges. */
  readonly outcomeHash: Uint8Array;
  readonly shares: SharePair;
}

export interface CeremonyState {
  readonly ceremony: bigint;
  /** The attempt that everything here is of; 0 before the first. */
  readonly attempt: number;
  /** Secret of the one-time receiving key, 32 bytes. Erased when the ceremony or the attempt is over. */
  readonly receivingSecret?: Uint8Array;
  /** The dealing as posted: dealt again, it is the same. */
  readonly dealing?: Uint8Array;
  readonly held?: HeldShares;
}

export function newState(ceremony: bigint, attempt = 0): CeremonyState {
  return { ceremony, attempt };
}

/** Wipes the state's secrets in memory: for a state that `next` has replaced on disk, but for what that one has too. */
export function wipeState(state: CeremonyState, next?: CeremonyState): void {
  if (state.receivingSecret !== next?.receivingSecret) state.receivingSecret?.fill(0);
  if (state.held?.shares === next?.held?.shares) return;
  state.held?.shares.g1.fill(0);
  state.held?.shares.ed25519.fill(0);
}

const VERSION = 1;
/** Longest stored state: a dealing for 32 seats in hex, and some. */
const MAXIMUM_LENGTH = 16_384;

/** JSON with hex strings, to be encrypted by the caller. */
export function encodeState(state: CeremonyState): Uint8Array {
  const { receivingSecret, dealing, held } = state;
  return utf8ToBytes(
    JSON.stringify({
      version: VERSION,
      ceremony: state.ceremony.toString(),
      attempt: state.attempt,
      ...(receivingSecret && { receivingSecret: bytesToHex(receivingSecret) }),
      ...(dealing && { dealing: bytesToHex(dealing) }),
      ...(held && {
        held: {
          seat: held.seat,
          outcomeHash: bytesToHex(held.outcomeHash),
          g1: bytesToHex(held.shares.g1),
          ed25519: bytesToHex(held.shares.ed25519),
        },
      }),
    }),
  );
}

/** @throws CeremonyError `state`, without repeating any of it: it is secret. */
export function decodeState(bytes: Uint8Array): CeremonyState {
  if (bytes.length > MAXIMUM_LENGTH) throw unreadable("it is too long");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw unreadable("it is not JSON");
  }
  const state = asRecord(value, ["version", "ceremony", "attempt", "receivingSecret", "dealing", "held"]);
  if (state["version"] !== VERSION) throw unreadable(`its version is not ${VERSION}`);
  const ceremony = state["ceremony"];
  if (typeof ceremony !== "string" || !/^(0|[1-9][0-9]{0,19})$/.test(ceremony))
    throw unreadable("ceremony is no number");
  const held =
    state["held"] === undefined ? undefined : asRecord(state["held"], ["seat", "outcomeHash", "g1", "ed25519"]);
  return {
    ceremony: BigInt(ceremony),
    attempt: asInteger(state["attempt"], "attempt"),
    ...(state["receivingSecret"] !== undefined && { receivingSecret: asBytes(state["receivingSecret"], 32) }),
    ...(state["dealing"] !== undefined && { dealing: asBytes(state["dealing"]) }),
    ...(held && {
      held: {
        seat: asInteger(held["seat"], "seat"),
        outcomeHash: asBytes(held["outcomeHash"], 32),
        shares: { g1: asBytes(held["g1"], 32), ed25519: asBytes(held["ed25519"], 32) },
      },
    }),
  };
}

function unreadable(why: string): CeremonyError {
  return new CeremonyError("state", `the stored state of the ceremony cannot be read: ${why}; restore it from a copy`);
}

function asRecord(value: unknown, keys: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unreadable("an object is missing");
  const unknown = Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) throw unreadable("it has an unknown member");
  return value as Record<string, unknown>;
}

function asInteger(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > 0xffffffff) {
    throw unreadable(`${what} is no number`);
  }
  return value as number;
}

function asBytes(value: unknown, length?: number): Uint8Array {
  if (typeof value !== "string" || value.length % 2 !== 0 || !/^[0-9a-f]*$/.test(value))
    throw unreadable("bytes are no hex");
  const bytes = hexToBytes(value);
  if (length !== undefined && bytes.length !== length) throw unreadable(`a secret or hash is not ${length} bytes`);
  return bytes;
}

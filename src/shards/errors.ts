/** What can be wrong with shards, maps and keys that are rebuilt from them. */
import { SwarmkeepError } from "../statements/errors.js";

/**
 * - `shard-damaged`: its bytes are not those that the map has, or it does not open: flipped, swapped, truncated, of another version.
 * - `too-few-shards`: fewer than the threshold were found and good.
 * - `map-mismatch`: an entry that does not belong to the map's root, or a map of another mesh, fleet, device or version.
 * - `map-ended`, `map-pending`, `map-invalid`: outside the map's validity, or invalidated.
 * - `not-sealed`: a message that does not open under this key, epoch and associated data.
 * - `budget-spent`: as many messages or signatures as one key may make.
 * - `key-used`: a one-time key that has signed already.
 * - `bad-scheme`: numbers that no scheme takes.
 */
export type ShardErrorCode =
  | "shard-damaged"
  | "too-few-shards"
  | "map-mismatch"
  | "map-ended"
  | "map-pending"
  | "map-invalid"
  | "not-sealed"
  | "budget-spent"
  | "key-used"
  | "bad-scheme";

const ADVICE: Readonly<Record<ShardErrorCode, string>> = {
  "shard-damaged": "Fetch the shard from another of its holders.",
  "too-few-shards":
    "Try again when more holders can be reached, or ask the registrar to have the shards generated again.",
  "map-mismatch": "Fetch the map and its entry again: one of them is another device's, version's or mesh's.",
  "map-ended": "Fetch the newest map; if there is none, ask the registrar to rotate the fleet's shards.",
  "map-pending": "Check this clock, or wait until the map begins.",
  "map-invalid": "Fetch the newest map: its registrar withdrew this one.",
  "not-sealed":
    "Give the key, epoch, domain and associated data with which it was sealed; if they are right, it was changed.",
  "budget-spent": "Rotate the shards, or go on in the next epoch.",
  "key-used": "Sign with the next one-time key.",
  "bad-scheme": "Take 1 to 32 shards, all needed for segments, or a threshold from 2 up for Shamir shares.",
};

export class ShardError extends SwarmkeepError {
  override readonly name = "ShardError";
  declare readonly code: ShardErrorCode;

  constructor(
    code: ShardErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options: { readonly kind?: "usage" | "refused"; readonly cause?: unknown } = {},
  ) {
    super(message, {
      kind: options.kind ?? "refused",
      code,
      advice: ADVICE[code],
      details,
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    });
  }
}

/** The bytes of a dealing, from the transaction that posted it, checked against the hashes of its event (docs/protocol.md, 4.2). */
import { AbiCoder, type FunctionFragment, concat, dataSlice, getBytes, hexlify, keccak256 } from "ethers";

import { parseDealing, sealedRoot, type Dealing } from "../crypto/dealing.js";
import type { CeremonyKind } from "../crypto/outcome.js";
import { INTERFACES, type MeshAddresses } from "./contracts.js";
import { LedgerError } from "./errors.js";
import type { LedgerEventNamed } from "./events.js";
import type { LedgerSource } from "./source.js";

/** What the bytes of a ceremony's dealings follow from. */
export interface DealingShape {
  readonly kind: CeremonyKind;
  /** Seats of receivers. */
  readonly seats: number;
  /** Coefficients for each key. */
  readonly threshold: number;
}

export interface PostedDealing {
  readonly bytes: Uint8Array;
  readonly dealing: Dealing;
}

/**
 * Fetches a dealing and takes it apart.
 * @throws LedgerError `behind` if no endpoint has the transaction, `bad-proof` if its bytes are not those of the event.
 */
export async function readDealing(
  source: LedgerSource,
  addresses: MeshAddresses,
  event: LedgerEventNamed<"Dealt">,
  { kind, seats, threshold }: DealingShape,
): Promise<PostedDealing> {
  const transaction = await source.transaction(event.transactionHash);
  const refuse = (what: string, cause?: unknown): LedgerError =>
    new LedgerError(
      "bad-proof",
      `transaction ${event.transactionHash} ${what}`,
      { transaction: event.transactionHash, dealer: event.args.dealer },
      cause,
    );
  if (transaction.to !== addresses.ceremony.toLowerCase()) throw refuse("is no call of the key ceremony");
  let bytes: Uint8Array;
  let dealing: Dealing;
  try {
    bytes = dealingOf(transaction.input);
    dealing = parseDealing(bytes, kind, seats, threshold);
  } catch (cause) {
    throw refuse("holds no dealing", cause);
  }
  const { g1Hash, edHash, sealedRoot: root } = event.args;
  const same =
    keccak256(concat(dealing.g1Commitments)) === g1Hash &&
    keccak256(concat(dealing.edCommitments)) === edHash &&
    hexlify(sealedRoot(dealing)) === root;
  if (!same) throw refuse(`holds another dealing than seat ${event.args.dealer} posted`);
  return { bytes, dealing };
}

/**
 * The argument `dealing` of a call of `deal`, read as loosely as the contract reads it: what it takes, every member must be able to
 * read. It does not ask for padding behind the last argument, for one.
 */
function dealingOf(input: string): Uint8Array {
  const { selector, inputs } = INTERFACES.ceremony.getFunction("deal") as FunctionFragment;
  if (!input.startsWith(selector)) throw new RangeError(`the call begins with ${input.slice(0, 10)}, not ${selector}`);
  return getBytes(AbiCoder.defaultAbiCoder().decode(inputs, dataSlice(input, 4), true).getValue("dealing") as string);
}

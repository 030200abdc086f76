/**
 * Proposals: statements that the swarm signs only if the validators' operators agree (docs/protocol.md, section 8). Each is a
 * file that goes round, in words and numbers that a person can judge, and from it follows the exact digest.
 */
import { getAddress, getBytes, hexlify } from "ethers";

import { type ContractName, INTERFACES } from "../ledger/contracts.js";
import { signatureStruct } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { PATH, type StatementRequest, decodePartialAnswer, encodeStatementRequest } from "../protocol/api.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { domainSeparator, statementDigest } from "../statements/eip712.js";
import type { MeshLedger } from "./ledger.js";
import { type Validators, gatherSwarmSignature } from "./swarm-signature.js";

/** What every proposal names: where it counts. */
export interface ProposalPlace {
  /** The mesh it is for: `0x` and 64 digits. */
  readonly meshId: string;
  readonly chainId: bigint;
}

/** What a proposal of any kind comes down to. */
export interface Proposed extends ProposalPlace {
  readonly taker: ContractName;
  /** Address of `taker`, checksummed. */
  readonly contract: string;
  /** The statement as validators are asked to sign it. */
  readonly request: StatementRequest;
  /** What approving it means. */
  readonly description: string;
}

/** The EIP-712 digest that the swarm signs. */
export function proposedDigest({ chainId, meshId, contract, request }: Proposed): Uint8Array {
  const separator = domainSeparator({ chainId, meshId: getBytes(meshId), verifyingContract: getBytes(contract) });
  return statementDigest(separator, request.name, request.values);
}

/** The call that takes a proposal: its arguments, but for the signature, which comes last. */
export interface ProposalCall {
  readonly method: string;
  readonly values: readonly unknown[];
  /** What it does, for errors and logs: "admit the candidate". */
  readonly action: string;
}

/**
 * Gathers the swarm's signature over a proposal and submits both.
 * @throws SwarmkeepError `wrong-mesh`, `too-few-parts`, and those of the ledger
 */
export async function submitProposed(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  proposed: Proposed,
  { method, values, action }: ProposalCall,
): Promise<Receipt> {
  const signature = signatureStruct(await gatherProposed(ledger, validators, proposed));
  const data = INTERFACES[proposed.taker].encodeFunctionData(method, [...values, signature]);
  return sender.send({ to: ledger.addresses[proposed.taker], data, action });
}

/** The swarm's signature over a proposal for this mesh, 96 bytes. */
async function gatherProposed(
  { mesh, addresses }: MeshLedger,
  validators: Validators,
  proposed: Proposed,
): Promise<Uint8Array> {
  const { meshId, chainId, taker, contract } = proposed;
  if (meshId !== hexlify(mesh.meshId) || chainId !== mesh.chainId || contract !== getAddress(addresses[taker])) {
    throw new SwarmkeepError(
      `the proposal is for mesh ${meshId} on chain ${chainId} with ${taker} at ${contract}, not for this mesh`,
      {
        kind: "usage",
        code: "wrong-mesh",
        advice: "Use the operator's folder of the mesh that the proposal was made for.",
        details: { meshId, chainId, contract },
      },
    );
  }
  const body = encodeStatementRequest(proposed.request);
  return gatherSwarmSignature(validators, proposedDigest(proposed), async (client, signal) =>
    decodePartialAnswer((await client.request({ method: "POST", path: PATH.statement, body, signal })).body),
  );
}

export function formatProposal(kind: string, { chainId, ...fields }: ProposalPlace & Record<string, unknown>): string {
  const shown = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === "bigint" ? Number(value) : value,
  ]);
  return `${JSON.stringify({ kind, ...Object.fromEntries(shown), chainId: chainId.toString() }, undefined, 2)}\n`;
}

/** Fields of a proposal's file. Whatever is wrong is a SwarmkeepError `bad-statement` that names the field. */
export class ProposalFields {
  readonly #fields: Record<string, unknown>;

  constructor(text: string) {
    this.#fields = fieldsOf(text);
  }

  get kind(): unknown {
    return this.#fields["kind"];
  }

  expectKind(kind: string): void {
    if (this.kind !== kind) throw badStatement("kind", this.kind);
  }

  place(): ProposalPlace {
    return { meshId: this.word("meshId"), chainId: this.chainId("chainId") };
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  /** `0x` and 64 digits. */
  word(name: string): string {
    return this.#text(name, /^0x[0-9a-f]{64}$/);
  }

  /** Decimal digits, of a number below 2^63. */
  chainId(name: string): bigint {
    return BigInt(this.#text(name, /^[1-9][0-9]{0,17}$/));
  }

  address(name: string): string {
    const text = this.#text(name, /^0x[0-9a-fA-F]{40}$/);
    try {
      return getAddress(text);
    } catch {
      throw badStatement(name, text);
    }
  }

  count(name: string, maximum: number, minimum = 1): bigint {
    const value = this.#fields[name];
    const isCount = typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum;
    if (isCount) return BigInt(value);
    throw badStatement(name, value);
  }

  /** Seconds since 1970, of a time that has a date. */
  time(name: string): bigint {
    return this.count(name, 253_402_300_799);
  }

  #text(name: string, pattern: RegExp): string {
    const value = this.#fields[name];
    if (typeof value === "string" && pattern.test(value)) return value;
    throw badStatement(name, value);
  }
}

export function badStatement(field: string, found: unknown, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(
    `the statement is wrong at ${field}: ${JSON.stringify(found)?.slice(0, 100) ?? "missing"}`,
    {
      kind: "usage",
      code: "bad-statement",
      advice:
        "Take the file as `swarmkeep mesh grant`, `admit`, `succeed`, `rekey`, `resize` or `object` wrote it, unchanged.",
      details: { field },
      cause,
    },
  );
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw badStatement("file", "no JSON", cause);
  }
  throw badStatement("file", "no JSON object");
}

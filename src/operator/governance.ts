/**
 * Statements that the swarm signs only if the validators' operators agree (docs/protocol.md, section 8): a file that goes round,
 * in words and numbers that a person can judge, and from it the exact digest.
 */
import { AbiCoder, getAddress, getBytes, hexlify, keccak256 } from "ethers";

import { PATH, type StatementRequest, decodePartialAnswer, encodeStatementRequest } from "../protocol/api.js";
import { signatureStruct } from "../ledger/points.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { domainSeparator, statementDigest } from "../statements/eip712.js";
import { isScope } from "../statements/scope.js";
import type { MeshLedger } from "./ledger.js";
import { type Validators, gatherSwarmSignature } from "./swarm-signature.js";

/** A grant as it is proposed. */
export interface GrantProposal {
  /** The mesh it is for: `0x` and 64 digits. */
  readonly meshId: string;
  readonly chainId: bigint;
  /** The FleetRegistry that takes it. */
  readonly fleets: string;
  readonly registrar: string;
  readonly scopes: readonly string[];
  /** Devices. */
  readonly indexes: bigint;
  /** Seconds since 1970. */
  readonly expiry: bigint;
  /** `0x` and 64 digits. */
  readonly salt: string;
}

const KIND = "swarmkeep-grant/1";

export function formatGrant(grant: GrantProposal): string {
  const { chainId, indexes, expiry, ...rest } = grant;
  const fields = { kind: KIND, ...rest, chainId: chainId.toString(), indexes: Number(indexes), expiry: Number(expiry) };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseGrant(text: string): GrantProposal {
  const fields = fieldsOf(text);
  const textField = (name: string, pattern: RegExp): string => {
    const value = fields[name];
    if (typeof value === "string" && pattern.test(value)) return value;
    throw bad(name, value);
  };
  const count = (name: string, maximum: number): bigint => {
    const value = fields[name];
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0 && value <= maximum) return BigInt(value);
    throw bad(name, value);
  };
  if (fields["kind"] !== KIND) throw bad("kind", fields["kind"]);
  const scopes = fields["scopes"];
  if (
    !Array.isArray(scopes) ||
    scopes.length < 1 ||
    scopes.length > 8 ||
    !scopes.every((s) => typeof s === "string" && isScope(s))
  ) {
    throw bad("scopes", scopes);
  }
  return {
    meshId: textField("meshId", /^0x[0-9a-f]{64}$/),
    chainId: BigInt(textField("chainId", /^[1-9][0-9]{0,18}$/)),
    fleets: address(textField("fleets", /^0x[0-9a-fA-F]{40}$/), "fleets"),
    registrar: address(textField("registrar", /^0x[0-9a-fA-F]{40}$/), "registrar"),
    scopes: scopes as string[],
    indexes: count("indexes", 2 ** 40),
    expiry: count("expiry", 2 ** 48 - 1),
    salt: textField("salt", /^0x[0-9a-f]{64}$/),
  };
}

/** What approving it means. */
export function describeGrant(grant: GrantProposal): string {
  const until = new Date(Number(grant.expiry) * 1000).toISOString().replace(".000Z", "Z");
  return [
    `The account ${grant.registrar} may register up to ${grant.indexes} devices`,
    `  within    ${grant.scopes.join(", ")}`,
    `  until     ${until}`,
    `  in mesh   ${grant.meshId}, chain ${grant.chainId}, fleet registry ${grant.fleets}`,
    "Each of these devices can get certificates of this mesh. The ledger takes the grant once.",
  ].join("\n");
}

/** The statement as validators are asked to sign it. */
export function grantRequest(grant: GrantProposal): StatementRequest {
  return {
    name: "Grant",
    values: {
      registrar: getBytes(grant.registrar),
      scopesHash: getBytes(keccak256(AbiCoder.defaultAbiCoder().encode(["string[]"], [grant.scopes]))),
      indexes: grant.indexes,
      expiry: grant.expiry,
      salt: getBytes(grant.salt),
    },
  };
}

/** The EIP-712 digest that the swarm signs. */
export function grantDigest(grant: GrantProposal): Uint8Array {
  const { chainId, meshId, fleets } = grant;
  const separator = domainSeparator({ chainId, meshId: getBytes(meshId), verifyingContract: getBytes(fleets) });
  return statementDigest(separator, "Grant", grantRequest(grant).values);
}

/** Gathers the swarm's signature and submits the grant. */
export async function submitGrant(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  grant: GrantProposal,
): Promise<{ readonly grantId: bigint; readonly receipt: Receipt }> {
  const { contracts, addresses, mesh } = ledger;
  if (grant.meshId !== hexlify(mesh.meshId) || grant.fleets !== getAddress(addresses.fleets)) {
    throw new SwarmkeepError(
      `the grant is for mesh ${grant.meshId} and fleet registry ${grant.fleets}, not for this one`,
      {
        kind: "usage",
        code: "wrong-mesh",
        advice: "Use the mesh file that the grant was made with.",
        details: { meshId: grant.meshId, fleets: grant.fleets },
      },
    );
  }
  const body = encodeStatementRequest(grantRequest(grant));
  const signature = await gatherSwarmSignature(validators, grantDigest(grant), async (client, signal) =>
    decodePartialAnswer((await client.request({ method: "POST", path: PATH.statement, body, signal })).body),
  );
  const { registrar, scopes, indexes, expiry, salt } = grant;
  const data = contracts.fleets.interface.encodeFunctionData("giveGrant", [
    { registrar, scopes: [...scopes], indexes, expiry, salt },
    signatureStruct(signature),
  ]);
  const receipt = await sender.send({ to: addresses.fleets, data, action: "give the grant" });
  const given = await contracts.fleets.queryFilter(
    contracts.fleets.filters.GrantGiven(undefined, registrar),
    receipt.blockNumber,
    receipt.blockNumber,
  );
  return { grantId: given.at(-1)?.args.grantId ?? 0n, receipt };
}

function address(text: string, field: string): string {
  try {
    return getAddress(text);
  } catch {
    throw bad(field, text);
  }
}

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw bad("file", "no JSON", cause);
  }
  throw bad("file", "no JSON object");
}

function bad(field: string, found: unknown, cause?: unknown): SwarmkeepError {
  return new SwarmkeepError(
    `the statement is wrong at ${field}: ${JSON.stringify(found)?.slice(0, 100) ?? "missing"}`,
    {
      kind: "usage",
      code: "bad-statement",
      advice: "Take the file as `swarmkeep mesh grant` wrote it, unchanged.",
      details: { field },
      cause,
    },
  );
}

/** The genesis document: all that a mesh begins with, under the root CA's signature (docs/protocol.md, section 3.1). */
import { AbiCoder, getAddress, getBytes, keccak256 } from "ethers";

import { INTERFACES, type NamedAddresses } from "../ledger/contracts.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { domainSeparator, statementDigest } from "../statements/eip712.js";
import { isScope } from "../statements/scope.js";
import { MAXIMUM_CANDIDATES, MAXIMUM_INDEXES } from "./governance.js";
import type { MeshParameters } from "./parameters.js";

/** A candidate for the committee; `swarmkeep validator init` writes it as `member.json`. */
export interface GenesisMember {
  /** Checksummed. */
  readonly account: string;
  /** Who runs it: `0x` and 64 digits; one candidate per operator. */
  readonly operator: string;
}

/** A tenant and its first grant. */
export interface GenesisRegistrar {
  readonly account: string;
  readonly scopes: readonly string[];
  readonly indexes: bigint;
  /** How many of its devices may become candidates for the committee. */
  readonly candidates: bigint;
  /** Seconds since 1970. */
  readonly expiry: bigint;
}

export interface GenesisDocument {
  readonly meshId: string;
  readonly contracts: Omit<NamedAddresses, "anchor">;
  readonly parameters: MeshParameters;
  readonly members: readonly GenesisMember[];
  readonly registrars: readonly GenesisRegistrar[];
}

/** A document in the form that contract calls take, whose lists are not read-only. */
export function genesisStruct({ meshId, contracts, parameters, members, registrars }: GenesisDocument) {
  return {
    meshId,
    contracts: { ...contracts },
    parameters: { ...parameters },
    members: members.map((member) => ({ ...member })),
    registrars: registrars.map((registrar) => ({ ...registrar, scopes: [...registrar.scopes] })),
  };
}

/** The EIP-712 digest of the statement Genesis: each part is hashed as abi.encode writes it. */
export function genesisDigest(document: GenesisDocument, chainId: bigint, anchor: string): Uint8Array {
  const struct = genesisStruct(document);
  const parts = INTERFACES.anchor.getFunction("submitGenesis")?.inputs[0]?.components ?? [];
  const hashOf = (name: keyof GenesisDocument): Uint8Array => {
    const types = parts.filter((part) => part.name === name);
    return getBytes(keccak256(AbiCoder.defaultAbiCoder().encode(types, [struct[name]])));
  };
  const meshId = getBytes(document.meshId);
  const separator = domainSeparator({ chainId, verifyingContract: getBytes(anchor), meshId });
  return statementDigest(separator, "Genesis", {
    meshId,
    contractsHash: hashOf("contracts"),
    parametersHash: hashOf("parameters"),
    membersHash: hashOf("members"),
    registrarsHash: hashOf("registrars"),
  });
}

/** @throws SwarmkeepError `bad-member` */
export function parseMember(text: string, path: string): GenesisMember {
  const fields = fieldsOf(text, path, "bad-member");
  const account = accountOf(fields["account"]);
  const operator = fields["operator"];
  if (account === undefined) throw bad("bad-member", path, "account", "an address", fields["account"]);
  if (typeof operator !== "string" || !/^0x[0-9a-f]{64}$/i.test(operator) || /^0x0{64}$/.test(operator)) {
    throw bad("bad-member", path, "operator", "0x and 64 hexadecimal digits, not all zero", operator);
  }
  return { account, operator: operator.toLowerCase() };
}

/** @throws SwarmkeepError `bad-registrar` */
export function parseRegistrar(text: string, path: string): GenesisRegistrar {
  const fields = fieldsOf(text, path, "bad-registrar");
  const { account, scopes, indexes, candidates = 0, expiry } = fields;
  const address = accountOf(account);
  if (address === undefined) throw bad("bad-registrar", path, "account", "an address", account);
  if (!Array.isArray(scopes) || scopes.length === 0 || scopes.length > 8 || !scopes.every(isScopeText)) {
    throw bad("bad-registrar", path, "scopes", "a list of 1 to 8 scopes such as geo:u33d or grp:plant", scopes);
  }
  if (!isCount(indexes) || indexes > MAXIMUM_INDEXES) {
    throw bad("bad-registrar", path, "indexes", `a number of devices from 1 to ${MAXIMUM_INDEXES}`, indexes);
  }
  if (candidates !== 0 && (!isCount(candidates) || candidates > MAXIMUM_CANDIDATES)) {
    throw bad("bad-registrar", path, "candidates", `a number of gateways to ${MAXIMUM_CANDIDATES}`, candidates);
  }
  if (!isCount(expiry)) throw bad("bad-registrar", path, "expiry", "a time in seconds since 1970", expiry);
  return {
    account: address,
    scopes: scopes as string[],
    indexes: BigInt(indexes),
    candidates: BigInt(candidates),
    expiry: BigInt(expiry),
  };
}

/**
 * The candidates in the order of the genesis, each account and operator once.
 * @throws SwarmkeepError `too-few-members`, `member-twice`
 */
export function expectMembers(members: readonly GenesisMember[], committeeSize: number): void {
  if (members.length < committeeSize) {
    throw new SwarmkeepError(
      `a committee of ${committeeSize} seats takes as many members, and ${members.length} came`,
      {
        kind: "usage",
        code: "too-few-members",
        advice:
          "Give one --member file for each validator (`swarmkeep validator init` writes it), or lower committeeSize.",
        details: { committeeSize, members: members.length },
      },
    );
  }
  const seen = new Set<string>();
  for (const { account, operator } of members) {
    if (seen.has(account) || seen.has(operator)) {
      throw new SwarmkeepError(`the account ${account} or its operator ${operator} comes twice`, {
        kind: "usage",
        code: "member-twice",
        advice: "Each operator has one candidate, and each candidate an account of its own.",
        details: { account, operator },
      });
    }
    seen.add(account).add(operator);
  }
}

function isScopeText(value: unknown): boolean {
  return typeof value === "string" && isScope(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function accountOf(value: unknown): string | undefined {
  try {
    return typeof value === "string" ? getAddress(value) : undefined;
  } catch {
    return undefined;
  }
}

function fieldsOf(text: string, path: string, code: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw bad(code, path, "file", "JSON", undefined, cause);
  }
  throw bad(code, path, "file", "a JSON object", undefined);
}

function bad(code: string, path: string, field: string, wanted: string, found: unknown, cause?: unknown) {
  const shown = JSON.stringify(found)?.slice(0, 100) ?? "something else";
  return new SwarmkeepError(`${path}: ${field} takes ${wanted}, not ${shown}`, {
    kind: "usage",
    code,
    advice: "Take the file as it was written, or see docs/operating.md for its fields.",
    details: { path, field },
    cause,
  });
}

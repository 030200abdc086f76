/** Grants: proposals that a registrar may register devices, and their submission once operators have approved them. */
import { AbiCoder, getBytes, keccak256 } from "ethers";

import { MAXIMUM_WORDS } from "../certificate/drl-tree.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { isScope } from "../statements/scope.js";
import type { MeshLedger } from "./ledger.js";
import {
  ProposalFields,
  type ProposalPlace,
  type Proposed,
  badStatement,
  formatProposal,
  submitProposed,
  proposedDigest,
} from "./proposal.js";
import type { Validators } from "./swarm-signature.js";
import { when } from "../statements/time.js";

/** A grant as it is proposed. */
export interface GrantProposal extends ProposalPlace {
  /** The FleetRegistry that takes it. */
  readonly fleets: string;
  readonly registrar: string;
  readonly scopes: readonly string[];
  /** Devices. */
  readonly indexes: bigint;
  /** How many of these devices may become candidates for the committee. */
  readonly candidates: bigint;
  /** Seconds since 1970. */
  readonly expiry: bigint;
  /** `0x` and 64 digits. */
  readonly salt: string;
}

export const GRANT_KIND = "swarmkeep-grant/1";
/** Of one grant: the ledger counts them in a byte. */
export const MAXIMUM_CANDIDATES = 255;
/** Of a mesh, and so of one grant: devices 0 to this less one have a bit in a list that members make heads of. */
export const MAXIMUM_INDEXES = 256 * MAXIMUM_WORDS;

export function formatGrant(grant: GrantProposal): string {
  return formatProposal(GRANT_KIND, { ...grant });
}

/** @throws SwarmkeepError `bad-statement`, naming the field */
export function parseGrant(text: string): GrantProposal {
  const fields = new ProposalFields(text);
  fields.expectKind(GRANT_KIND);
  const scopes = fields.value("scopes");
  if (
    !Array.isArray(scopes) ||
    scopes.length < 1 ||
    scopes.length > 8 ||
    !scopes.every((s) => typeof s === "string" && isScope(s))
  ) {
    throw badStatement("scopes", scopes);
  }
  return {
    ...fields.place(),
    fleets: fields.address("fleets"),
    registrar: fields.address("registrar"),
    scopes: scopes as string[],
    indexes: fields.count("indexes", MAXIMUM_INDEXES),
    candidates: fields.count("candidates", MAXIMUM_CANDIDATES, 0),
    expiry: fields.time("expiry"),
    salt: fields.word("salt"),
  };
}

export function proposedGrant(grant: GrantProposal): Proposed {
  const { meshId, chainId, fleets, registrar, scopes, indexes, candidates, expiry, salt } = grant;
  return {
    meshId,
    chainId,
    taker: "fleets",
    contract: fleets,
    request: {
      name: "Grant",
      values: {
        registrar: getBytes(registrar),
        scopesHash: getBytes(keccak256(AbiCoder.defaultAbiCoder().encode(["string[]"], [scopes]))),
        indexes,
        candidates,
        expiry,
        salt: getBytes(salt),
      },
    },
    description: [
      `The account ${registrar} may register up to ${indexes} devices`,
      `  within    ${scopes.join(", ")}`,
      `  until     ${when(Number(expiry))}`,
      ...(candidates === 0n ? [] : [`  of which  ${candidates} gateways may become candidates for the committee`]),
      `  in mesh   ${meshId}, chain ${chainId}, fleet registry ${fleets}`,
      "Each of these devices can get certificates of this mesh. The ledger takes the grant once.",
    ].join("\n"),
  };
}

/** The EIP-712 digest that the swarm signs. */
export function grantDigest(grant: GrantProposal): Uint8Array {
  return proposedDigest(proposedGrant(grant));
}

/** Gathers the swarm's signature and submits the grant. */
export async function submitGrant(
  ledger: MeshLedger,
  validators: Validators,
  sender: TransactionSender,
  grant: GrantProposal,
): Promise<{ readonly grantId: bigint; readonly receipt: Receipt }> {
  const { registrar, scopes, indexes, candidates, expiry, salt } = grant;
  const receipt = await submitProposed(ledger, validators, sender, proposedGrant(grant), {
    method: "giveGrant",
    values: [{ registrar, scopes: [...scopes], indexes, candidates, expiry, salt }],
    action: "give the grant",
  });
  const { contracts } = ledger;
  const given = await contracts.fleets.queryFilter(
    contracts.fleets.filters.GrantGiven(undefined, registrar),
    receipt.blockNumber,
    receipt.blockNumber,
  );
  return { grantId: given.at(-1)?.args.grantId ?? 0n, receipt };
}

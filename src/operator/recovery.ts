/**
 * Recovery: the root CA asks for new group keys where those in office are lost or in wrong hands (docs/protocol.md, section 4.8), and
 * whatever is due next on the way to them.
 */
import { AbiCoder, getBytes, hexlify, keccak256 } from "ethers";

import { INTERFACES } from "../ledger/contracts.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { statementDigest } from "../statements/eip712.js";
import { when } from "../statements/time.js";
import type { GenesisMember } from "./genesis.js";
import { type MeshLedger, blockTime } from "./ledger.js";
import type { RootAuthority } from "./root-ca.js";

export interface RecoveryRequest {
  /** Counts from 1 in a mesh. */
  readonly number: bigint;
  /** Whose keys are given up. */
  readonly generation: bigint;
  /** Whether the keys are in wrong hands, rather than lost. */
  readonly isCompromised: boolean;
  /** The next committee, ascending by account. */
  readonly members: readonly GenesisMember[];
}

/** The struct of the contract's call. */
function requestStruct({ members, ...fields }: RecoveryRequest) {
  return { ...fields, members: members.map((member) => ({ ...member })) };
}

/** What the root CA signs, 32 bytes. @param recovery EIP-712 domain separator of the Recovery. */
export function recoveryDigest(request: RecoveryRequest, recovery: Uint8Array): Uint8Array {
  const { number, generation, isCompromised } = request;
  const parts = INTERFACES.recovery.getFunction("requestRecovery")?.inputs[0]?.components ?? [];
  const types = parts.filter(({ name }) => name === "members");
  const members = AbiCoder.defaultAbiCoder().encode(types, [requestStruct(request).members]);
  const membersHash = getBytes(keccak256(members));
  return statementDigest(recovery, "Recovery", {
    number,
    generation,
    membersHash,
    isCompromised: isCompromised ? 1 : 0,
  });
}

/**
 * Has the root CA sign a request for new keys of these members, and submits it.
 * @throws SwarmkeepError `root-signature-needed`, and those of the ledger
 */
export async function requestRecovery(
  ledger: MeshLedger,
  root: RootAuthority,
  sender: TransactionSender,
  { members, isCompromised }: Pick<RecoveryRequest, "members" | "isCompromised">,
): Promise<{ readonly request: RecoveryRequest; readonly receipt: Receipt }> {
  const { contracts, addresses } = ledger;
  const { number } = await contracts.recovery.standing();
  const request: RecoveryRequest = {
    number: number + 1n,
    generation: await contracts.groupKeys.generation(),
    isCompromised,
    members: members.toSorted((a, b) => (a.account.toLowerCase() < b.account.toLowerCase() ? -1 : 1)),
  };
  const signature = await root.sign(
    `recovery-${request.number}`,
    recoveryDigest(request, ledger.separator("recovery")),
  );
  const data = contracts.recovery.interface.encodeFunctionData("requestRecovery", [
    requestStruct(request),
    hexlify(signature.subarray(0, 32)),
    hexlify(signature.subarray(32)),
  ]);
  const receipt = await sender.send({ to: addresses.recovery, data, action: "ask for new group keys" });
  return { request, receipt };
}

/** As the contract counts the stages of a request. */
export const RECOVERY_STAGE = { none: 0n, requested: 1n, cancelled: 2n, begun: 3n } as const;

/** One step of a recovery. */
export interface RecoveryStep {
  readonly number: bigint;
  readonly step: "begun" | "started";
  readonly transaction: string;
}

/**
 * Does what is due for the newest request: begins it when its window is over or enough have declared, then starts its ceremony.
 * @throws SwarmkeepError `no-recovery`, `window-lasts`; those of the ledger, which name what is missing
 */
export async function continueRecovery(ledger: MeshLedger, sender: TransactionSender): Promise<RecoveryStep> {
  const { contracts, addresses, endpoint } = ledger;
  const { number, generation, until, isCompromised, stage } = await contracts.recovery.standing();
  const current = await contracts.groupKeys.generation();
  if (stage === RECOVERY_STAGE.none || stage === RECOVERY_STAGE.cancelled || generation !== current) {
    const cancelled = stage === RECOVERY_STAGE.cancelled;
    const why = cancelled ? `the swarm cancelled request ${number}` : "no recovery of the current keys was asked for";
    throw new SwarmkeepError(why, {
      kind: "usage",
      code: "no-recovery",
      advice: cancelled
        ? "The swarm is there: have it make new keys with `swarmkeep mesh rekey`."
        : "Ask for one with --member <file...>, by the root CA.",
      details: { number, generation, current },
    });
  }
  const now = await blockTime(endpoint, "latest");
  if (stage === RECOVERY_STAGE.requested && !isCompromised && now <= Number(until)) {
    throw new SwarmkeepError(`the swarm may cancel request ${number} until ${when(Number(until))}`, {
      kind: "usage",
      code: "window-lasts",
      advice: "Run this command again after that.",
      details: { number, until },
    });
  }
  const abi = contracts.recovery.interface;
  const due =
    stage === RECOVERY_STAGE.requested
      ? ({
          step: "begun",
          action: "begin the recovery",
          data: abi.encodeFunctionData("beginRecovery", [number]),
        } as const)
      : ({
          step: "started",
          action: "start making the new group keys",
          data: abi.encodeFunctionData("startRecovery", [number]),
        } as const);
  const { step, ...call } = due;
  const { transactionHash } = await sender.send({ to: addresses.recovery, ...call });
  return { number, step, transaction: transactionHash };
}

/** A member in office says that the keys are in wrong hands, as the newest request does. */
export async function declareCompromise(ledger: MeshLedger, sender: TransactionSender): Promise<Receipt> {
  const { number } = await ledger.contracts.recovery.standing();
  const data = ledger.contracts.recovery.interface.encodeFunctionData("declareCompromise", [number]);
  return sender.send({ to: ledger.addresses.recovery, data, action: "declare the group keys compromised" });
}

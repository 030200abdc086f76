/** What a validator does with its own stake: adds to it, leaves, takes it back, and comes out of jail (docs/protocol.md, section 4). All amounts are wei. */
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { formatEther } from "../statements/ether.js";
import { when } from "../statements/time.js";
import { type MeshLedger, VALIDATOR_STATES, blockTime } from "./ledger.js";

const HOW_TO: Readonly<Record<"active" | "exiting", string>> = {
  active: "A validator is active once `swarmkeep validator run` has registered it, until it exits.",
  exiting: "Stake is taken back after `swarmkeep validator exit`, and once.",
};

/** The sender's own entry. @throws SwarmkeepError `wrong-state` unless it is in `expected` */
async function ownEntry(
  { contracts }: MeshLedger,
  { address }: TransactionSender,
  expected: "active" | "exiting",
): Promise<{ readonly stake: bigint; readonly withdrawable: number; readonly jailedUntil: number }> {
  const { state, stake, withdrawable, jailedUntil } = await contracts.registry.validator(address);
  const found = VALIDATOR_STATES[Number(state)] ?? "none";
  if (found === expected) return { stake, withdrawable: Number(withdrawable), jailedUntil: Number(jailedUntil) };
  const is = found === "none" ? "is no validator of this mesh" : `is ${found}`;
  throw new SwarmkeepError(`the account ${address} ${is}, and this is for one that is ${expected}`, {
    kind: "usage",
    code: "wrong-state",
    advice: HOW_TO[expected],
    details: { account: address, state: found, expected },
  });
}

/** @throws SwarmkeepError `wrong-state`, and those of the ledger */
export async function addStake(
  ledger: MeshLedger,
  sender: TransactionSender,
  amount: bigint,
): Promise<{ readonly stake: bigint; readonly receipt: Receipt }> {
  const { stake } = await ownEntry(ledger, sender, "active");
  const { contracts, addresses } = ledger;
  const data = contracts.registry.interface.encodeFunctionData("addStake");
  const receipt = await sender.send({ to: addresses.registry, data, value: amount, action: "add stake" });
  return { stake: stake + amount, receipt };
}

/** Leaves for good. @returns when the stake may be taken back, seconds since 1970; 0 where a seat binds it, so that unbonding has not started. @throws SwarmkeepError `wrong-state`, and those of the ledger */
export async function startExit(
  ledger: MeshLedger,
  sender: TransactionSender,
): Promise<{ readonly withdrawable: number; readonly receipt: Receipt }> {
  await ownEntry(ledger, sender, "active");
  const { contracts, addresses } = ledger;
  const data = contracts.registry.interface.encodeFunctionData("exit");
  const receipt = await sender.send({ to: addresses.registry, data, action: "exit" });
  const { withdrawable } = await ownEntry(ledger, sender, "exiting");
  return { withdrawable, receipt };
}

/** What became of it: wei that were paid, or when they may be taken back, seconds since 1970, where unbonding had not started before. */
export type Withdrawal = ({ readonly amount: bigint } | { readonly withdrawable: number }) & {
  readonly receipt: Receipt;
};

/** @throws SwarmkeepError `wrong-state`, `still-bonded`, and those of the ledger, `InOffice` for who is bound by a seat yet */
export async function withdrawStake(ledger: MeshLedger, sender: TransactionSender): Promise<Withdrawal> {
  const { stake, withdrawable } = await ownEntry(ledger, sender, "exiting");
  if ((await blockTime(ledger.endpoint)) < withdrawable) {
    throw new SwarmkeepError(`the stake of ${formatEther(stake)} is bonded until ${when(withdrawable)}`, {
      kind: "usage",
      code: "still-bonded",
      advice: "Wait until then: it stands for what may yet be shown of this validator.",
      details: { account: sender.address, withdrawable },
    });
  }
  const { contracts, addresses } = ledger;
  const data = contracts.registry.interface.encodeFunctionData("withdraw");
  const receipt = await sender.send({ to: addresses.registry, data, action: "withdraw the stake" });
  if (withdrawable !== 0) return { amount: stake, receipt };
  const started = await ownEntry(ledger, sender, "exiting");
  return { withdrawable: started.withdrawable, receipt };
}

/** @throws SwarmkeepError `wrong-state`, `not-jailed`, `still-jailed`, and those of the ledger */
export async function leaveJail(ledger: MeshLedger, sender: TransactionSender): Promise<{ readonly receipt: Receipt }> {
  const { jailedUntil } = await ownEntry(ledger, sender, "active");
  if (jailedUntil === 0) {
    throw new SwarmkeepError(`the account ${sender.address} is not jailed`, {
      kind: "usage",
      code: "not-jailed",
      advice: "There is nothing to do: `swarmkeep validator history` shows why it is not drawn.",
      details: { account: sender.address },
    });
  }
  if ((await blockTime(ledger.endpoint)) < jailedUntil) {
    throw new SwarmkeepError(`the account ${sender.address} is jailed until ${when(jailedUntil)}`, {
      kind: "usage",
      code: "still-jailed",
      advice: "Wait until then, and find out meanwhile how its key came to sign two statements of one number.",
      details: { account: sender.address, jailedUntil },
    });
  }
  const { contracts, addresses } = ledger;
  const data = contracts.registry.interface.encodeFunctionData("unjail");
  return { receipt: await sender.send({ to: addresses.registry, data, action: "leave jail" }) };
}

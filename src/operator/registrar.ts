/** What a registrar does on the ledger and at the validators: registers batches of devices, and hands over channel keys. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { type BaseWallet, getBytes, hexlify } from "ethers";

import type { CommitteeMember } from "../certificate/committee-list.js";
import { PATH, encodeKeyList, encodePreSharedKeys } from "../protocol/api.js";
import { LedgerError } from "../ledger/errors.js";
import type { Receipt, TransactionSender } from "../ledger/sender.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { type StatementName, type StatementValues, statementDigest } from "../statements/eip712.js";
import type { ContractName } from "../ledger/contracts.js";
import type { BatchFolder } from "./batch-folder.js";
import { channelKeys } from "./factory.js";
import type { MeshLedger } from "./ledger.js";
import type { Validators } from "./swarm-signature.js";

/** Batches begin at multiples of this: no two share a word of the revocation list. */
const BATCH_ALIGNMENT = 256;
/** Seconds for which validators take a list of channel keys that the registrar signed. */
const KEYS_LIFETIME_SECONDS = 600;
/** Fewer than the interface allows, so that a request stays under a megabyte. */
const KEYS_AT_ONCE = 8_192;

export interface FleetPolicy {
  readonly scopes: readonly string[];
  readonly maximumLifetime: number;
  readonly quota: number;
  readonly joinMethods: number;
  readonly graceSeconds: number;
}

/** The index at which the next batch begins. */
export async function nextBase({ contracts }: MeshLedger): Promise<number> {
  return Math.ceil(Number(await contracts.fleets.nextIndex()) / BATCH_ALIGNMENT) * BATCH_ALIGNMENT;
}

/** @throws SwarmkeepError `base-moved` where another batch has taken the indexes that this one was made for. */
export async function expectBase(ledger: MeshLedger, batch: BatchFolder): Promise<void> {
  const base = await nextBase(ledger);
  if (base === batch.facts.base) return;
  throw baseMoved(batch, base);
}

function baseMoved(batch: BatchFolder, base: number): SwarmkeepError {
  return new SwarmkeepError(
    `the batch was made for indexes from ${batch.facts.base} on, and the ledger has come to ${base}`,
    {
      kind: "refused",
      code: "base-moved",
      advice: "Run the command again with --rebase: it makes the manifest anew, with the same keys.",
      details: { expected: batch.facts.base, found: base },
    },
  );
}

export interface Registered {
  readonly batch: BatchFolder;
  readonly fleetId: number;
  /** Undefined where the ledger had the batch already. */
  readonly receipt: Receipt | undefined;
}

/** Registers a fleet with its first batch. @throws SwarmkeepError `base-moved`, `no-grant`; LedgerError `reverted` */
export async function registerFleet(
  ledger: MeshLedger,
  sender: TransactionSender,
  batch: BatchFolder,
  request: { readonly grantId?: bigint | undefined; readonly policy: FleetPolicy },
): Promise<Registered> {
  const { contracts, addresses } = ledger;
  const known = await alreadyRegistered(ledger, batch);
  if (known !== undefined) return known;
  await expectBase(ledger, batch);
  const grant = await grantOf(ledger, sender.address, request.grantId);
  const { scopes, ...policy } = request.policy;
  const data = contracts.fleets.interface.encodeFunctionData("registerFleet", [
    grant.grantId,
    [...grant.scopes],
    { ...policy, scopes: [...scopes] },
    hexlify(batch.facts.manifestRoot),
    batch.facts.base,
    batch.facts.count,
  ]);
  const receipt = await sendForBase(ledger, sender, batch, {
    to: addresses.fleets,
    data,
    action: "register the fleet",
  });
  return afterwards(ledger, batch, receipt);
}

/** Adds a batch to a fleet. @throws as `registerFleet` */
export async function appendBatch(
  ledger: MeshLedger,
  sender: TransactionSender,
  batch: BatchFolder,
  fleetId: number,
): Promise<Registered> {
  const { contracts, addresses } = ledger;
  const known = await alreadyRegistered(ledger, batch);
  if (known !== undefined) return known;
  await expectBase(ledger, batch);
  const root = hexlify(batch.facts.manifestRoot);
  const { base, count } = batch.facts;
  const data = contracts.fleets.interface.encodeFunctionData("appendBatch", [fleetId, root, base, count]);
  const receipt = await sendForBase(ledger, sender, batch, { to: addresses.fleets, data, action: "append the batch" });
  return afterwards(ledger, batch, receipt);
}

/** Sends; the contract refuses, and takes nothing, where somebody else's batch came first. */
async function sendForBase(
  ledger: MeshLedger,
  sender: TransactionSender,
  batch: BatchFolder,
  call: Parameters<TransactionSender["send"]>[0],
): Promise<Receipt> {
  try {
    return await sender.send(call);
  } catch (error) {
    if (!(error instanceof LedgerError) || error.details["error"] !== "BaseMoved") throw error;
    throw baseMoved(batch, await nextBase(ledger));
  }
}

/** Looks for the batch on the ledger: a process that was killed after sending must not register it twice. */
async function alreadyRegistered(ledger: MeshLedger, batch: BatchFolder): Promise<Registered | undefined> {
  return placeOf(ledger, batch, ledger.mesh.deployedBlock, "latest");
}

async function afterwards(ledger: MeshLedger, batch: BatchFolder, receipt: Receipt): Promise<Registered> {
  const registered = await placeOf(ledger, batch, receipt.blockNumber, receipt.blockNumber);
  if (registered !== undefined) return { ...registered, receipt };
  // Somebody else's registration was taken just before ours.
  throw baseMoved(batch, await nextBase(ledger));
}

async function placeOf(
  { contracts }: MeshLedger,
  batch: BatchFolder,
  from: number,
  to: number | "latest",
): Promise<Registered | undefined> {
  const { facts } = batch;
  const appended = await contracts.fleets.queryFilter(contracts.fleets.filters.BatchAppended(), from, to);
  const found = appended.find(
    ({ args }) => args.manifestRoot === hexlify(facts.manifestRoot) && Number(args.base) === facts.base,
  );
  if (found === undefined) return undefined;
  const [fleetId, number] = [Number(found.args.fleetId), Number(found.args.batch)];
  const saved = await batch.save({ ...facts, registered: { fleetId, batch: number } });
  return { batch: saved, fleetId, receipt: undefined };
}

/** The scopes that an account was granted, in all of its grants. */
export async function grantedScopes({ contracts, mesh }: MeshLedger, registrar: string): Promise<readonly string[]> {
  const given = await contracts.fleets.queryFilter(
    contracts.fleets.filters.GrantGiven(undefined, registrar),
    mesh.deployedBlock,
  );
  return given.flatMap(({ args }) => [...args.scopes]);
}

/** The registrar's grant: the given one, or its only one. @throws SwarmkeepError `no-grant` */
export async function grantOf(
  { contracts, mesh }: MeshLedger,
  registrar: string,
  grantId: bigint | undefined,
): Promise<{ readonly grantId: bigint; readonly scopes: readonly string[] }> {
  const filter = contracts.fleets.filters.GrantGiven(grantId, registrar);
  const given = await contracts.fleets.queryFilter(filter, mesh.deployedBlock);
  const [first, second] = given;
  if (first !== undefined && second === undefined)
    return { grantId: first.args.grantId, scopes: [...first.args.scopes] };
  const found = first === undefined ? "no grant" : `the grants ${given.map(({ args }) => args.grantId).join(", ")}`;
  throw new SwarmkeepError(`the account ${registrar} has ${found}`, {
    kind: "usage",
    code: "no-grant",
    advice:
      first === undefined ? "Ask the mesh's operators for one (`swarmkeep mesh grant`)." : "Name one with --grant.",
    details: { registrar, grantId },
  });
}

/** A signature of the registrar's account over an EIP-712 statement: r | s | v, 65 bytes. */
export function signByAccount(
  ledger: MeshLedger,
  wallet: BaseWallet,
  contract: ContractName,
  name: StatementName,
  values: StatementValues,
): Uint8Array {
  const digest = statementDigest(ledger.separator(contract), name, values);
  return getBytes(wallet.signingKey.sign(digest).serialized);
}

export interface Upload {
  readonly account: string;
  /** Channel keys that the validator has now; 0 where it was not reached. */
  readonly keys: number;
  readonly error: unknown;
}

/** Gives each validator of the committee its channel keys of a registered batch. Says for each how it went. */
export async function uploadChannelKeys(
  ledger: MeshLedger,
  validators: Validators,
  registrar: { readonly wallet: BaseWallet; readonly sealer: Sealer },
  { batch, fleetId }: Registered,
): Promise<readonly Upload[]> {
  const upload = async (member: CommitteeMember): Promise<Upload> => {
    const account = hexlify(member.account);
    const keys = await channelKeys(batch, registrar.sealer, account);
    try {
      const list = [...keys].map(([position, key]) => ({ index: batch.facts.base + position, key }));
      for (let at = 0; at < list.length; at += KEYS_AT_ONCE) {
        const part = list.slice(at, at + KEYS_AT_ONCE);
        const expiry = Math.floor(Date.now() / 1000) + KEYS_LIFETIME_SECONDS;
        const signature = signByAccount(ledger, registrar.wallet, "fleets", "PreSharedKeys", {
          fleetId,
          keysHash: keccak_256(encodeKeyList(part)),
          expiry,
        });
        const body = encodePreSharedKeys({ fleetId, expiry, keys: part, signature });
        await validators.client(member).request({ method: "POST", path: PATH.preSharedKeys, body });
      }
      return { account, keys: keys.size, error: undefined };
    } catch (error) {
      return { account, keys: 0, error };
    } finally {
      for (const key of keys.values()) key.fill(0);
    }
  };
  return Promise.all(validators.members.map(upload));
}

/** The batch on the ledger that has a device. @throws SwarmkeepError `no-such-device` */
export async function batchOfDevice({ contracts, mesh }: MeshLedger, index: number) {
  const appended = await contracts.fleets.queryFilter(contracts.fleets.filters.BatchAppended(), mesh.deployedBlock);
  const found = appended.find(({ args: { base, count } }) => base <= index && index < base + count);
  if (found === undefined) {
    throw new SwarmkeepError(`the ledger has no device ${index}`, {
      kind: "usage",
      code: "no-such-device",
      advice: "Give the index of a registered device, as its provisioning file has it.",
      details: { index },
    });
  }
  const { fleetId, batch, manifestRoot, base, count } = found.args;
  return { fleetId, batch, manifestRoot, base, count };
}

/** @throws LedgerError `reverted`: only this registrar may. */
export async function expectRegistrar(ledger: MeshLedger, index: number, account: string): Promise<void> {
  const registrar = await ledger.contracts.fleets.registrarOf(await batchOfDevice(ledger, index));
  if (registrar === account) return;
  throw new LedgerError("reverted", `device ${index} is of the registrar ${registrar}, not of ${account}`, { index });
}

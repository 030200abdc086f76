/** What gas is spent for: every call of the mesh's contracts has one purpose, by contract and function. */
import type { ContractName } from "../ledger/contracts.js";

const BY_METHOD: Readonly<Record<string, string>> = {
  submitGenesis: "founding",
  certifyKeys: "certifying the keys",
  nameSuccessor: "governance",
  admit: "governance",
  admitDevice: "joining and leaving",
  giveGrant: "governance",
  register: "joining and leaving",
  update: "joining and leaving",
  addStake: "joining and leaving",
  exit: "joining and leaving",
  withdraw: "joining and leaving",
  unjail: "joining and leaving",
  reportEquivocation: "punishing",
  registerFleet: "registering devices",
  appendBatch: "registering devices",
  revoke: "revoking devices",
  hold: "revoking devices",
  release: "revoking devices",
  postHead: "revocation heads",
  postCheckpoint: "checkpoints",
};

/** Where a contract has one purpose only; functions that other contracts bring are told by their contract. */
const BY_CONTRACT: Readonly<Record<string, string>> = {
  ceremony: "key ceremonies",
  rotation: "draws",
  groupKeys: "draws",
  measurement: "measuring",
  reputation: "measuring",
  rewards: "rewards",
  shards: "shard maps",
};

export const DEPLOYMENT = "founding";

export function purposeOf(contract: ContractName | undefined, method: string | undefined): string {
  return BY_METHOD[method ?? ""] ?? BY_CONTRACT[contract ?? ""] ?? (contract === undefined ? "other" : words(contract));
}

/** "shardMaps" as "shard maps". */
export function words(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
}

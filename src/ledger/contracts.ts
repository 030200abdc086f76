/** The contracts of a mesh as typed handles, found from its anchor. Exported as `swarmkeep/contracts`. */
import { ZeroAddress, getCreateAddress, type ContractRunner, type Interface } from "ethers";

import {
  FleetRegistry__factory,
  Generations__factory,
  GroupKeys__factory,
  KeyCeremony__factory,
  Measurement__factory,
  Recovery__factory,
  Reputation__factory,
  RevocationList__factory,
  RewardPool__factory,
  Rotation__factory,
  ShardMap__factory,
  TrustAnchor__factory,
  ValidatorRegistry__factory,
  type FleetRegistry,
  type Generations,
  type GroupKeys,
  type KeyCeremony,
  type Measurement,
  type Recovery,
  type Reputation,
  type RevocationList,
  type RewardPool,
  type Rotation,
  type ShardMap,
  type TrustAnchor,
  type ValidatorRegistry,
} from "../../typechain-types/index.js";
import { LedgerError } from "./errors.js";

/**
 * Handles by the name that the genesis document gives each contract; of those that it does not name, the shard maps are the
 * fleets', the generations the ceremony's, the recovery the generations', and measurement, reputation and rewards the rotation's.
 */
export interface MeshContracts {
  readonly anchor: TrustAnchor;
  readonly registry: ValidatorRegistry;
  readonly ceremony: KeyCeremony;
  readonly groupKeys: GroupKeys;
  readonly fleets: FleetRegistry;
  readonly revocations: RevocationList;
  readonly rotation: Rotation;
  readonly shards: ShardMap;
  readonly generations: Generations;
  readonly recovery: Recovery;
  readonly measurement: Measurement;
  readonly reputation: Reputation;
  readonly rewards: RewardPool;
}

export type ContractName = keyof MeshContracts;

/** Addresses, `0x` and 40 digits. */
export type MeshAddresses = Readonly<Record<ContractName, string>>;

export const CONTRACT_NAMES = [
  "anchor",
  "registry",
  "ceremony",
  "groupKeys",
  "fleets",
  "revocations",
  "rotation",
  "shards",
  "generations",
  "recovery",
  "measurement",
  "reputation",
  "rewards",
] as const;

/** Those that the genesis does not name, since another contract's constructor creates them. */
export const CREATED_NAMES = ["shards", "generations", "recovery", "measurement", "reputation", "rewards"] as const;

/** ABIs, with events and errors. */
export const INTERFACES: Readonly<Record<ContractName, Interface>> = {
  anchor: TrustAnchor__factory.createInterface(),
  registry: ValidatorRegistry__factory.createInterface(),
  ceremony: KeyCeremony__factory.createInterface(),
  groupKeys: GroupKeys__factory.createInterface(),
  fleets: FleetRegistry__factory.createInterface(),
  revocations: RevocationList__factory.createInterface(),
  rotation: Rotation__factory.createInterface(),
  shards: ShardMap__factory.createInterface(),
  generations: Generations__factory.createInterface(),
  recovery: Recovery__factory.createInterface(),
  measurement: Measurement__factory.createInterface(),
  reputation: Reputation__factory.createInterface(),
  rewards: RewardPool__factory.createInterface(),
};

export function contractsAt(addresses: MeshAddresses, runner: ContractRunner): MeshContracts {
  return {
    anchor: TrustAnchor__factory.connect(addresses.anchor, runner),
    registry: ValidatorRegistry__factory.connect(addresses.registry, runner),
    ceremony: KeyCeremony__factory.connect(addresses.ceremony, runner),
    groupKeys: GroupKeys__factory.connect(addresses.groupKeys, runner),
    fleets: FleetRegistry__factory.connect(addresses.fleets, runner),
    revocations: RevocationList__factory.connect(addresses.revocations, runner),
    rotation: Rotation__factory.connect(addresses.rotation, runner),
    shards: ShardMap__factory.connect(addresses.shards, runner),
    generations: Generations__factory.connect(addresses.generations, runner),
    recovery: Recovery__factory.connect(addresses.recovery, runner),
    measurement: Measurement__factory.connect(addresses.measurement, runner),
    reputation: Reputation__factory.connect(addresses.reputation, runner),
    rewards: RewardPool__factory.connect(addresses.rewards, runner),
  };
}

/** What a genesis names, and the anchor that took it. */
export type NamedAddresses = Omit<MeshAddresses, (typeof CREATED_NAMES)[number]>;

/** All addresses, with those of contracts that another created, by their order there: nobody has to be asked for them. */
export function allAddresses(named: NamedAddresses): MeshAddresses {
  const createdBy = (creator: string, nonce = 1): string => getCreateAddress({ from: creator, nonce });
  const generations = createdBy(named.ceremony);
  return {
    ...named,
    shards: createdBy(named.fleets),
    generations,
    recovery: createdBy(generations),
    measurement: createdBy(named.rotation, 1),
    reputation: createdBy(named.rotation, 2),
    rewards: createdBy(named.rotation, 3),
  };
}

/**
 * All addresses of a mesh, as its anchor has them since genesis.
 * @throws LedgerError `no-mesh` if there is no anchor at the address, or it has not accepted its genesis.
 */
export async function addressesOf(anchor: string, runner: ContractRunner): Promise<MeshAddresses> {
  let found: Awaited<ReturnType<TrustAnchor["contracts"]>>;
  try {
    found = await TrustAnchor__factory.connect(anchor, runner).contracts();
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw new LedgerError("no-mesh", `there is no trust anchor at ${anchor}`, { anchor }, cause);
  }
  const { registry, ceremony, groupKeys, fleets, revocations, rotation } = found;
  if (registry === ZeroAddress) {
    throw new LedgerError("no-mesh", `the trust anchor at ${anchor} has not accepted its genesis yet`, { anchor });
  }
  return allAddresses({ anchor, registry, ceremony, groupKeys, fleets, revocations, rotation });
}

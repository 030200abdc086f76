import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/**
 * All contracts of one mesh. Parameters: `rootX` and `rootY`, the coordinates of the root CA's P-256 key, and `nonce`, 32 random
 * bytes; all bytes32. The mesh begins when somebody submits the genesis, signed by the root CA, which names these addresses.
 *
 * The anchor comes first, since all others are given it, and the group keys second, since those that take statements of the
 * swarm are given them. The fleets bring their shard maps along, the ceremony the generations and these the recovery, the
 * rotation what a candidate weighs by and who is paid: measurement, reputation and rewards.
 */
export default buildModule("Mesh", (m) => {
  const anchor = m.contract("TrustAnchor", [m.getParameter("rootX"), m.getParameter("rootY"), m.getParameter("nonce")]);
  const groupKeys = m.contract("GroupKeys", [anchor]);
  const registry = m.contract("ValidatorRegistry", [anchor, groupKeys]);
  const fleets = m.contract("FleetRegistry", [anchor, groupKeys]);
  const shards = m.contractAt("ShardMap", m.staticCall(fleets, "shards"));
  const revocations = m.contract("RevocationList", [anchor, groupKeys, fleets]);
  const rotation = m.contract("Rotation", [anchor, groupKeys, registry]);

  const ed25519 = m.library("Ed25519");
  const judge = m.library("CeremonyJudge", { libraries: { Ed25519: ed25519 } });
  const ceremony = m.contract("KeyCeremony", [anchor, groupKeys, registry, rotation], {
    libraries: { CeremonyJudge: judge },
  });

  const generations = m.contractAt("Generations", m.staticCall(ceremony, "generations"));
  const recovery = m.contractAt("Recovery", m.staticCall(generations, "recovery"));
  const measurement = m.contractAt("Measurement", m.staticCall(rotation, "measurement"));
  const reputation = m.contractAt("Reputation", m.staticCall(rotation, "reputation"));
  const rewards = m.contractAt("RewardPool", m.staticCall(rotation, "rewards"));

  return {
    anchor,
    groupKeys,
    registry,
    fleets,
    revocations,
    rotation,
    ceremony,
    shards,
    generations,
    recovery,
    measurement,
    reputation,
    rewards,
  };
});

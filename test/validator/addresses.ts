/** Where the contracts of a mesh in tests stand that have no ledger. */
export const address = (n: number): string => `0x${n.toString(16).padStart(40, "0")}`;

export const addresses = {
  anchor: address(1),
  registry: address(2),
  ceremony: address(3),
  groupKeys: address(4),
  fleets: address(5),
  revocations: address(6),
  rotation: address(7),
  shards: address(8),
  generations: address(9),
  recovery: address(10),
  measurement: address(11),
  reputation: address(12),
  rewards: address(13),
};

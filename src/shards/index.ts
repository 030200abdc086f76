/**
 * Keys in shards, one-time keys, and sealing without randomness: the package export `swarmkeep/shards`. Runs on Node; no network and no
 * chain library.
 */
export * from "./cid.js";
export * from "./derivation.js";
export * from "./deterministic-aead.js";
export * from "./entry.js";
export * from "./errors.js";
export * from "./generate.js";
export * from "./one-time-keys.js";
export * from "./placement.js";
export * from "./reconstruct.js";
export * from "./shard.js";
export * from "./splitting.js";

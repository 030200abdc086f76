/**
 * Everything to make and check what devices show one another, with no network, no chain library and nothing of Node:
 * the package export `swarmkeep/verify`.
 */
export * from "./refusal.js";
export * from "./cbor.js";
export * from "./reader.js";
export * from "./signatures.js";
export * from "./cose.js";
export * from "./cose-key.js";
export * from "./certificate.js";
export * from "./drl-tree.js";
export * from "./drl.js";
export * from "./head-memory.js";

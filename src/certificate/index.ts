/**
 * Everything to make and check what devices show one another, with no network, no chain library and nothing of Node:
 * the package export `swarmkeep/verify`.
 */
export * from "./refusal.js";
export * from "./cbor.js";
export * as read from "./reader.js";
export * from "./signatures.js";
export * from "./cose.js";
export * from "./cose-key.js";
export * from "./certificate.js";
export * from "./drl-tree.js";
export * from "./drl.js";
export * from "./head-memory.js";
export * from "./presentation.js";
export * from "./verify.js";
export * from "./committee-list.js";
export * from "./manifest.js";
export * from "./manifest-nodes.js";
export * from "./pkcs10.js";
export * from "./csr-attributes.js";
export * from "./csr-proofs.js";
export * from "./cms.js";
export * from "./request.js";
export * from "./request-check.js";
export * from "./candidacy.js";
export * from "./revocation-request.js";
export * from "./x509.js";
export * from "./x509-root.js";
export * from "./x509-names.js";
export * from "./x509-authority.js";
export * from "./x509-leaf.js";
export * from "./x509-crl.js";
export * from "./bundle.js";
export * from "./shard-map.js";

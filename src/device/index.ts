/**
 * The device's side of Swarmkeep: the package export `swarmkeep/device`. Runs on Node 20; needs no chain library.
 *
 * ```ts
 * const { agent } = await openDevice("/var/lib/swarmkeep", passphrase);
 * await agent.enrol({ validators: ["validator.example:7443"] });
 * const presentation = await agent.prove(challenge, { audience: "gate 7" });
 * await agent.keepCertified(signal);
 *
 * const tls = await DeviceTls.open({ agent, keystore });
 * const server = createServer(tls.serverOptions(), handler); // node:tls or node:https
 * void tls.keepFresh(signal, server);
 * ```
 *
 * `createAgent` takes a keystore (a TPM, a PKCS#11 token) and a transport of the caller's own.
 */
export * from "./agent.js";
export * from "./backoff.js";
export * from "./head-file.js";
export * from "./identity.js";
export * from "./keystore.js";
export { type Transport } from "./mesh.js";
export * from "./tls.js";
export * from "./tls-folder.js";
export * from "./open.js";
export * from "./provisioning.js";
export * from "./store.js";
export { type SigningChecks } from "./swarm-signing.js";
export { RemoteError } from "../net/error-body.js";

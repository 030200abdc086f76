/** Whom a command trusts: a bundle under a pinned root, from files, from a device's folder, or from a validator. */
import { basename, dirname, join } from "node:path";

import { type MeshTrust, verifyBundle } from "../certificate/bundle.js";
import type { HeadMemory } from "../certificate/head-memory.js";
import { Refusal } from "../certificate/refusal.js";
import { equalBytes } from "../crypto/bytes.js";
import { openHeadMemory } from "../device/head-file.js";
import { loadChecks, tlsTransport } from "../device/open.js";
import type { Provisioning } from "../device/provisioning.js";
import { readDeviceFiles } from "../device/store.js";
import type { SigningChecks } from "../device/swarm-signing.js";
import { PATH } from "../protocol/api.js";
import { makeFolder } from "../runtime/atomic-file.js";
import { hasDataFolder } from "../runtime/data-folder.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type CommandContext, parseHex, readInput } from "./command.js";
import { keepGeneration } from "./generation-file.js";

export interface TrustOptions {
  readonly bundle?: string;
  readonly root?: string;
  readonly validator?: readonly string[];
  readonly memory?: string;
}

export interface CommandTrust {
  readonly trust: MeshTrust;
  readonly checks: SigningChecks;
  readonly memory: HeadMemory;
  /** Index of the device whose folder was used, if one was. */
  readonly index: number | undefined;
  /** Validators to ask: those given, or else those of the committee. */
  readonly endpoints: readonly string[];
}

/** Bytes of the largest thing that a validator hands to anybody. */
const MAXIMUM_BYTES = 100_000;

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** @throws SwarmkeepError `root-missing`, `no-bundle`; Refusal, also of a bundle that ends at an older generation than one that was seen */
export async function commandTrust(context: CommandContext, options: TrustOptions): Promise<CommandTrust> {
  const checks = await loadChecks();
  const folder = context.dataFolder("device");
  const device = (await hasDataFolder(folder)) ? await readDeviceFiles(folder) : undefined;
  const pinned = options.root === undefined ? device?.provisioning.rootFingerprint : parseFingerprint(options.root);
  if (pinned === undefined) {
    throw new SwarmkeepError("there is no root to trust", {
      kind: "usage",
      code: "root-missing",
      advice:
        "Give the SHA-256 fingerprint of the mesh's root certificate with --root, or a device's folder with --data.",
    });
  }
  const encoded = await bundleFrom(options, device?.bundle);
  const meshId = options.root === undefined ? device?.provisioning.meshId : undefined;
  const trust = verifyBundle(
    encoded,
    { rootFingerprint: pinned, now: nowSeconds(), ...(meshId !== undefined && { meshId }) },
    checks,
  );
  const provisioned = options.root === undefined ? device?.provisioning : undefined;
  if (provisioned !== undefined) expectProvisioned(trust, provisioned);
  const memory = options.memory ?? (await defaultMemory(context, trust));
  await keepGeneration(join(dirname(memory), `generation-${basename(memory)}`), trust.generation);
  const listed = trust.committee?.members.map(({ endpoint }) => endpoint).filter((endpoint) => endpoint !== "") ?? [];
  return {
    trust,
    checks,
    memory: await openHeadMemory(memory),
    index: device?.provisioning.index,
    endpoints: options.validator ?? listed,
  };
}

/** @throws Refusal `wrong-mesh` */
function expectProvisioned({ chainId, anchor }: MeshTrust, provisioning: Provisioning): void {
  if (chainId === provisioning.chainId && equalBytes(anchor, provisioning.anchor)) return;
  throw new Refusal("wrong-mesh", "the bundle is of another chain or contract than the device was provisioned for");
}

async function bundleFrom({ bundle, validator }: TrustOptions, stored: Uint8Array | undefined): Promise<Uint8Array> {
  if (bundle !== undefined) return readObject(bundle);
  if (stored !== undefined) return stored;
  if (validator !== undefined) return fetchFromAny(validator, PATH.bundle, (body) => body);
  throw new SwarmkeepError("there is no trust bundle", {
    kind: "usage",
    code: "no-bundle",
    advice: "Give one with --bundle <file>, or the address of a validator with --validator <host:port>.",
  });
}

/** A verifier's memory lives as long as the machine: an older head must not pass after a restart. */
async function defaultMemory(context: CommandContext, { meshId }: MeshTrust): Promise<string> {
  const folder = context.dataFolder("verifier");
  await makeFolder(folder);
  return join(folder, `heads-${Buffer.from(meshId.subarray(0, 8)).toString("hex")}.json`);
}

/** `ab:cd:...` as openssl prints it, or plain digits. */
function parseFingerprint(text: string): Uint8Array {
  return parseHex(text.replaceAll(":", ""), "--root", 32);
}

/** A signed object from a file or the standard input: its bytes, or hexadecimal digits of them. */
export async function readObject(path: string): Promise<Uint8Array> {
  const content = await readInput(path, MAXIMUM_BYTES);
  const text = Buffer.from(content).toString("latin1").trim();
  return /^([0-9a-fA-F]{2})+$/.test(text) ? new Uint8Array(Buffer.from(text, "hex")) : content;
}

/**
 * The first answer that `read` takes. Whom it comes from does not matter, since what is asked for proves itself.
 * @throws the last problem where nobody has a good one
 */
export async function fetchFromAny<T>(
  endpoints: readonly string[],
  path: string,
  read: (body: Uint8Array) => T,
): Promise<T> {
  let problem: unknown = new SwarmkeepError("no validator's address is known", {
    kind: "usage",
    code: "no-validator",
    advice: "Give one with --validator <host:port>.",
  });
  for (const endpoint of endpoints) {
    const client = tlsTransport(endpoint, { kind: "unverified" });
    try {
      return read((await client.request({ method: "GET", path, maximumAnswerBytes: MAXIMUM_BYTES })).body);
    } catch (error) {
      problem = error;
    } finally {
      client.close();
    }
  }
  throw problem;
}

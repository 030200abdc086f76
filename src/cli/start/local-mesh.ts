/** A whole mesh on this machine: a chain, a root CA, contracts and validators, each step of which sees whether it is done. */
import { join } from "node:path";

import { certifyGroupKeys } from "../../operator/certification.js";
import { fundFromNode } from "../../operator/dev-account.js";
import { foundMesh } from "../../operator/founding.js";
import { type GenesisMember, parseMember } from "../../operator/genesis.js";
import { type MeshLedger, VALIDATOR_STATES, firstEndpoint, openMeshLedger, withSender } from "../../operator/ledger.js";
import { type OperatorFolder, createOperatorFolder, openOperatorFolder } from "../../operator/operator-folder.js";
import { LOCAL_PARAMETERS } from "../../operator/parameters.js";
import { type Validators, openValidators } from "../../operator/swarm-signature.js";
import { LOCAL_CHAIN_ID, type LocalNode, startLocalNode } from "../../ledger/local-node.js";
import { makeFolder, readIfPresent } from "../../runtime/atomic-file.js";
import { hasDataFolder, openDataFolder } from "../../runtime/data-folder.js";
import { SwarmkeepError } from "../../runtime/errors.js";
import { type MeshFile, fingerprintOf } from "../../runtime/mesh-file.js";
import { LIGHT_KDF } from "../../runtime/sealed-file.js";
import { quorumOf } from "../../statements/quorum.js";
import { SETTINGS_FILE, initialiseValidator, readAccount, writeMemberFile } from "../../validator/settings.js";
import type { Progress } from "../progress.js";
import type { ExplorerProcess } from "./explorer-process.js";
import { type ValidatorProcess, startValidatorProcess } from "./validator-process.js";
import type { Workspace } from "./workspace.js";

const ETHER = 10n ** 18n;
/** Where the validators of the demonstration stand. */
export const SCOPE = "geo:u33";
/** How long a committee serves, so that two handovers are seen. */
const EPOCH_SECONDS = 20;
const PHASES = ["waiting", "collecting receiving keys", "dealing", "complaining", "acknowledging", "done"] as const;

/** What is running, so that it can be stopped in order whatever happens. */
export interface Running {
  node: LocalNode | undefined;
  validators: ValidatorProcess[];
  explorer?: ExplorerProcess | undefined;
  /** A validator of the fleet's, beside those that founded the mesh. */
  gateway?: ValidatorProcess | undefined;
  closers: (() => Promise<void> | void)[];
  /** Nothing is started any more. */
  stopping: boolean;
}

export interface LocalMesh {
  readonly workspace: Workspace;
  readonly operator: OperatorFolder;
  readonly mesh: MeshFile;
  readonly ledger: MeshLedger;
  /** Clients of the committee in office; opened when first needed, since its list is signed a moment after it took office. */
  validators(): Promise<Validators>;
  readonly running: Running;
}

/** Data folder of validator `number`, from 1. */
export function validatorFolder({ folder }: Workspace, number: number): string {
  return folder.file("validators", String(number));
}

/** Data folder of the gateway's validator. */
export function gatewayFolder({ folder }: Workspace): string {
  return folder.file("validators", "gateway");
}

export async function startGateway(workspace: Workspace, running: Running): Promise<void> {
  running.gateway = await startValidatorProcess({
    name: "the gateway's validator",
    dataFolder: gatewayFolder(workspace),
    meshFile: workspace.folder.file("operator", "mesh.json"),
    passphraseFile: workspace.passphraseFile,
    logFile: workspace.folder.file("logs", "gateway.log"),
  });
}

/** Whether an earlier start has come as far: it may sit in the committee, and is missed like any other member. */
async function hasGateway(workspace: Workspace, { contracts }: MeshLedger): Promise<boolean> {
  const path = gatewayFolder(workspace);
  // The last that is written of it.
  if ((await readIfPresent(join(path, SETTINGS_FILE))) === undefined) return false;
  const { address } = await readAccount(path, workspace.passphrase);
  return (await contracts.registry.validator(address)).state > 0n;
}

/** @param afterFounding done when the mesh is on the ledger, before its validators run. */
export async function bringUp(
  workspace: Workspace,
  running: Running,
  progress: Progress,
  afterFounding?: () => Promise<unknown>,
): Promise<LocalMesh> {
  const { folder } = workspace;
  await makeFolder(folder.file("logs"));

  const node = await progress.step("chain", async () => {
    const kind = workspace.persist ? "anvil" : "hardhat";
    const stateFile = folder.file("chain.json");
    const started = await startLocalNode({
      kind,
      port: workspace.chainPort,
      ...(workspace.persist ? { stateFile } : {}),
    });
    running.node = started;
    const kept = workspace.persist ? "its state is kept" : "it forgets all when it stops";
    return { detail: `${kind} on ${started.url}, a block a second; ${kept}`, value: started };
  });

  const operator = await progress.step("root CA", async () => {
    const path = folder.file("operator");
    const exists = await hasDataFolder(path);
    const opened = exists
      ? await openOperatorFolder(path, workspace.passphrase)
      : await createOperatorFolder(path, workspace.passphrase, {
          rootName: "Local root CA",
          parameters: {
            ...LOCAL_PARAMETERS,
            committeeSize: workspace.validatorPorts.length,
            epochSeconds: EPOCH_SECONDS,
            probationHeads: 1,
          },
          now: Math.floor(Date.now() / 1000),
          cost: LIGHT_KDF,
        });
    running.closers.push(() => opened.close());
    const fingerprint = Buffer.from(fingerprintOf(opened.root.certificate)).toString("hex").slice(0, 16);
    const what = exists ? "as before" : "P-256, self-signed X.509";
    return { detail: `${what}, SHA-256 ${fingerprint}...`, value: opened };
  });

  const members = await initialise(workspace, progress);
  const mesh = await found(node, operator, members, progress);
  const ledger = await openMeshLedger(mesh);
  running.closers.push(() => ledger.close());

  await afterFounding?.();
  await startAll(workspace, running, ledger, members, progress);
  await generateKeys(running, ledger, progress);
  const clients = new Map<bigint, Promise<Validators>>();
  const validators = async (): Promise<Validators> => {
    const epoch = await ledger.contracts.groupKeys.epoch();
    const known = clients.get(epoch) ?? openWhenReady(running, ledger, epoch);
    clients.set(epoch, known);
    return known;
  };
  running.closers.push(async () => {
    for (const opened of clients.values()) (await opened.catch(() => undefined))?.close();
  });
  await certify({ operator, ledger, validators }, progress);
  return { workspace, operator, mesh, ledger, validators, running };
}

async function initialise(workspace: Workspace, progress: Progress): Promise<GenesisMember[]> {
  return progress.step("validators", async () => {
    const members: GenesisMember[] = [];
    for (const [i, port] of workspace.validatorPorts.entries()) {
      const path = validatorFolder(workspace, i + 1);
      const folder = await openDataFolder(path, "validator");
      try {
        const listen = `127.0.0.1:${port}`;
        // Clients of EST are told the port that is free when the validator starts.
        const settings = { listen, endpoint: listen, scope: SCOPE, estListen: "127.0.0.1:0" };
        const existing = await readIfPresent(folder.file("member.json"));
        const member =
          existing === undefined
            ? await writeMemberFile(
                folder,
                await initialiseValidator(folder, workspace.passphrase, { settings, cost: LIGHT_KDF }),
                `operator ${i + 1}`,
              )
            : parseMember(Buffer.from(existing).toString("utf8"), folder.file("member.json"));
        members.push(member);
      } finally {
        await folder.close();
      }
    }
    const { n, t, f } = quorumOf(members.length);
    return { detail: `keys for ${n}; ${t} of them sign together, ${f} may be faulty`, value: members };
  });
}

async function found(
  node: LocalNode,
  operator: OperatorFolder,
  members: readonly GenesisMember[],
  progress: Progress,
): Promise<MeshFile> {
  return progress.step("contracts", async () => {
    if ((await readIfPresent(operator.folder.file("mesh.json"))) !== undefined) {
      const mesh = await operator.meshFile();
      return { detail: `as before, trust anchor ${mesh.anchor}`, value: mesh };
    }
    const endpoint = await firstEndpoint([node.url], LOCAL_CHAIN_ID);
    try {
      await fundFromNode(endpoint, [operator.address, ...members.map(({ account }) => account)], 100n * ETHER);
    } finally {
      endpoint.close();
    }
    const { mesh } = await foundMesh(operator, {
      rpc: [node.url],
      chainId: LOCAL_CHAIN_ID,
      ownNode: true,
      members,
      registrars: [],
      confirmations: 1,
    });
    const id = Buffer.from(mesh.meshId).toString("hex").slice(0, 8);
    return { detail: `deployed; genesis of mesh ${id} signed by the root and accepted`, value: mesh };
  });
}

async function startAll(
  workspace: Workspace,
  running: Running,
  ledger: MeshLedger,
  members: readonly GenesisMember[],
  progress: Progress,
): Promise<void> {
  const { contracts } = ledger;
  await progress.step("processes", async () => {
    const gateway = (await hasGateway(workspace, ledger)) ? [startGateway(workspace, running)] : [];
    // Settled, all of them: what runs has to be known, or nobody would stop it.
    const starts = await Promise.allSettled([
      ...gateway,
      ...members.map(async (_, i) => {
        const started = await startValidatorProcess({
          name: `validator ${i + 1}`,
          dataFolder: validatorFolder(workspace, i + 1),
          meshFile: workspace.folder.file("operator", "mesh.json"),
          passphraseFile: workspace.passphraseFile,
          logFile: workspace.folder.file("logs", `validator-${i + 1}.log`),
        });
        running.validators.push(started);
      }),
    ]);
    const failed = starts.find((start) => start.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    let leaving = 0;
    await until(running, "all validators are in the registry", 60, async () => {
      const entries = await Promise.all(members.map(({ account }) => contracts.registry.validator(account)));
      const states = entries.map(({ state }) => VALIDATOR_STATES[Number(state)]);
      leaving = states.filter((state) => state === "exiting" || state === "exited").length;
      return states.filter((state) => state === "active").length + leaving === members.length;
    });
    const left = leaving === 0 ? "" : `; ${leaving} of them ${leaving === 1 ? "leaves" : "leave"} the mesh`;
    return {
      detail: `${members.length} validators run as processes of their own, with a stake on the chain${left}`,
      value: undefined,
    };
  });
}

async function generateKeys(running: Running, { contracts }: MeshLedger, progress: Progress): Promise<void> {
  await progress.step("group keys", async () => {
    const before = await contracts.groupKeys.generation();
    await until(
      running,
      "the validators generated the group keys",
      180,
      async () => (await contracts.groupKeys.generation()) > 0n,
      async () => {
        const current = await contracts.ceremony.current();
        const { phase, attempt } = await contracts.ceremony.statusOf(current);
        return `ceremony ${current}, attempt ${attempt}: ${PHASES[Number(phase)] ?? "unknown"}`;
      },
    );
    const { generation, epoch } = await contracts.groupKeys.office();
    const place = before > 0n ? ` (generation ${generation}, epoch ${epoch})` : "";
    const how = before > 0n ? "as before" : "made by all validators together, held whole by nobody";
    return { detail: `BLS12-381 and Ed25519, ${how}${place}`, value: undefined };
  });
}

async function certify(
  { operator, ledger, validators }: Pick<LocalMesh, "operator" | "ledger" | "validators">,
  progress: Progress,
): Promise<void> {
  await progress.step("certified", async () => {
    const { certificate, receipt } = await withSender(ledger.endpoint, operator.privateKey, (sender) =>
      certifyGroupKeys(ledger, operator.root, sender),
    );
    await validators();
    const what = receipt === undefined ? "as before" : "the root certifies the group keys";
    return { detail: `${what}: X.509, ${certificate.length} bytes, on the ledger for everybody`, value: undefined };
  });
}

/** Validators serve a bundle once they have seen the certificate, and their list once they have signed it. */
async function openWhenReady(running: Running, ledger: MeshLedger, epoch: bigint): Promise<Validators> {
  let found: Validators | undefined;
  let last: unknown;
  await until(
    running,
    "the committee signed its list",
    60,
    async () => {
      found = await openValidators(ledger).catch((error: unknown) => {
        last = error;
        return undefined;
      });
      return (found?.trust.committee?.epoch ?? -1) >= Number(epoch);
    },
    async () => (last instanceof Error ? last.message : "no answer yet"),
  );
  return found as Validators;
}

/**
 * Looks again and again until `check` is true, as long as everything runs.
 * @param state says how far things are, for the message when time is up.
 * @throws SwarmkeepError `too-slow`, or why a process ended
 */
export async function until(
  running: Running,
  what: string,
  maximumSeconds: number,
  check: () => Promise<boolean>,
  state?: () => Promise<string>,
): Promise<void> {
  const { node, validators, gateway } = running;
  const processes = [node?.ended, gateway?.ended, ...validators.map(({ ended }) => ended)].filter(
    (ended) => ended !== undefined,
  );
  const ended = Promise.race(processes).then((failure) => {
    throw failure ?? stopped();
  });
  ended.catch(() => undefined);
  const deadline = performance.now() + maximumSeconds * 1000;
  for (;;) {
    if (running.stopping) throw stopped();
    if (await Promise.race([check(), ended])) return;
    if (performance.now() > deadline) {
      const found = state === undefined ? "" : ` (${await state()})`;
      throw new SwarmkeepError(`it did not come about within ${maximumSeconds} s that ${what}${found}`, {
        kind: "environment",
        code: "too-slow",
        advice: "See the validators' logs in the data folder; a machine under load may need another try.",
      });
    }
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 200)), ended]);
  }
}

function stopped(): SwarmkeepError {
  return new SwarmkeepError("it was stopped", { kind: "usage", code: "stopped", advice: "Start it again." });
}

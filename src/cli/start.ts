/** `swarmkeep start` (and `npm start`): a whole mesh on this machine, from the first key to a revoked device. */
import { connect } from "node:net";

import type { Command } from "commander";

import { parseEndpoint } from "../net/endpoint.js";
import { SwarmkeepError } from "../runtime/errors.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { quorumOf } from "../statements/quorum.js";
import { type CommandContext, action } from "./command.js";
import { type Progress, jsonProgressOn, progressOn } from "./progress.js";
import { tellDeviceStory } from "./start/device-story.js";
import { startExplorerProcess } from "./start/explorer-process.js";
import { bringFleet } from "./start/fleet-story.js";
import { tellGatewayStory } from "./start/gateway-story.js";
import { tellRotationStory } from "./start/rotation-story.js";
import { tellShardStory } from "./start/shard-story.js";
import { withLedger } from "./sessions.js";
import { type LocalMesh, type Running, bringUp } from "./start/local-mesh.js";
import { type Workspace, openWorkspace } from "./start/workspace.js";

/** One more than two faulty members need, the smallest committee that shows what a quorum is. */
const VALIDATORS = 7;
const FOLDER = ".swarmkeep";
const NPM_COMMAND = "npm run --silent swarmkeep --";
/** The last one comes when the terminal is closed: what runs in process groups of its own would go on without us. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const ECHO_MILLISECONDS = 500;

interface StartOptions {
  readonly once?: boolean;
  readonly persist?: boolean;
  readonly fresh?: boolean;
}

export function register(group: Command): void {
  group
    .description("run a whole mesh on this machine and show what it does")
    .option("--once", "end when all is shown, with exit code 0")
    .option("--persist", "keep the chain, so that the next start continues this mesh")
    .option("--fresh", "begin a new mesh; earlier data is set aside, not deleted")
    .action(action(start));
}

async function start(context: CommandContext, options: StartOptions): Promise<void> {
  const progress = context.globals.json === true ? jsonProgressOn(process.stdout) : progressOn(process.stdout);
  const path = context.globals.data ?? process.env["SWARMKEEP_DATA"] ?? FOLDER;
  const workspace = await openWorkspace(path, {
    persist: options.persist === true,
    fresh: options.fresh === true,
    validators: VALIDATORS,
  });
  const running: Running = { node: undefined, validators: [], closers: [], stopping: false };
  const interrupted = interruption();
  const begun = performance.now();
  progress.say(`Swarmkeep: a mesh of ${VALIDATORS} validators on this machine, in ${workspace.folder.path}\n`);
  sayWhatBecameOfTheLast(workspace, progress, options.fresh === true);
  const story = tell(workspace, running, progress);
  try {
    const local = await Promise.race([story, interrupted.happened]);
    if (local === undefined) {
      progress.giveUp();
      if (options.once === true) throw stoppedEarly(workspace);
      return;
    }
    const took = `Done in ${((performance.now() - begun) / 1000).toFixed(0)} s.`;
    progress.say(options.once === true ? `\n${took}` : `\n${took} ${commandsToTry(local)}`);
    if (options.once === true) return;
    sayWhichValidatorsEnd(local, progress);
    const failure = await Promise.race([interrupted.happened, running.node?.ended]);
    if (failure !== undefined) throw failure;
  } finally {
    if (options.once !== true) progress.say("\nStopping ...");
    await stopAll(running);
    // What was being started when we were interrupted is there by now.
    await story.catch(() => undefined);
    await stopAll(running);
    await workspace.folder.close();
    // Not before: unheard, a second signal would end us and leave behind what still runs.
    interrupted.stop();
  }
}

/** Whoever runs it `--once`, as a check, takes exit code 0 for all that was to be shown. */
function stoppedEarly({ persist }: Workspace): SwarmkeepError {
  return new SwarmkeepError("it was stopped before all was shown", {
    kind: "environment",
    code: "interrupted",
    advice: `Run it again and let it end by itself; the next start ${persist ? "with --persist goes on with this mesh" : "begins a new mesh"}.`,
  });
}

async function tell(workspace: Workspace, running: Running, progress: Progress): Promise<LocalMesh> {
  const local = await bringUp(workspace, running, progress, () => startExplorerProcess(workspace, running, progress));
  const fleet = await bringFleet(local, progress);
  await tellDeviceStory(local, fleet, progress);
  const gateway = await tellGatewayStory(local, fleet, progress);
  await tellShardStory(local, fleet, progress);
  await tellRotationStory(local, fleet, gateway, progress);
  // Their folders are free again for the commands that are printed next.
  await closeAll(running);
  return local;
}

function sayWhatBecameOfTheLast({ setAside, continues }: Workspace, progress: Progress, fresh: boolean): void {
  if (continues) progress.say("The mesh of the last start goes on.\n");
  if (setAside === undefined) return;
  const why = fresh ? "A new mesh, as asked for" : "The chain of the last start is gone, so this is a new mesh";
  progress.say(`${why}; the old data is in ${setAside}.\n`);
}

/** Whoever kills validators here wants to see what becomes of the swarm, so that it is not stopped for them. */
function sayWhichValidatorsEnd({ running, mesh }: LocalMesh, progress: Progress): void {
  const { validators, gateway } = running;
  for (const { ended, words, ready } of gateway === undefined ? validators : [...validators, gateway]) {
    void ended.then(async (failure) => {
      if (failure === undefined) return;
      const unknown = "what becomes of the committee is not known";
      const consequence = await consequenceOf(String(ready["account"]), mesh).catch(() => unknown);
      if (running.stopping) return;
      const again = `Start it again with:\n\n  ${NPM_COMMAND} ${words.join(" ")}`;
      progress.say(`\n${failure.message}; ${consequence}. ${again}`);
    });
  }
}

/** What the end of a validator means for the committee in office: who of it still listens, also if it was started by hand. */
async function consequenceOf(account: string, mesh: MeshFile): Promise<string> {
  const { members, endpoints } = await withLedger(mesh, async ({ contracts }) => {
    const committee = [...(await contracts.groupKeys.committee())];
    const entries = await Promise.all(committee.map((member) => contracts.registry.validator(member)));
    return { members: committee.map((one) => one.toLowerCase()), endpoints: entries.map(({ endpoint }) => endpoint) };
  });
  const { n, t } = quorumOf(members.length);
  if (!members.includes(account.toLowerCase())) return `it is not one of the ${n} in office, who go on`;
  const left = (await Promise.all(endpoints.map(isListening))).filter((isUp) => isUp).length;
  return left < t
    ? `${left} of the ${n} in office are left, and nothing is signed without ${t}`
    : `the other ${left} of the ${n} in office go on`;
}

/** Whether anything accepts a connection there. */
function isListening(endpoint: string): Promise<boolean> {
  const { host, port } = parseEndpoint(endpoint);
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const done = (isUp: boolean) => (): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.once("connect", done(true)).once("error", done(false)).once("timeout", done(false));
  });
}

/** Validators and explorer before the chain that they follow; everything is tried, whatever fails. */
async function stopAll(running: Running): Promise<void> {
  running.stopping = true;
  await closeAll(running);
  const { node, explorer, gateway } = running;
  await Promise.all([...running.validators.splice(0), gateway].map((validator) => validator?.stop()));
  running.node = undefined;
  running.explorer = undefined;
  running.gateway = undefined;
  await explorer?.stop();
  await node?.stop();
}

async function closeAll({ closers }: Running): Promise<void> {
  for (const close of closers.splice(0).reverse()) await Promise.resolve(close()).catch(() => undefined);
}

/**
 * The first ^C or SIGTERM ends in order; a second one at once, and what is left is killed at exit. What follows at the heels
 * of the first is the same one: npm passes on what the terminal has sent to us already.
 */
function interruption(): { readonly happened: Promise<undefined>; stop(): void } {
  let resolve: (value: undefined) => void = () => undefined;
  const happened = new Promise<undefined>((done) => (resolve = done));
  let first: number | undefined;
  const onSignal = (): void => {
    first ??= performance.now();
    if (performance.now() - first > ECHO_MILLISECONDS) process.exit(130);
    resolve(undefined);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    happened,
    stop: () => SIGNALS.forEach((signal) => process.off(signal, onSignal)),
  };
}

function commandsToTry({ workspace, running }: LocalMesh): string {
  const { folder, passphraseFile } = workspace;
  const command = (role: string, ...words: string[]): string =>
    `  ${NPM_COMMAND} ${words.join(" ")} --data ${folder.file(role)} --passphrase-file ${passphraseFile}`;
  return [
    `The swarm runs until Ctrl-C. See it in a browser: ${running.explorer?.url}`,
    "",
    "In another terminal:",
    "",
    command("operator", "mesh", "status"),
    command("operator", "committee", "explain", "--epoch", "2"),
    command("operator", "beacon", "verify"),
    command("devices/lamp", "device", "renew"),
    command("devices/meter", "device", "show"),
    command("devices/lamp", "device", "reconstruct"),
    command("registrar", "shards", "check", "--fleet", "1"),
    command("registrar", "revoke", "--index", "9"),
    `  curl --cacert ${folder.file("operator", "root.pem")} https://${String(running.validators[0]?.ready["est"])}/.well-known/est/cacerts`,
    command("registrar", "fleet", "provision", "second", "--identity-keys", "10", "--scope", "geo:u33"),
    command("registrar", "fleet", "register", "second"),
  ].join("\n");
}

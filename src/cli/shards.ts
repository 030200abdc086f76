/** `swarmkeep shards ...`: the generator of devices' keys, which it hands out in shards; and verifying what a device signed with one. */
import { createReadStream } from "node:fs";

import type { Command } from "commander";
import { getBytes } from "ethers";

import { decodeHolders } from "../certificate/shard-map.js";
import { MAXIMUM_INDEXES } from "../operator/governance.js";
import { type MeshLedger, blockTime, withSender } from "../operator/ledger.js";
import { type Run, type ShardOrder, keptRuns } from "../operator/shard-folder.js";
import { checkHolders, replaceHolders } from "../operator/shard-keeping.js";
import { batchesFolder } from "../operator/registrar-folder.js";
import { createMaster, createTokenMaster, openMaster } from "../operator/shard-master.js";
import { type Generator, countOf, generateShards } from "../operator/shard-runs.js";
import { type ShardEvent, keepShards } from "../operator/shard-service.js";
import {
  invalidateShards,
  limitDevice,
  limitScope,
  offerHolder,
  shortenShards,
  withdrawHolder,
} from "../operator/shard-terms.js";
import { readIfPresent, readLimited, writeAtomically } from "../runtime/atomic-file.js";
import { systemClock } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readPin } from "../runtime/passphrase.js";
import { DEFAULT_ONE_TIME_KEYS, decodeOneTimeSignature, messageDigest, verifyOnce } from "../shards/one-time-keys.js";
import { SCHEME } from "../shards/splitting.js";
import { when } from "../statements/time.js";
import {
  type CommandContext,
  action,
  asSwarmkeepError,
  parseCount,
  parseDuration,
  parseHex,
  renderError,
} from "./command.js";
import { type TokenOptions, checkedScope, choose, parseKeyType, tokenPlace, withTokenOptions } from "./options.js";
import { withLedger, withRegistrar } from "./sessions.js";

interface OrderOptions {
  readonly fleet: string;
  readonly scheme: string;
  readonly shards: string;
  readonly threshold?: string;
  readonly replicas: string;
  readonly oneTimeKeys: string;
  readonly oneTimeType: string;
  readonly valid: string;
  readonly grace: string;
}

export function register(group: Command): void {
  withTokenOptions(
    group.command("init").description("make the master that devices' keys come from"),
    "it names the registrar's account",
  ).action(action(init));
  orderOptions(
    group.command("generate").description("make the next version of a fleet's shards; goes on where it stopped"),
  ).action(action(generate));
  orderOptions(
    group
      .command("serve")
      .description("rotate a fleet's shards in time and see to it that holders keep them, until stopped"),
  )
    .option("--interval <time>", "between looks", "30s")
    .action(action(serve));
  group
    .command("check")
    .description("challenge the holders of a fleet's newest version to show what they promised to keep")
    .requiredOption("--fleet <number>", "number of the fleet")
    .option("--replace", "replace those that fail, their shards copied from the others")
    .action(action(check));
  group
    .command("invalidate")
    .description("end a version of a fleet's shards at once and for ever")
    .requiredOption("--fleet <number>", "number of the fleet")
    .requiredOption("--version <number>", "of the shards")
    .action(action(invalidate));
  group
    .command("shorten")
    .description("have a version of a fleet's shards end sooner")
    .requiredOption("--fleet <number>", "number of the fleet")
    .requiredOption("--version <number>", "of the shards")
    .requiredOption("--valid <time>", "from now on, such as 15m")
    .option("--grace <time>", "after that; none if not given")
    .action(action(shorten));
  group
    .command("limit")
    .description("cut a device, or a fleet's devices in a scope, off from the versions that serve now")
    .option("--fleet <number>", "number of the fleet, with --scope")
    .option("--scope <scope>", "whose devices are cut off")
    .option("--device <index>", "the one that is cut off")
    .option("--in <time>", "after which it begins", "1s")
    .action(action(limit));
  group
    .command("offer")
    .description("offer a gateway-class device as a holder for its fleet")
    .requiredOption("--device <index>", "of the gateway")
    .requiredOption("--pin <hex>", "of its TLS key, as `holder init` printed it")
    .requiredOption("--endpoint <host:port>", "where devices and the generator reach it")
    .action(action(offer));
  group
    .command("withdraw")
    .description("take the offer of a gateway-class device back")
    .requiredOption("--device <index>", "of the gateway")
    .action(action(withdraw));
  group
    .command("verify")
    .description("verify what a device signed with a one-time key, offline")
    .argument("<file>", "that was signed")
    .requiredOption("--signature <file>", "as `device sign` wrote it")
    .requiredOption("--root <hex>", "of the device's one-time keys, as `device sign` printed it")
    .option("--used <file>", "keeps the keys that were seen, so that a second use of one is refused")
    .action(action(verify));
}

function orderOptions(command: Command): Command {
  return command
    .requiredOption("--fleet <number>", "number of the fleet")
    .option("--scheme <name>", "shamir: some shards rebuild a key; segments: all of them do", "shamir")
    .option("--shards <number>", "of each key", "5")
    .option("--threshold <number>", "that rebuild a key; 3 if not given, for segments all")
    .option("--replicas <number>", "holders that keep each shard", "3")
    .option("--one-time-keys <number>", "of each device", String(DEFAULT_ONE_TIME_KEYS))
    .option("--one-time-type <type>", "ed25519 or p256", "ed25519")
    .option("--valid <time>", "until the version ends", "24h")
    .option("--grace <time>", "for which devices may go on with it after that", "1h");
}

function orderOf(options: OrderOptions): ShardOrder {
  const scheme = choose(SCHEME, options.scheme, "--scheme");
  const shards = parseCount(options.shards, "--shards", 32);
  const threshold = options.threshold ?? (scheme === SCHEME.segments ? options.shards : "3");
  return {
    fleetId: parseCount(options.fleet, "--fleet"),
    scheme,
    shards,
    threshold: parseCount(threshold, "--threshold", 32),
    replicas: parseCount(options.replicas, "--replicas", 16),
    oneTimeKeys: parseCount(options.oneTimeKeys, "--one-time-keys", 16_384),
    oneTimeType: parseKeyType(options.oneTimeType, "--one-time-type"),
    validSeconds: parseDuration(options.valid, "--valid"),
    graceSeconds: parseDuration(options.grace, "--grace"),
  };
}

async function withGenerator(
  context: CommandContext,
  work: (generator: Generator, ledger: MeshLedger) => Promise<void>,
): Promise<void> {
  await withRegistrar(context, async (registrar) => {
    const source = await openMaster(registrar);
    const { wallet, sealer } = registrar;
    const folder = await registrar.folder.folder("shards");
    const batches = batchesFolder(registrar);
    const nowSeconds = (): number => Math.floor(Date.now() / 1000);
    try {
      await withLedger(registrar.mesh, (ledger) =>
        withSender(ledger.endpoint, wallet, (sender) =>
          work(
            { ledger, sender, wallet, sealer, folder, batches, source, nowSeconds, onProgress: progressBar() },
            ledger,
          ),
        ),
      );
    } finally {
      await source.close();
    }
  });
}

/** On a terminal, one line that is written over. */
function progressBar(): NonNullable<Generator["onProgress"]> {
  const { stderr } = process;
  return (done, total, what) => {
    if (!stderr.isTTY) return;
    const width = 30;
    const full = Math.floor((width * done) / total);
    const bar = `${"#".repeat(full)}${" ".repeat(width - full)}`;
    stderr.write(
      `\r\u001b[K${what.padEnd(8)} [${bar}] ${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}`,
    );
    if (done === total) stderr.write("\n");
  };
}

async function init(context: CommandContext, options: TokenOptions): Promise<void> {
  // Before the folder is opened: whoever mistyped is told at once.
  tokenPlace(options, "");
  await withRegistrar(context, async (registrar) => {
    const folder = registrar.folder.file("shards");
    const next = "devices get the root of their shards from `swarmkeep fleet provision`, or with their first shards";
    const place = tokenPlace(options, `swarmkeep shards ${registrar.address}`);
    if (place === undefined) {
      await createMaster(registrar);
      return context.print({ folder }, `the master is made: ${next}`);
    }
    const isNew = await createTokenMaster(registrar, place, await readPin());
    const what = isNew ? "the master is made inside" : "a master that was made before is in";
    context.print({ folder, ...place, isNew }, `${what} the token ${place.token} as ${place.key}: ${next}`);
  });
}

function describeRun(run: Run): { readonly fields: Record<string, number | string>; readonly text: string } {
  const { fleetId, version, threshold, shards, replicas, validFrom, validSeconds } = run;
  const holders = decodeHolders(getBytes(run.holders)).length;
  const until = when(validFrom + validSeconds);
  return {
    fields: { fleetId, version, devices: countOf(run), threshold, shards, replicas, holders, validUntil: until },
    text: [
      `version      ${version} of fleet ${fleetId}: ${countOf(run)} devices`,
      `shards       ${threshold} of ${shards} rebuild a key, ${replicas} copies of each with ${holders} holders`,
      `valid until  ${until}`,
    ].join("\n"),
  };
}

async function generate(context: CommandContext, options: OrderOptions): Promise<void> {
  const order = orderOf(options);
  await withGenerator(context, async (generator) => {
    const { fields, text } = describeRun(await generateShards(generator, order));
    context.print(fields, text);
  });
}

async function serve(context: CommandContext, options: OrderOptions & { readonly interval: string }): Promise<void> {
  const order = orderOf(options);
  const intervalSeconds = parseDuration(options.interval, "--interval");
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    await withGenerator(context, (generator) =>
      keepShards(
        { generator, order, clock: systemClock, intervalSeconds, onEvent: (event) => tell(context, event) },
        controller.signal,
      ),
    );
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

function tell(context: CommandContext, event: ShardEvent): void {
  switch (event.event) {
    case "rotated": {
      const { fields, text } = describeRun(event.run);
      return context.print({ event: event.event, ...fields }, text);
    }
    case "holder-failed":
      return context.print(
        { event: event.event, holder: event.holder.endpoint, problem: event.problem },
        `failed       ${event.holder.endpoint}: ${event.problem}`,
      );
    case "holders-replaced": {
      const endpoints = event.holders.map(({ endpoint }) => endpoint);
      return context.print({ event: event.event, holders: endpoints }, `holders      ${endpoints.join(", ")}`);
    }
    case "failed":
      process.stderr.write(renderError(asSwarmkeepError(event.error), context.globals.json === true));
  }
}

async function check(
  context: CommandContext,
  options: { readonly fleet: string; readonly replace?: boolean },
): Promise<void> {
  const fleetId = parseCount(options.fleet, "--fleet");
  await withGenerator(context, async (generator) => {
    const run = (await keptRuns(generator.folder)).findLast((one) => one.fleetId === fleetId && one.isOnLedger);
    if (run === undefined) throw noVersion(fleetId);
    const checks = await checkHolders(generator, run);
    const failed = checks.filter(({ isGood }) => !isGood).map(({ holder }) => holder);
    const replaced = options.replace === true && failed.length > 0;
    if (replaced) await replaceHolders(generator, run, failed);
    const rows = checks.map(({ holder, isGood, shards, bytes, problem }) => ({
      holder: holder.endpoint,
      isGood,
      shards,
      bytes,
      problem,
    }));
    const lines = rows.map(({ holder, isGood, shards, bytes, problem }) =>
      isGood ? `good         ${holder}: ${shards} shards, ${bytes} bytes` : `failed       ${holder}: ${problem}`,
    );
    lines.unshift(`version      ${run.version} of fleet ${fleetId}`);
    if (replaced) lines.push(`replaced     ${failed.length}: the others have copies of what they kept`);
    context.print({ fleetId, version: run.version, holders: rows, replaced }, lines.join("\n"));
  });
}

function noVersion(fleetId: number): SwarmkeepError {
  return new SwarmkeepError(`no version of the shards of fleet ${fleetId} was made here`, {
    kind: "usage",
    code: "no-shard-version",
    advice: "Run `swarmkeep shards generate` first, with this data folder.",
    details: { fleetId },
  });
}

interface VersionOptions {
  readonly fleet: string;
  readonly version: string;
}

function nameOf({ fleet, version }: VersionOptions) {
  return { fleetId: parseCount(fleet, "--fleet"), subject: 0, version: parseCount(version, "--version", 0xffff_ffff) };
}

async function invalidate(context: CommandContext, options: VersionOptions): Promise<void> {
  const name = nameOf(options);
  await withRegistrarOnLedger(context, async (on) => {
    await invalidateShards(on, name);
    context.print({ ...name, invalidated: true }, `version ${name.version} of fleet ${name.fleetId} is invalidated`);
  });
}

async function shorten(
  context: CommandContext,
  options: VersionOptions & { readonly valid: string; readonly grace?: string },
): Promise<void> {
  const name = nameOf(options);
  const seconds = parseDuration(options.valid, "--valid");
  const grace = options.grace === undefined ? 0 : parseDuration(options.grace, "--grace");
  await withRegistrarOnLedger(context, async (on) => {
    const until = (await blockTime(on.ledger.endpoint)) + seconds;
    await shortenShards(on, name, until, grace);
    context.print(
      { ...name, validUntil: when(until), graceSeconds: grace },
      `version ${name.version} of fleet ${name.fleetId} ends at ${when(until)}`,
    );
  });
}

interface LimitOptions {
  readonly fleet?: string;
  readonly scope?: string;
  readonly device?: string;
  readonly in: string;
}

async function limit(context: CommandContext, { fleet, scope, device, in: later }: LimitOptions): Promise<void> {
  const seconds = parseDuration(later, "--in");
  if ((device === undefined) === (scope === undefined || fleet === undefined)) {
    throw new SwarmkeepError("either --device is named, or --fleet and --scope", {
      kind: "usage",
      code: "option-conflict",
      advice: "Name the one device, or a fleet and the scope of those that are meant.",
    });
  }
  await withRegistrarOnLedger(context, async (on) => {
    const until = (await blockTime(on.ledger.endpoint)) + seconds;
    if (device !== undefined) await limitDevice(on, parseCount(device, "--device", MAXIMUM_INDEXES - 1), until);
    else await limitScope(on, parseCount(fleet as string, "--fleet"), checkedScope(scope as string), until);
    const who = device === undefined ? `devices in ${scope}` : `device ${device}`;
    context.print(
      { fleet, scope, device, until: when(until) },
      `${who} get no more of these shards after ${when(until)}`,
    );
  });
}

async function offer(
  context: CommandContext,
  { device, pin, endpoint }: { readonly device: string; readonly pin: string; readonly endpoint: string },
): Promise<void> {
  const index = parseCount(device, "--device", MAXIMUM_INDEXES - 1);
  const tlsPin = parseHex(pin, "--pin", 32);
  await withRegistrarOnLedger(context, async (on) => {
    await offerHolder(on, index, tlsPin, endpoint);
    context.print({ device: index, endpoint }, `device ${index} keeps shards of the next versions at ${endpoint}`);
  });
}

async function withdraw(context: CommandContext, { device }: { readonly device: string }): Promise<void> {
  const index = parseCount(device, "--device", MAXIMUM_INDEXES - 1);
  await withRegistrarOnLedger(context, async (on) => {
    await withdrawHolder(on, index);
    context.print({ device: index, withdrawn: true }, `device ${index} keeps no shards of the next versions`);
  });
}

async function withRegistrarOnLedger(
  context: CommandContext,
  work: (on: Pick<Generator, "ledger" | "sender">) => Promise<void>,
): Promise<void> {
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, (ledger) =>
      withSender(ledger.endpoint, registrar.wallet, (sender) => work({ ledger, sender })),
    ),
  );
}

interface VerifyOptions {
  readonly signature: string;
  readonly root: string;
  readonly used?: string;
}

async function verify(context: CommandContext, { signature, root, used }: VerifyOptions, file = ""): Promise<void> {
  const signed = decodeOneTimeSignature(await readLimited(signature, 1_024));
  const tree = parseHex(root, "--root", 32);
  const seen = used === undefined ? undefined : await readUsed(used);
  const name = Buffer.from(tree).toString("hex");
  const indexes = new Set(seen?.[name] ?? []);
  const digest = await messageDigest(createReadStream(file) as AsyncIterable<Uint8Array>).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  if (!verifyOnce(signed, tree, digest, indexes)) {
    throw new SwarmkeepError(`${signature} is no signature over ${file} by a one-time key under this root`, {
      kind: "refused",
      code: "bad-signature",
      advice: "Compare the file and the root with those of the device; if they are right, it was changed on the way.",
      details: { index: signed.index },
    });
  }
  // On disk before anybody acts on it.
  if (used !== undefined) {
    await writeAtomically(used, `${JSON.stringify({ ...seen, [name]: [...indexes] })}\n`);
  }
  context.print(
    { verified: true, index: signed.index },
    `good: signed once, with key ${signed.index} of ${signed.count}`,
  );
}

async function readUsed(path: string): Promise<Record<string, number[]>> {
  const content = await readIfPresent(path, 1 << 24);
  if (content === undefined) return {};
  try {
    const used = JSON.parse(Buffer.from(content).toString("utf8")) as Record<string, number[]>;
    const isList = (value: unknown): boolean => Array.isArray(value) && value.every((one) => Number.isSafeInteger(one));
    if (typeof used === "object" && used !== null && Object.values(used).every(isList)) return used;
  } catch {
    // Told below.
  }
  throw new SwarmkeepError(`${path} is no list of used keys`, {
    kind: "environment",
    code: "used-list-damaged",
    advice: "Restore it from a backup: without it a second use of a key is not noticed.",
    details: { path },
  });
}

function unreadable(path: string, cause: unknown): SwarmkeepError {
  return new SwarmkeepError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
    kind: "environment",
    code: "file-unreadable",
    advice: "Check the name and who may read it.",
    details: { path },
    cause,
  });
}

/** `swarmkeep fleet ...`: the registrar's side: making batches of devices and registering them. */
import { join } from "node:path";

import type { Command } from "commander";

import type { DeviceKey } from "../certificate/cose-key.js";
import { JOIN_METHOD_BITS } from "../device/provisioning.js";
import { type BatchFolder, openBatchFolder } from "../operator/batch-folder.js";
import {
  type DeviceLot,
  type ProvisioningContext,
  provisionBatch,
  range,
  rebaseBatch,
  writeProvisioning,
} from "../operator/factory.js";
import { expectX509, policyOf } from "../operator/fleet-policy.js";
import { type MeshLedger, withSender } from "../operator/ledger.js";
import { giveCode } from "../operator/enrolment-code.js";
import { readPublicKeys } from "../operator/public-keys.js";
import {
  grantedScopes,
  type FleetPolicy,
  type Registered,
  appendBatch,
  nextBase,
  registerFleet,
  uploadChannelKeys,
} from "../operator/registrar.js";
import { type RegistrarFolder, batchesFolder, createRegistrarFolder } from "../operator/registrar-folder.js";
import { findMaster } from "../operator/shard-master.js";
import { contactsOf } from "../operator/swarm-signature.js";
import { writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readMeshFile } from "../runtime/mesh-file.js";
import { readPassphrase, readPin } from "../runtime/passphrase.js";
import { KEY_TYPE } from "../statements/cose.js";
import { isScope, scopeContains } from "../statements/scope.js";
import { when } from "../statements/time.js";
import { type CommandContext, LIFETIMES, action, parseCount, parseDuration, readInput } from "./command.js";
import { registerPay } from "./fleet-pay.js";
import {
  type KeystoreOptions,
  type TokenOptions,
  fastKeystore,
  keystoreCost,
  tokenPlace,
  withTokenOptions,
} from "./options.js";
import { withLedger, withRegistrar, withValidators } from "./sessions.js";

const KEY_TYPES = { ed25519: KEY_TYPE.ed25519, p256: KEY_TYPE.p256 } as const;
const U32 = 0xffff_ffff;

export function register(group: Command): void {
  withTokenOptions(
    group
      .command("init")
      .description("make a registrar's account, for a mesh's operators to grant devices to")
      .requiredOption("--mesh <file>", "mesh.json of the mesh"),
    "it names the mesh",
  )
    .addOption(fastKeystore())
    .action(action(init));
  group
    .command("provision")
    .description("make a batch of devices: keys, salts, manifest, and what each device is given")
    .argument("<name>", "of the batch")
    .option("--identity-keys <number>", "devices whose identity key is made here", "0")
    .option("--pre-shared-keys <number>", "devices that join by a pre-shared key", "0")
    .option("--public-keys <file...>", "devices whose keys were made elsewhere: PEM, PKCS#10, or a list in hexadecimal")
    .option("--csr <file...>", "as --public-keys, for devices that join with a PKCS#10 request")
    .option("--key-type <type>", "of the keys made here: ed25519 or p256", "ed25519")
    .option("--class <number>", "0 sensor, 1 actuator, 2 gateway, others by the fleet", "0")
    .requiredOption("--scope <scope>", "that the devices ask certificates for")
    .option("--lifetime <time>", "of certificates that they ask for", "24h")
    .option("--device-passphrase-file <file>", "under which what the devices are given is sealed")
    .action(action(provision));
  policyOptions(
    group
      .command("register")
      .description("register a fleet with a batch as its first")
      .argument("<name>", "of the batch")
      .option("--grant <number>", "the grant, where there are several")
      .option("--rebase", "make the manifest anew where other batches came first"),
  ).action(action(registerFirst));
  group
    .command("append")
    .description("add a batch to a fleet")
    .argument("<name>", "of the batch")
    .requiredOption("--fleet <number>", "number of the fleet")
    .option("--rebase", "make the manifest anew where other batches came first")
    .action(action(append));
  group
    .command("export")
    .description("write the provisioning files of some devices of a registered batch")
    .argument("<name>", "of the batch")
    .requiredOption("--index <number...>", "indexes of the devices")
    .action(action(exportDevices));
  group
    .command("keys")
    .description(
      "give validators the channel keys of a registered batch again, such as after a change of the committee",
    )
    .argument("<name>", "of the batch")
    .action(action(sendKeys));
  group
    .command("code")
    .description(
      "make a one-time code with which a device of a registered batch enrols by EST, and give validators its hash",
    )
    .argument("<name>", "of the batch")
    .requiredOption("--device <index>", "index of the device")
    .option(
      "--csr <file>",
      "certificate request (PKCS#10) or public key that the code is for; the manifest's key if not given",
    )
    .option("--scope <scope>", "that the device gets a certificate for; that of the batch if not given")
    .option("--expires <time>", "how long the code is good", "24h")
    .option("--out <file>", "write the code there, for its owner alone to read, instead of to the standard output")
    .action(action(code));
  registerPay(group);
}

async function code(
  context: CommandContext,
  options: {
    readonly device: string;
    readonly csr?: string;
    readonly scope?: string;
    readonly expires: string;
    readonly out?: string;
  },
  name = "",
): Promise<void> {
  const index = parseCount(options.device, "--device");
  const lifetimeSeconds = parseDuration(options.expires, "--expires");
  if (options.scope !== undefined) expectScopes([options.scope]);
  const keys = options.csr === undefined ? [] : readPublicKeys(await readInput(options.csr, 1 << 16), options.csr);
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, async (ledger) => {
      const batch = await openBatchFolder(batchPath(registrar, name));
      const given = await withValidators(ledger, (validators) =>
        giveCode(ledger, validators, registrar.wallet, batch, {
          index,
          lifetimeSeconds,
          ...(keys[0] && { key: keys[0] }),
          ...(options.scope !== undefined && { scope: options.scope }),
        }),
      );
      const { out } = options;
      if (out !== undefined) await writeAtomically(out, `${given.code}\n`);
      const missed = given.validators.filter(({ error }) => error !== undefined).map(({ account }) => account);
      context.print(
        { device: index, ...(out === undefined ? { code: given.code } : { file: out }), expires: given.expiry, missed },
        [
          out === undefined ? `code         ${given.code}` : `code         in ${out}`,
          `user name    ${index}`,
          `good until   ${when(given.expiry)}, once, for one key`,
          ...missed.map((account) => `not there    ${account} does not have it`),
        ].join("\n"),
      );
    }),
  );
}

function policyOptions(command: Command): Command {
  return command
    .option("--scope <scope...>", "scopes of the fleet; by default that of the batch")
    .option("--maximum-lifetime <time>", "longest certificate; by default what the batch's devices ask for")
    .option("--quota <number>", "certificates for each device in each period", "4")
    .option("--grace <time>", "how long after its end a certificate can be renewed", "24h");
}

async function init(
  context: CommandContext,
  options: KeystoreOptions & TokenOptions & { readonly mesh: string },
): Promise<void> {
  const mesh = await readMeshFile(options.mesh);
  const folder = context.dataFolder("registrar");
  const place = tokenPlace(options, `swarmkeep registrar ${Buffer.from(mesh.meshId).toString("hex").slice(0, 16)}`);
  const token = place && { place, pin: await readPin(), mayExist: options.keyLabel !== undefined };
  const registrar = await createRegistrarFolder(folder, await context.passphrase(), mesh, keystoreCost(options), token);
  try {
    context.print(
      { folder: registrar.folder.path, account: registrar.address },
      [
        `account      ${registrar.address}, to be funded: it pays for registrations`,
        `next         the mesh's operators: swarmkeep mesh grant --registrar ${registrar.address} --scope ... --indexes ...`,
      ].join("\n"),
    );
  } finally {
    await registrar.close();
  }
}

interface ProvisionOptions {
  readonly identityKeys: string;
  readonly preSharedKeys: string;
  readonly publicKeys?: readonly string[];
  readonly csr?: readonly string[];
  readonly keyType: string;
  readonly class: string;
  readonly scope: string;
  readonly lifetime: string;
  readonly devicePassphraseFile?: string;
}

async function provision(context: CommandContext, options: ProvisionOptions, name = ""): Promise<void> {
  const lots = await lotsOf(options);
  const deviceClass = parseCount(options.class, "--class", 0xff);
  const lifetimeSeconds = parseDuration(options.lifetime, "--lifetime", LIFETIMES);
  expectScopes([options.scope]);
  expectName(name);
  const devicePassphrase =
    options.devicePassphraseFile === undefined
      ? await context.passphrase()
      : await readPassphrase({ file: options.devicePassphraseFile });
  await withRegistrar(context, async (registrar) => {
    const master = await findMaster(registrar);
    let isGranted = false;
    const batch = await withLedger(registrar.mesh, async (ledger) => {
      const granted = await grantedScopes(ledger, registrar.address);
      isGranted = granted.some((scope) => scopeContains(scope, options.scope));
      return provisionBatch(batchPath(registrar, name), {
        ...(await provisioningContext(ledger)),
        lots,
        base: await nextBase(ledger),
        deviceClass,
        scope: options.scope,
        lifetimeSeconds,
        accounts: await ledger.contracts.registry.candidates(),
        devicePassphrase,
        sealer: registrar.sealer,
        master,
      });
    }).finally(() => master?.close());
    const { base, count, manifestRoot } = batch.facts;
    context.print(
      { batch: name, base, count, manifestRoot, folder: batch.path, shardRoots: master !== undefined, isGranted },
      [
        `devices      ${base} to ${base + count - 1}`,
        `manifest     ${Buffer.from(manifestRoot).toString("hex")}`,
        `folder       ${batch.path}; what each device is given is in devices/<position>`,
        master === undefined
          ? "shards       with `swarmkeep shards init`, each device gets the root of its own with its first shards"
          : "shards       each device gets the root of its own",
        ...(isGranted
          ? []
          : [`grant        none covers ${options.scope} yet: ask the mesh's operators for one before you register`]),
        `next         ${context.next(`fleet register ${name}`)}`,
      ].join("\n"),
    );
  });
}

async function lotsOf(options: ProvisionOptions): Promise<DeviceLot[]> {
  const keyType = KEY_TYPES[options.keyType as keyof typeof KEY_TYPES];
  if (keyType === undefined) {
    throw new SwarmkeepError(`--key-type takes ed25519 or p256, not ${JSON.stringify(options.keyType)}`, {
      kind: "usage",
      code: "unsupported-key",
      advice: "Devices sign with one of these two.",
    });
  }
  const keysOf = async (paths: readonly string[] = []): Promise<DeviceKey[]> =>
    (await Promise.all(paths.map(async (path) => readPublicKeys(await readInput(path, 1 << 28), path)))).flat();
  const lots: DeviceLot[] = [
    { join: "identity-key", keyType, count: parseCount(options.identityKeys, "--identity-keys") },
    { join: "pre-shared-key", count: parseCount(options.preSharedKeys, "--pre-shared-keys") },
    { join: "identity-key", publicKeys: await keysOf(options.publicKeys) },
    { join: "csr", publicKeys: await keysOf(options.csr) },
  ];
  return lots.filter((lot) => ("publicKeys" in lot ? lot.publicKeys.length : lot.count) > 0);
}

interface RegisterOptions {
  readonly grant?: string;
  readonly rebase?: boolean;
  readonly scope?: readonly string[];
  readonly maximumLifetime?: string;
  readonly quota: string;
  readonly grace: string;
}

async function registerFirst(context: CommandContext, options: RegisterOptions, name = ""): Promise<void> {
  const grantId = options.grant === undefined ? undefined : BigInt(parseCount(options.grant, "--grant", U32));
  if (options.scope !== undefined) expectScopes(options.scope);
  const longest =
    options.maximumLifetime === undefined
      ? undefined
      : parseDuration(options.maximumLifetime, "--maximum-lifetime", LIFETIMES);
  const terms = {
    quota: parseCount(options.quota, "--quota", 0xffff),
    joinMethods: Object.values(JOIN_METHOD_BITS).reduce((all, bit) => all | bit, 0),
    graceSeconds: parseDuration(options.grace, "--grace", { ...LIFETIMES, minimum: 1 }),
  };
  await onLedger(context, name, options.rebase === true, async (ledger, registrar, batch) => {
    const { scope, lifetimeSeconds } = batch.facts;
    if (longest !== undefined && longest < lifetimeSeconds) throw tooShortForBatch(longest, lifetimeSeconds);
    const policy: FleetPolicy = {
      ...terms,
      maximumLifetime: longest ?? lifetimeSeconds,
      scopes: options.scope ?? [scope],
    };
    return withSender(ledger.endpoint, registrar.wallet, (sender) =>
      registerFleet(ledger, sender, batch, { grantId, policy }),
    );
  });
}

/** No device of such a fleet would ever be certified: each asks for what its provisioning file says. */
function tooShortForBatch(longest: number, lifetimeSeconds: number): SwarmkeepError {
  return new SwarmkeepError(
    `the devices of this batch ask for certificates of ${lifetimeSeconds} s, and --maximum-lifetime allows ${longest} s`,
    {
      kind: "usage",
      code: "lifetime-too-short",
      advice: "Allow what they ask for, or provision the batch anew with a shorter --lifetime.",
      details: { longest, lifetimeSeconds },
    },
  );
}

async function append(
  context: CommandContext,
  options: { readonly fleet: string; readonly rebase?: boolean },
  name = "",
): Promise<void> {
  const fleetId = parseCount(options.fleet, "--fleet");
  await onLedger(context, name, options.rebase === true, (ledger, registrar, batch) =>
    withSender(ledger.endpoint, registrar.wallet, (sender) => appendBatch(ledger, sender, batch, fleetId)),
  );
}

/** Registers a batch by `work`, then completes the devices' files and hands over channel keys. */
async function onLedger(
  context: CommandContext,
  name: string,
  rebase: boolean,
  work: (ledger: MeshLedger, registrar: RegistrarFolder, batch: BatchFolder) => Promise<Registered>,
): Promise<void> {
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, async (ledger) => {
      const provisioning = await provisioningContext(ledger);
      const found = await openBatchFolder(batchPath(registrar, name));
      const base = await nextBase(ledger);
      const moves = rebase && found.facts.registered === undefined && found.facts.base !== base;
      const batch = moves ? await rebaseBatch(found, base, provisioning) : found;
      const registered = await work(ledger, registrar, batch);
      const { facts, file } = registered.batch;
      await writeProvisioning(file, await batch.records(), facts, provisioning, range(facts.deliveries));
      const uploads = await handOver(ledger, registrar, registered);
      const withoutX509 = await x509Problem(ledger, registered.fleetId);
      context.print(
        {
          fleet: registered.fleetId,
          batch: facts.registered?.batch,
          base: facts.base,
          count: facts.count,
          x509: withoutX509 === undefined,
          uploads,
        },
        [
          `fleet        ${registered.fleetId}, batch ${facts.registered?.batch}, devices ${facts.base} to ${facts.base + facts.count - 1}`,
          `gas          ${registered.receipt?.gasUsed ?? "none: the ledger had it already"}`,
          `X.509        ${withoutX509 ?? "offered to its devices"}`,
          ...uploads.map(({ account, keys, problem }) => `channel keys ${account} ${problem ?? keys}`),
        ].join("\n"),
      );
    }),
  );
}

/** Why devices of the fleet are certified without the form of X.509; undefined where they have it. */
async function x509Problem(ledger: MeshLedger, fleetId: number): Promise<string | undefined> {
  try {
    await expectX509(ledger, await policyOf(ledger, fleetId));
    return undefined;
  } catch (error) {
    if (!(error instanceof SwarmkeepError) || error.code !== "x509-not-offered") throw error;
    return `not offered to its devices: ${error.message}. A shorter --maximum-lifetime or a smaller --quota would do`;
  }
}

interface UploadLine {
  readonly account: string;
  readonly keys: number;
  readonly problem: string | undefined;
  readonly [key: string]: string | number | undefined;
}

async function handOver(ledger: MeshLedger, registrar: RegistrarFolder, registered: Registered): Promise<UploadLine[]> {
  const records = await registered.batch.records();
  const bit = JOIN_METHOD_BITS["pre-shared-key"];
  if (!joinMethodsIn(records).has(bit)) return [];
  const uploads = await withValidators(ledger, (validators) =>
    uploadChannelKeys(ledger, validators, registrar, registered),
  );
  return uploads.map(({ account, keys, error }) => ({
    account,
    keys,
    problem: error === undefined ? undefined : error instanceof Error ? error.message : String(error),
  }));
}

function joinMethodsIn(records: Uint8Array): Set<number> {
  const found = new Set<number>();
  for (let at = 0; at < records.length; at += 67) found.add(records[at] as number);
  return found;
}

async function exportDevices(
  context: CommandContext,
  options: { readonly index: readonly string[] },
  name = "",
): Promise<void> {
  const indexes = options.index.map((index) => parseCount(index, "--index"));
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, async (ledger) => {
      const batch = await openBatchFolder(batchPath(registrar, name));
      const { base, count } = batch.facts;
      const outside = indexes.find((index) => index < base || index >= base + count);
      if (outside !== undefined) {
        throw new SwarmkeepError(`the batch has devices ${base} to ${base + count - 1}, and no ${outside}`, {
          kind: "usage",
          code: "no-such-device",
          advice: "Give indexes of this batch.",
        });
      }
      const positions = indexes.map((index) => index - base);
      await writeProvisioning(
        batch.file,
        await batch.records(),
        batch.facts,
        await provisioningContext(ledger),
        positions,
      );
      const files = positions.map((position) => batch.file("devices", String(position), "provisioning.json"));
      context.print({ files }, files.join("\n"));
    }),
  );
}

async function sendKeys(context: CommandContext, _: object, name = ""): Promise<void> {
  await withRegistrar(context, (registrar) =>
    withLedger(registrar.mesh, async (ledger) => {
      const batch = await openBatchFolder(batchPath(registrar, name));
      const fleetId = batch.facts.registered?.fleetId;
      if (fleetId === undefined) {
        throw new SwarmkeepError(`the batch ${name} is not registered yet`, {
          kind: "usage",
          code: "not-registered",
          advice: `Run \`swarmkeep fleet register ${name}\` first.`,
        });
      }
      const uploads = await handOver(ledger, registrar, { batch, fleetId, receipt: undefined });
      context.print(
        { uploads },
        uploads.map(({ account, keys, problem }) => `channel keys ${account} ${problem ?? keys}`).join("\n"),
      );
    }),
  );
}

async function provisioningContext(ledger: MeshLedger): Promise<ProvisioningContext> {
  const { certificatePeriodSeconds } = await ledger.contracts.anchor.parameters();
  const contacts = await contactsOf(ledger);
  return {
    mesh: ledger.mesh,
    periodSeconds: Number(certificatePeriodSeconds),
    validators: contacts.map(({ endpoint }) => endpoint).filter((endpoint) => endpoint !== ""),
  };
}

function batchPath(registrar: RegistrarFolder, name: string): string {
  expectName(name);
  return join(batchesFolder(registrar), name);
}

function expectName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return;
  throw new SwarmkeepError(`${JSON.stringify(name)} is no name of a batch`, {
    kind: "usage",
    code: "bad-name",
    advice: "Use 1 to 64 letters, digits, dots, hyphens and underscores.",
  });
}

function expectScopes(scopes: readonly string[]): void {
  const bad = scopes.find((scope) => !isScope(scope));
  if (bad === undefined) return;
  throw new SwarmkeepError(`${JSON.stringify(bad)} is no scope`, {
    kind: "usage",
    code: "bad-scope",
    advice: "Write geo: and a geohash, or grp: and a path such as plant/line-2.",
  });
}

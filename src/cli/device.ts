/** `device`: what the owner of a device does with it. Thin over src/device. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { join } from "node:path";

import type { Command } from "commander";

import { decodeCertificate, type Certificate } from "../certificate/certificate.js";
import { decodeCommitteeList } from "../certificate/committee-list.js";
import { enrolmentAttribute, makeCertificateRequest } from "../certificate/csr-proofs.js";
import { pem } from "../certificate/x509.js";
import { deviceName, meshLabel } from "../certificate/x509-names.js";
import { decodeBundle } from "../certificate/bundle.js";
import { CHALLENGE_LENGTH } from "../certificate/presentation.js";
import { type DeviceSecret, readDelivery, readShardRoot } from "../device/keystore.js";
import { initDevice, openDevice } from "../device/open.js";
import { keyTypeName } from "../device/provisioning.js";
import { readDeviceFiles, readProvisioning } from "../device/store.js";
import { type TlsFolderEvent, keepTlsFolder, runHook, writeTlsFolder } from "../device/tls-folder.js";
import { PRE_SHARED_KEY_LENGTH } from "../protocol/pre-shared-key.js";
import { PUBLIC_FILE, readLimited, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readPassphrase } from "../runtime/passphrase.js";
import { when } from "../statements/time.js";
import {
  type CommandContext,
  LIFETIMES,
  action,
  asSwarmkeepError,
  describe,
  parseCount,
  parseDuration,
  parseHex,
  readInput,
  renderError,
} from "./command.js";
import { derOfPem } from "../device/x509-files.js";
import { registerShardCommands } from "./device-shards.js";
import { describeCertificate, describeHead, describeX509 } from "./describe-objects.js";
import { checkedScope, collectValidator, parseAlgorithm, parseKeyType, parseReason } from "./options.js";
import { nowSeconds, readObject } from "./trust.js";
import { decodeDrlProof } from "../certificate/drl.js";

type Device = Awaited<ReturnType<typeof openDevice>>;

interface InitOptions {
  readonly provisioning?: string;
  readonly key?: string;
  readonly psk?: string;
  readonly deliveryPassphraseFile?: string;
}

interface CertificateOptions {
  readonly alg?: string;
  readonly lifetime?: string;
  readonly scope?: string;
  readonly newKey?: string;
  readonly attempts?: string;
  /** False by --no-x509. */
  readonly x509?: boolean;
  readonly name?: readonly string[];
}

interface EnrollOptions extends CertificateOptions {
  readonly bundle?: string;
  readonly validator?: readonly string[];
  readonly csr?: string;
  readonly key?: string;
}

interface RecoverOptions {
  readonly certificate: string;
  readonly validator?: readonly string[];
  readonly bundle?: string;
}

interface CsrOptions {
  readonly out?: string;
  readonly scope?: string;
  readonly name?: readonly string[];
}

interface ProveOptions {
  readonly challengeFile?: string;
  readonly audience?: string;
  readonly stapled?: boolean;
  readonly out?: string;
}

function withCertificateOptions(command: Command): Command {
  return command
    .option("--alg <name>", "the swarm's key that signs: bls or ed25519")
    .option("--lifetime <time>", "such as 24h; the provisioning file's if not given")
    .option("--scope <scope>", "the provisioning file's if not given")
    .option("--new-key <type>", "certify a new key: ed25519 or p256")
    .option("--name <name...>", "further DNS names of the X.509 certificate, below the device's own")
    .option("--no-x509", "the compact certificate only")
    .option("--attempts <number>", "rounds with too few good answers before giving up; 5 if not given");
}

export function register(group: Command): void {
  group
    .command("init")
    .description("make this device's folder from what the factory gave it")
    .argument("[delivery]", "folder with provisioning.json and the sealed key, as `fleet provision` writes it")
    .option("--provisioning <file>", "provisioning file, in place of a delivery")
    .option("--key <file>", "private key in PEM, such as of `openssl genpkey`")
    .option("--psk <file>", `pre-shared key: ${PRE_SHARED_KEY_LENGTH} bytes, or hexadecimal digits of them`)
    .option("--delivery-passphrase-file <file>", "passphrase of the delivery; that of the data folder if not given")
    .action(action(init));

  withCertificateOptions(group.command("enroll"))
    .alias("enrol")
    .description("get this device's certificate from the swarm")
    .option("--bundle <file>", "trust bundle to begin with")
    .option("--validator <host:port>", "validator to ask for a bundle, several times for more", collectValidator)
    .option("--csr <file>", "certificate request (PKCS#10, PEM or DER) whose key is to be certified")
    .option("--key <file>", "private key of the certificate request, PEM, if it is not the device's own")
    .action(action(enroll));

  withCertificateOptions(group.command("renew"))
    .description("get the next certificate with the current one")
    .option("--watch", "go on renewing in time until stopped")
    .action(action(renew));

  group
    .command("run")
    .description("keep certificate, key, authority and revocation list fresh for other programs until stopped")
    .requiredOption("--out <folder>", "where other programs find them: tls.key, tls.crt, ca.crt, crl.pem")
    .option(
      "--hook <command>",
      "command for the shell, run at the start and after a change, such as one that reloads a server",
    )
    .option("--interval <time>", "between looks for a newer revocation list", "30s")
    .option("--once", "write the files once and end")
    .action(action(runDevice));

  group
    .command("csr")
    .description("make a certificate request by the manifest key that any EST client can have granted")
    .option("--scope <scope>", "that the certificate is for; the provisioning file's if not given")
    .option("--name <name...>", "DNS names to ask for, below the device's own")
    .option("--out <file>", "write it there, in PEM, instead of to the standard output")
    .action(action(makeCsr));

  group.command("show").description("show this device and its certificate; needs no passphrase").action(action(show));

  group
    .command("prove")
    .description("answer a challenge with a presentation")
    .argument("[challenge]", "16 to 64 bytes in hexadecimal digits")
    .option("--challenge-file <file>", "the challenge's bytes; - is the standard input")
    .option("--audience <text>", "whom the answer is meant for")
    .option("--stapled", "use the stored revocation proof and ask nobody, while it lasts")
    .option("--out <file>", "write the presentation there, instead of its hexadecimal digits to the standard output")
    .action(action(prove));

  group
    .command("recover")
    .description("take new group keys by the root CA's word, where the old ones were lost or in wrong hands")
    .requiredOption(
      "--certificate <sha256>",
      "fingerprint of the new keys' certificate, as `swarmkeep mesh certify` printed it",
    )
    .option("--validator <host:port>", "validator to ask for a bundle, several times for more", collectValidator)
    .option("--bundle <file>", "trust bundle with the new keys, where no validator is to be asked")
    .action(action(recover));

  registerShardCommands(group, (context, work) => withDevice(context, ({ agent }, signal) => work(agent, signal)));

  group
    .command("revoke")
    .description("revoke this device for good")
    .requiredOption("--reason <name>", "keyCompromise, cessationOfOperation, superseded, unspecified, ...")
    .action(
      action<{ reason: string }>(async (context, { reason }) => {
        const code = parseReason(reason);
        await withDevice(context, async ({ agent }) => {
          await agent.revoke(code);
          const { index } = agent.provisioning;
          context.print(
            { index, revoked: true, reason },
            `device ${index} is revoked: validators put it on the ledger`,
          );
        });
      }),
    );
}

async function withDevice(
  context: CommandContext,
  work: (device: Device, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const device = await openDevice(context.dataFolder("device"), await context.passphrase());
  const controller = new AbortController();
  const stop = (): void =>
    controller.abort(
      new SwarmkeepError("stopped before it was done", {
        kind: "environment",
        code: "stopped",
        advice: "Run the same command again: it goes on where it was.",
      }),
    );
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    await work(device, controller.signal);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    await device.agent.close();
  }
}

async function init(context: CommandContext, options: InitOptions, delivery?: string): Promise<void> {
  const file = options.provisioning ?? (delivery === undefined ? undefined : join(delivery, "provisioning.json"));
  if (file === undefined) {
    throw new SwarmkeepError("neither a delivery nor a provisioning file was named", {
      kind: "usage",
      code: "option-missing",
      advice: "Name the folder that `fleet provision` wrote, or give --provisioning with --key or --psk.",
    });
  }
  const provisioning = await readProvisioning(file);
  const passphrase = await context.passphrase();
  const secret = await secretFrom(options, delivery, passphrase);
  const shardRoot = await shardRootFrom(options, delivery, passphrase);
  const folder = context.dataFolder("device");
  await initDevice(folder, passphrase, provisioning, secret, { shardRoot }).finally(() => shardRoot?.fill(0));
  const { index, joinMethod, scope } = provisioning;
  context.print({ folder, index, joinMethod, scope }, `device ${index} is ready in ${folder}: enroll it next`);
}

async function secretFrom(
  { key, psk, deliveryPassphraseFile }: InitOptions,
  delivery: string | undefined,
  passphrase: string,
): Promise<DeviceSecret> {
  if (key !== undefined) return { kind: "key", privateKey: await readPrivateKey(key) };
  if (psk !== undefined) {
    const preSharedKey = await readObject(psk);
    if (preSharedKey.length === PRE_SHARED_KEY_LENGTH) return { kind: "pre-shared-key", preSharedKey };
    throw new SwarmkeepError(`${psk} has ${preSharedKey.length} bytes where ${PRE_SHARED_KEY_LENGTH} make a key`, {
      kind: "usage",
      code: "unsupported-key",
      advice: `Make one with \`openssl rand -hex ${PRE_SHARED_KEY_LENGTH}\`.`,
    });
  }
  if (delivery === undefined) {
    throw new SwarmkeepError("the device's key is missing", {
      kind: "usage",
      code: "option-missing",
      advice: "Give it with --key or --psk, or name the folder that `fleet provision` wrote.",
    });
  }
  return readDelivery((name) => join(delivery, name), await deliveryPassphrase(deliveryPassphraseFile, passphrase));
}

/** Of a delivery, also where the device's key comes from elsewhere. */
async function shardRootFrom(
  { deliveryPassphraseFile }: InitOptions,
  delivery: string | undefined,
  passphrase: string,
): Promise<Uint8Array | undefined> {
  if (delivery === undefined) return undefined;
  return readShardRoot((name) => join(delivery, name), await deliveryPassphrase(deliveryPassphraseFile, passphrase));
}

async function deliveryPassphrase(file: string | undefined, own: string): Promise<string> {
  return file === undefined ? own : readPassphrase({ file });
}

async function readPrivateKey(path: string): Promise<KeyObject> {
  const pem = Buffer.from(await readLimited(path, 16_384));
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new SwarmkeepError(`${path} is no private key in PEM`, {
      kind: "usage",
      code: "unsupported-key",
      advice: "Make one with `openssl genpkey -algorithm ED25519`, without a passphrase of its own.",
      details: { path },
      cause,
    });
  } finally {
    pem.fill(0);
  }
}

function certificateOptions({ alg, lifetime, scope, newKey, attempts, x509, name }: CertificateOptions) {
  return {
    // Where the fleet has no such form, it is done without, unless names for it are given.
    ...(x509 === false && { x509 }),
    ...(name !== undefined && { names: name }),
    ...(alg !== undefined && { algorithm: parseAlgorithm(alg) }),
    ...(lifetime !== undefined && { lifetimeSeconds: parseDuration(lifetime, "--lifetime", LIFETIMES) }),
    ...(scope !== undefined && { scope: checkedScope(scope) }),
    ...(newKey !== undefined && { newKey: parseKeyType(newKey) }),
    ...(attempts !== undefined && { attempts: parseCount(attempts, "--attempts", 1_000) }),
  };
}

async function enroll(context: CommandContext, options: EnrollOptions): Promise<void> {
  const wanted = certificateOptions(options);
  const csr = options.csr === undefined ? undefined : fromPem(await readInput(options.csr, 16_384));
  const key = options.key === undefined ? undefined : await readPrivateKey(options.key);
  const bundle = options.bundle === undefined ? undefined : await readObject(options.bundle);
  await withDevice(context, async ({ agent, keystore }, signal) => {
    if (bundle !== undefined) await agent.adoptBundle(bundle);
    if (key !== undefined) await keystore.add(key);
    const validators = options.validator ?? [];
    const certificate = await agent.enrol({ ...wanted, ...(csr && { csr }), validators, signal });
    // Done without where the fleet has no such form; whoever wants it for a server should hear of it here.
    const isWithout = options.x509 !== false && (await agent.tlsFiles()) === undefined;
    report(context, certificate, isWithout ? ", without X.509: that is not offered to its fleet" : "");
  });
}

async function recover(context: CommandContext, options: RecoverOptions): Promise<void> {
  const certificate = parseHex(options.certificate.replaceAll(":", ""), "--certificate", 32);
  const bundle = options.bundle === undefined ? undefined : await readObject(options.bundle);
  await withDevice(context, async ({ agent }, signal) => {
    const taken =
      bundle === undefined
        ? await agent.refreshBundle(options.validator, signal, certificate)
        : await agent.adoptBundle(bundle, certificate);
    const generation = agent.trust?.generation;
    const text = taken
      ? `taken        group keys of generation ${generation}`
      : `nothing newer than generation ${generation}`;
    context.print({ taken, generation }, text);
  });
}

/** The DER of a request in either form. */
function fromPem(content: Uint8Array): Uint8Array {
  const text = Buffer.from(content).toString("latin1");
  const body = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END/.exec(text)?.[1];
  return body === undefined ? content : new Uint8Array(Buffer.from(body, "base64"));
}

async function renew(
  context: CommandContext,
  options: CertificateOptions & { readonly watch?: boolean },
): Promise<void> {
  const wanted = certificateOptions(options);
  await withDevice(context, async ({ agent }, signal) => {
    if (options.watch !== true) return report(context, await agent.renew({ ...wanted, signal }));
    try {
      await agent.keepCertified(signal, (event) => {
        if (event.event === "certified") report(context, event.certificate);
        else process.stderr.write(renderError(asSwarmkeepError(event.error), context.globals.json === true));
      });
    } catch (error) {
      // Being stopped is how watching ends.
      if (!signal.aborted) throw error;
    }
  });
}

async function makeCsr(context: CommandContext, { out, scope, name: names = [] }: CsrOptions): Promise<void> {
  await withDevice(context, async ({ agent, keystore }) => {
    const { index, meshId, enrolment, scope: own } = agent.provisioning;
    const { key } = keystore.identity;
    const attribute = enrolmentAttribute({ index, enrolment, scope: scope === undefined ? own : checkedScope(scope) });
    const fields = { commonName: deviceName(meshLabel(meshId), index), key, names, attributes: [attribute] };
    const csr = pem(
      "CERTIFICATE REQUEST",
      await makeCertificateRequest(fields, (message) => keystore.identity.sign(message)),
    );
    if (out === undefined) return context.print({ index, csr }, csr.trimEnd());
    await writeAtomically(out, csr, PUBLIC_FILE);
    context.print(
      { index, file: out },
      `the request of device ${index} is in ${out}: send it to /.well-known/est/simpleenroll`,
    );
  });
}

interface RunOptions {
  readonly out: string;
  readonly hook?: string;
  readonly interval: string;
  readonly once?: boolean;
}

async function runDevice(context: CommandContext, options: RunOptions): Promise<void> {
  const { out: folder, hook, once = false } = options;
  const intervalSeconds = parseDuration(options.interval, "--interval");
  const failed = (error: unknown): void => {
    process.stderr.write(renderError(asSwarmkeepError(error), context.globals.json === true));
  };
  const written = (files: readonly string[]): void => {
    const news = files.length > 0 ? files.join(", ") : "nothing new";
    context.print({ folder, files }, `${news} in ${folder}`);
  };
  await withDevice(context, async ({ agent, keystore }, signal) => {
    if ((await agent.certificate()) === undefined) report(context, await agent.enrol({ signal }));
    const common = { agent, keystore, folder, hook, intervalSeconds };
    if (once) {
      const files = await writeTlsFolder(common, signal);
      written(files);
      return hook === undefined ? undefined : runHook(hook, folder, files, signal);
    }
    const onEvent = (event: TlsFolderEvent): void => {
      if (event.event === "written") written(event.files);
      else failed(event.error);
    };
    try {
      await Promise.all([
        keepTlsFolder({ ...common, onEvent }, signal),
        agent.keepCertified(signal, (event) => {
          if (event.event === "certified") report(context, event.certificate);
          else failed(event.error);
        }),
      ]);
    } catch (error) {
      // Being stopped is how running ends.
      if (!signal.aborted) throw error;
    }
  });
}

function report(context: CommandContext, certificate: Certificate, more = ""): void {
  const { index, scope, expires } = certificate;
  const text = `device ${index} is certified for ${scope} until ${when(expires)}${more}`;
  context.print(describeCertificate(certificate), text);
}

async function show(context: CommandContext): Promise<void> {
  const folder = context.dataFolder("device");
  const { provisioning, bundle, certificate, x509, proof, pendingRequest } = await readDeviceFiles(folder);
  const standard = x509 === undefined ? undefined : derOfPem(x509);
  const { index, meshId, scope, joinMethod, rootFingerprint, enrolment } = provisioning;
  const current = certificate === undefined ? undefined : decodeCertificate(certificate);
  const list = bundle === undefined ? undefined : decodeBundle(bundle).committeeList;
  const committee = list === undefined ? undefined : decodeCommitteeList(list);
  const state = current === undefined ? "not enrolled" : current.expires > nowSeconds() ? "certified" : "expired";
  const fields = {
    folder,
    index,
    state,
    meshId,
    rootFingerprint,
    scope,
    joinMethod,
    identityKey: { type: keyTypeName(enrolment.key), publicKey: enrolment.key.bytes },
    certificate: current === undefined ? undefined : describeCertificate(current),
    x509: standard && { file: join(folder, "certificate.pem"), ...describeX509(standard) },
    stapledHead: proof === undefined ? undefined : describeHead(decodeDrlProof(proof).head),
    committee:
      committee === undefined
        ? undefined
        : { generation: committee.generation, epoch: committee.epoch, validators: committee.members.length },
    unfinished:
      pendingRequest && `${pendingRequest.kind}, certificate ${pendingRequest.k} of period ${pendingRequest.period}`,
  };
  context.print(fields, describe(fields));
}

async function prove(context: CommandContext, options: ProveOptions, text?: string): Promise<void> {
  if (text === undefined && options.challengeFile === undefined) {
    throw new SwarmkeepError("there is no challenge to answer", {
      kind: "usage",
      code: "option-missing",
      advice: "Give the verifier's challenge in hexadecimal digits, or its file with --challenge-file.",
    });
  }
  const challenge =
    text === undefined ? await readInput(options.challengeFile as string, 1_024) : parseHex(text, "the challenge");
  if (challenge.length < CHALLENGE_LENGTH.minimum || challenge.length > CHALLENGE_LENGTH.maximum) {
    throw new SwarmkeepError(
      `a challenge has ${CHALLENGE_LENGTH.minimum} to ${CHALLENGE_LENGTH.maximum} bytes, not ${challenge.length}`,
      { kind: "usage", code: "bad-challenge", advice: "Take it as the verifier gave it, whole." },
    );
  }
  await withDevice(context, async ({ agent }, signal) => {
    const { audience, stapled, out } = options;
    const presentation = await agent.prove(challenge, {
      ...(audience !== undefined && { audience }),
      fresh: stapled !== true,
      signal,
    });
    if (out === undefined) return context.print({ presentation }, Buffer.from(presentation).toString("hex"));
    await writeAtomically(out, presentation, PUBLIC_FILE);
    context.print({ file: out, bytes: presentation.length }, `${presentation.length} bytes in ${out}`);
  });
}

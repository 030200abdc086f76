/** `swarmkeep mesh ...`: founding a mesh and running it. */
import type { Command } from "commander";

import { certifyGroupKeys } from "../operator/certification.js";
import { foundMesh } from "../operator/founding.js";
import { parseMember, parseRegistrar } from "../operator/genesis.js";
import { withSender } from "../operator/ledger.js";
import { describeStatus, meshStatus } from "../operator/mesh-status.js";
import { createOperatorFolder } from "../operator/operator-folder.js";
import { LOCAL_PARAMETERS, PUBLIC_PARAMETERS } from "../operator/parameters.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { fingerprintOf } from "../runtime/mesh-file.js";
import { type CommandContext, action, parseCount, readInput } from "./command.js";
import { type KeystoreOptions, checkedRpc, fastKeystore, keystoreCost } from "./options.js";
import { registerGovernance } from "./mesh-govern.js";
import { registerRecover } from "./mesh-recover.js";
import { meshFileOf, text, withLedger, withOperator } from "./sessions.js";

const ROLE = "operator";

export function register(group: Command): void {
  group
    .command("init")
    .description("make a root CA, the operator's account and the parameters of a new mesh")
    .option("--name <text>", "common name of the root CA", "Swarmkeep root CA")
    .option("--external-root <file>", "root certificate (PEM) whose key is elsewhere, such as in an HSM")
    .option("--local", "parameters for a chain on this machine")
    .addOption(fastKeystore())
    .action(action(init));
  group
    .command("deploy")
    .description("deploy the contracts and begin the mesh; repeat it after any failure")
    .requiredOption("--rpc <url...>", "endpoints of the ledger, without secrets: they go into mesh.json")
    .requiredOption("--chain-id <number>", "the chain that the endpoints must serve")
    .requiredOption("--member <file...>", "member.json of each validator, in the order of the first draw")
    .option(
      "--registrar <file...>",
      "first grants: JSON with account, scopes, indexes, expiry, and candidates where there may be some",
    )
    .option("--own-node", "the one endpoint is a node of one's own")
    .option("--confirmations <number>", "blocks until a deployment counts", "5")
    .action(action(deploy));
  group
    .command("status")
    .description("show a mesh as it stands on the ledger")
    .option("--mesh <file>", "mesh.json; by default that of the data folder")
    .action(action(status));
  group
    .command("certify")
    .description("certify the group keys by the root CA, after the key ceremony")
    .option("--crl-url <address>", "where software finds the certificate revocation list: http://<host>/crl/mesh.crl")
    .option("--again", "certify keys anew that are certified: members moved, or the list did")
    .action(action(certify));
  registerGovernance(group);
  registerRecover(group);
}

interface InitOptions extends KeystoreOptions {
  readonly name: string;
  readonly externalRoot?: string;
  readonly local?: boolean;
}

async function init(context: CommandContext, options: InitOptions): Promise<void> {
  const externalRoot =
    options.externalRoot === undefined ? undefined : text(await readInput(options.externalRoot, 16_384));
  const passphrase = await context.passphrase();
  const operator = await createOperatorFolder(context.dataFolder(ROLE), passphrase, {
    rootName: options.name,
    externalRoot,
    parameters: options.local === true ? LOCAL_PARAMETERS : PUBLIC_PARAMETERS,
    now: Math.floor(Date.now() / 1000),
    cost: keystoreCost(options),
  });
  try {
    const fingerprint = fingerprintOf(operator.root.certificate);
    const parameters = operator.folder.file("mesh-parameters.json");
    context.print(
      { folder: operator.folder.path, account: operator.address, rootFingerprint: fingerprint, parameters },
      [
        `root CA      SHA-256 ${Buffer.from(fingerprint).toString("hex")}`,
        `account      ${operator.address}, to be funded: it pays for the deployment`,
        `parameters   ${parameters}, to be read and edited: they never change after the genesis`,
        `next         swarmkeep validator init for each validator, then ${context.next("mesh deploy")}`,
      ].join("\n"),
    );
  } finally {
    await operator.close();
  }
}

interface DeployOptions {
  readonly rpc: readonly string[];
  readonly chainId: string;
  readonly member: readonly string[];
  readonly registrar?: readonly string[];
  readonly ownNode?: boolean;
  readonly confirmations: string;
}

async function deploy(context: CommandContext, options: DeployOptions): Promise<void> {
  const chainId = BigInt(parseCount(options.chainId, "--chain-id"));
  const confirmations = parseCount(options.confirmations, "--confirmations", 1_000);
  for (const url of options.rpc) checkedRpc(url);
  if (options.rpc.length === 1 && options.ownNode !== true) {
    throw new SwarmkeepError("a single endpoint is believed only if it is a node of one's own", {
      kind: "usage",
      code: "too-few-endpoints",
      advice: "Add --own-node if it is, or give two or more endpoints that have nothing to do with one another.",
    });
  }
  const read = async (path: string): Promise<string> => text(await readInput(path, 65_536));
  const members = await Promise.all(options.member.map(async (path) => parseMember(await read(path), path)));
  const registrars = await Promise.all(
    (options.registrar ?? []).map(async (path) => parseRegistrar(await read(path), path)),
  );
  await withOperator(context, async (operator) => {
    const { mesh, addresses } = await foundMesh(operator, {
      rpc: options.rpc,
      chainId,
      ownNode: options.ownNode === true,
      members,
      registrars,
      confirmations,
    });
    const path = operator.folder.file("mesh.json");
    context.print(
      { meshId: mesh.meshId, meshFile: path, contracts: { ...addresses } },
      [
        `mesh         0x${Buffer.from(mesh.meshId).toString("hex")}`,
        ...Object.entries(addresses).map(([name, address]) => `${name.padEnd(12)} ${address}`),
        `mesh file    ${path}, for everybody: validators, registrars, verifiers`,
        `next         swarmkeep validator run for each validator, then ${context.next("mesh certify")}`,
      ].join("\n"),
    );
  });
}

async function status(context: CommandContext, options: { readonly mesh?: string }): Promise<void> {
  await withLedger(await meshFileOf(context, options.mesh), async (ledger) => {
    const found = await meshStatus(ledger);
    context.print(found, describeStatus(found));
  });
}

interface CertifyCommand {
  readonly crlUrl?: string;
  readonly again?: boolean;
}

async function certify(context: CommandContext, options: CertifyCommand): Promise<void> {
  await withOperator(context, async (operator) => {
    const { facts, certificate, receipt } = await withLedger(await operator.meshFile(), (ledger) =>
      withSender(ledger.endpoint, operator.privateKey, (sender) =>
        certifyGroupKeys(ledger, operator.root, sender, options),
      ),
    );
    const { bls, ed25519 } = facts.keys;
    context.print(
      { generation: facts.generation, bls, ed25519, certificate, transaction: receipt?.transactionHash },
      [
        `generation   ${facts.generation}${receipt === undefined ? ", certified before" : ""}`,
        `BLS key      ${Buffer.from(bls).toString("hex")}`,
        `Ed25519 key  ${Buffer.from(ed25519).toString("hex")}`,
        `certificate  SHA-256 ${Buffer.from(fingerprintOf(certificate)).toString("hex")}`,
      ].join("\n"),
    );
  });
}

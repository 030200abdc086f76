/**
 * A mesh of real processes in a folder of its own: a chain, validators as `swarmkeep validator run`, founded with the
 * commands that an operator uses. Only loopback; everything ends with the tests.
 */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Wallet } from "ethers";

import { Endpoint } from "../../src/ledger/endpoint.js";
import { LOCAL_CHAIN_ID, type LocalNode, startLocalNode } from "../../src/ledger/local-node.js";
import { freePorts } from "../../src/net/free-ports.js";
import { fundFromNode } from "../../src/operator/dev-account.js";
import { type MeshLedger, openMeshLedger } from "../../src/operator/ledger.js";
import { createOperatorFolder } from "../../src/operator/operator-folder.js";
import { LOCAL_PARAMETERS, type MeshParameters } from "../../src/operator/parameters.js";
import { type Validators, openValidators } from "../../src/operator/swarm-signature.js";
import { openDataFolder } from "../../src/runtime/data-folder.js";
import { type MeshFile, readMeshFile, writeMeshFile } from "../../src/runtime/mesh-file.js";
import { LIGHT_KDF } from "../../src/runtime/sealed-file.js";
import { initialiseValidator, writeMemberFile } from "../../src/validator/settings.js";
import { startWithCrashes } from "./crashes.js";
import { forgetPid, succeed, watchPid } from "./processes.js";
import { PASSPHRASE, eventually } from "./waiting.js";
import { ValidatorProcess } from "./validator-process.js";

const ETHER = 10n ** 18n;
/** What the registrar of every mesh here may register. */
export const SCOPES = ["grp:city", "geo:u33"];

export interface MeshOptions {
  readonly validators: number;
  readonly parameters?: Partial<MeshParameters>;
  /** Starts the processes; by default all, and none of them armed. */
  readonly start?: (mesh: LocalMesh) => Promise<void>;
}

export class LocalMesh {
  readonly folder: string;
  readonly registrar = Wallet.createRandom();
  node!: LocalNode;
  mesh!: MeshFile;
  ledger!: MeshLedger;
  validators: ValidatorProcess[] = [];
  #clients: Validators | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Founds a mesh and brings it as far as the certified group keys and the first committee list. */
  static async found(options: MeshOptions): Promise<LocalMesh> {
    // Its own to remove: scratch folders go with the test file that asked for one, and others share this mesh.
    const local = new LocalMesh(await mkdtemp(join(tmpdir(), "swarmkeep-test-")));
    open.add(local);
    try {
      await local.#deploy(options);
      await (options.start?.(local) ?? local.startAll());
      await local.untilOffice();
      await local.certify();
      return local;
    } catch (error) {
      const logs = await local.logs();
      await local.close();
      throw new Error(`the mesh was not founded: ${String(error)}\n${logs}`, { cause: error });
    }
  }

  get size(): number {
    return this.validators.length;
  }

  get meshFile(): string {
    return join(this.folder, "operator", "mesh.json");
  }

  /** Validator `number`, from 1. */
  validator(number: number): ValidatorProcess {
    return this.validators[number - 1] as ValidatorProcess;
  }

  /** The one in a seat of the committee. */
  async inSeat(seat: number): Promise<ValidatorProcess> {
    const { members } = await this.clients();
    const account = members.find((member) => member.seat === seat)?.account ?? new Uint8Array();
    const name = `0x${Buffer.from(account).toString("hex")}`;
    return this.validators.find(({ place }) => place.account.toLowerCase() === name) as ValidatorProcess;
  }

  async #deploy({ validators: count, parameters }: MeshOptions): Promise<void> {
    const [chainPort = 0, ...ports] = await freePorts(1 + 3 * count);
    await this.startNode(chainPort);
    const operatorFolder = join(this.folder, "operator");
    const operator = await createOperatorFolder(operatorFolder, PASSPHRASE, {
      rootName: "Test root CA",
      parameters: { ...LOCAL_PARAMETERS, committeeSize: count, ...parameters },
      now: Math.floor(Date.now() / 1000),
      cost: LIGHT_KDF,
    });
    await operator.close();
    for (let number = 1; number <= count; number++) this.validators.push(await this.makeValidator(number, ports));
    const accounts = this.validators.map(({ place }) => place.account);
    await this.fund([operator.address, this.registrar.address, ...accounts]);
    const grant = join(this.folder, "registrar.json");
    const expiry = Math.floor(Date.now() / 1000) + 86_400;
    await writeFile(
      grant,
      JSON.stringify({ account: this.registrar.address, scopes: SCOPES, indexes: 1_000_000, expiry }),
    );
    await succeed([
      "mesh",
      "deploy",
      `--data=${operatorFolder}`,
      `--rpc=${this.node.url}`,
      `--chain-id=${LOCAL_CHAIN_ID}`,
      "--own-node",
      "--confirmations=1",
      `--registrar=${grant}`,
      "--member",
      ...this.validators.map(({ place }) => join(place.folder, "member.json")),
    ]);
    this.mesh = await readMeshFile(this.meshFile);
    this.ledger = await openMeshLedger(this.mesh);
  }

  /** Keys and settings of a validator, as `swarmkeep validator init` makes them. Takes three of the ports. */
  async makeValidator(number: number, ports: number[]): Promise<ValidatorProcess> {
    const folder = join(this.folder, `validator-${number}`);
    const [port = 0, sidePort = 0, estPort = 0] = ports.splice(0, 3);
    const listen = `127.0.0.1:${port}`;
    const opened = await openDataFolder(folder, "validator");
    const settings = { listen, endpoint: listen, scope: "grp:city", sidePort, estListen: `127.0.0.1:${estPort}` };
    const account = await initialiseValidator(opened, PASSPHRASE, { settings, cost: LIGHT_KDF });
    await writeMemberFile(opened, account, `operator ${number}`);
    await opened.close();
    return new ValidatorProcess({ number, account, folder, meshFile: this.meshFile, port, sidePort, estPort });
  }

  /** Has the root certify the group keys in office, and takes the committee as it is then. @returns what the command says */
  async certify(): Promise<string> {
    const said = await succeed(["mesh", "certify", "--data", join(this.folder, "operator")]);
    this.#clients?.close();
    this.#clients = undefined;
    await this.clients();
    return said;
  }

  async startAll(): Promise<void> {
    await Promise.all(this.validators.map((validator) => validator.start()));
  }

  /** Waits until the group keys are on the ledger. */
  async untilOffice(seconds = 300): Promise<void> {
    const { groupKeys } = this.ledger.contracts;
    const inOffice = async (): Promise<true | undefined> => ((await groupKeys.generation()) > 0n ? true : undefined);
    await eventually("a committee is in office", inOffice, seconds);
  }

  /** Waits for a head that was not due yet when this was called, with the signatures of both keys. */
  async untilNewHead(validator: ValidatorProcess): Promise<void> {
    const { tickSeconds, headSeconds } = await this.ledger.contracts.anchor.parameters();
    const due = ((await validator.health()).head ?? 0) + Number(headSeconds / tickSeconds);
    await eventually(`head ${due} is signed by both keys`, async () => {
      const { head, headSignedByBoth } = await validator.health();
      return (head ?? 0) >= due && headSignedByBoth ? true : undefined;
    });
  }

  /** The committee as an outsider reaches it, once it has signed its list under the keys in office. */
  async clients(): Promise<Validators> {
    return (this.#clients ??= await eventually("the committee signed its list", () => this.#openClients(), 60));
  }

  async #openClients(): Promise<Validators | undefined> {
    const clients = await openValidators(this.ledger);
    if (BigInt(clients.trust.generation) === (await this.ledger.contracts.groupKeys.generation())) return clients;
    clients.close();
    return undefined;
  }

  /** Starts the chain, or goes on with its state after `stopNode`. */
  async startNode(port: number): Promise<void> {
    this.node = await startLocalNode({ kind: "anvil", port, stateFile: join(this.folder, "chain.json") });
    watchPid(this.node.pid);
  }

  async stopNode(): Promise<number> {
    const { pid, url } = this.node;
    await this.node.stop();
    forgetPid(pid);
    return Number(new URL(url).port);
  }

  async fund(accounts: readonly string[], wei = 100n * ETHER): Promise<void> {
    const endpoint = new Endpoint({ url: this.node.url, chainId: LOCAL_CHAIN_ID });
    try {
      await fundFromNode(endpoint, accounts, wei);
    } finally {
      endpoint.close();
    }
  }

  /** A mesh file with other endpoints of the ledger. */
  async meshFileWith(rpc: readonly string[]): Promise<string> {
    const path = join(this.folder, `mesh-${rpc.length}-${Date.now()}.json`);
    await writeMeshFile(path, { ...this.mesh, rpc, ownNode: rpc.length === 1 });
    return path;
  }

  /** What the validators said last. */
  async logs(): Promise<string> {
    const texts = this.validators.map(async (one) => `validator ${one.place.number}:\n${await one.lastLines()}`);
    return (await Promise.all(texts)).join("\n");
  }

  /** Keeps the logs of a failed test where `SWARMKEEP_E2E_LOGS` says. */
  async keepLogs(name: string): Promise<void> {
    const target = process.env["SWARMKEEP_E2E_LOGS"];
    if (target === undefined) return;
    await mkdir(join(target, name), { recursive: true });
    for (const { logFile, place } of this.validators) {
      await copyFile(logFile, join(target, name, `validator-${place.number}.log`)).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    open.delete(this);
    this.#clients?.close();
    this.ledger?.close();
    await Promise.all(this.validators.map((validator) => validator.kill()));
    if (this.node !== undefined) await this.stopNode();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const open = new Set<LocalMesh>();
let shared: Promise<LocalMesh> | undefined;

/**
 * The mesh of seven that scenarios share, founded while its validators are killed again and again (crashes.ts). Phases are
 * long, so that nobody misses one; they end early once everybody has acted. Whoever changes the mesh puts it back.
 */
export function sharedMesh(): Promise<LocalMesh> {
  return (shared ??= LocalMesh.found({ validators: 7, parameters: { phaseSeconds: 30 }, start: startWithCrashes }));
}

/** Adds the validators' last words to the message of a failed test. */
export function tellLogsOnFailure(mesh: () => LocalMesh | undefined): void {
  afterEach(async function () {
    const { currentTest: test } = this;
    const local = mesh();
    if (test?.state !== "failed" || local === undefined) return;
    await local.keepLogs(test.title.replace(/[^a-z0-9]+/gi, "-").slice(0, 80));
    if (test.err !== undefined) test.err.message += `\n${await local.logs()}`;
  });
}

// The root hook: whatever meshes the scenarios share or forgot to close end after the last of them.
after(async function () {
  this.timeout(30_000);
  await Promise.all([...open].map((mesh) => mesh.close()));
});

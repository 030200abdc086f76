/** The data folder of the local demonstration, and what it remembers from one start to the next. */
import { randomBytes } from "node:crypto";

import { freePorts } from "../../net/free-ports.js";
import { readIfPresent, writeAtomically } from "../../runtime/atomic-file.js";
import { type DataFolder, openDataFolder, setAside as setFolderAside } from "../../runtime/data-folder.js";
import { SwarmkeepError } from "../../runtime/errors.js";

const ROLE = "local-mesh";
const STATE_FILE = "start.json";
const PASSPHRASE_FILE = "passphrase";

export interface Workspace {
  readonly folder: DataFolder;
  /** Whether the chain is kept over restarts. */
  readonly persist: boolean;
  /** Whether this folder has a chain of an earlier start. */
  readonly continues: boolean;
  /** Ports on loopback: the chain's, the gateway's, and each validator's. */
  readonly chainPort: number;
  readonly gatewayPort: number;
  readonly validatorPorts: readonly number[];
  /** Guards nothing but this demonstration: it lies beside what it opens. */
  readonly passphrase: string;
  readonly passphraseFile: string;
  /** Where the data of an earlier start went, which this one does not continue. */
  readonly setAside: string | undefined;
}

interface State {
  readonly persist: boolean;
  readonly chainPort: number;
  readonly gatewayPort: number;
  readonly validatorPorts: readonly number[];
}

/** Opens the folder, or sets an earlier one aside and makes a new one. */
export async function openWorkspace(
  path: string,
  options: { readonly persist: boolean; readonly fresh: boolean; readonly validators: number },
): Promise<Workspace> {
  let setAside: string | undefined;
  let folder = await openDataFolder(path, ROLE).catch(async (error: unknown) => {
    const isDamaged = error instanceof SwarmkeepError && error.code === "folder-damaged";
    if (!isDamaged || !options.fresh) throw error;
    // Nobody has it open: that comes before what is in it.
    setAside = await setFolderAside(path);
    return openDataFolder(path, ROLE);
  });
  const content = await readIfPresent(folder.file(STATE_FILE));
  let state: State | undefined;
  try {
    // What is set aside anyway may be damaged.
    if (!options.fresh) state = parseState(content, folder.file(STATE_FILE));
  } catch (error) {
    await folder.close();
    throw error;
  }
  if (state?.persist === true && options.persist) {
    return { folder, ...state, continues: true, setAside: undefined, ...(await passphraseOf(folder)) };
  }
  if (content !== undefined) {
    setAside = await folder.setAside();
    folder = await openDataFolder(path, ROLE);
  }
  const [chainPort = 0, gatewayPort = 0, ...validatorPorts] = await freePorts(options.validators + 2);
  const next: State = { persist: options.persist, chainPort, gatewayPort, validatorPorts };
  const passphrase = await passphraseOf(folder);
  await writeAtomically(folder.file(STATE_FILE), `${JSON.stringify(next)}\n`);
  return { folder, ...next, continues: false, setAside, ...passphrase };
}

async function passphraseOf(folder: DataFolder): Promise<{ passphrase: string; passphraseFile: string }> {
  const passphraseFile = folder.file(PASSPHRASE_FILE);
  const existing = await readIfPresent(passphraseFile, 4_096);
  if (existing !== undefined) return { passphrase: Buffer.from(existing).toString("utf8").trim(), passphraseFile };
  const passphrase = randomBytes(16).toString("hex");
  await writeAtomically(passphraseFile, `${passphrase}\n`);
  return { passphrase, passphraseFile };
}

function parseState(content: Uint8Array | undefined, path: string): State | undefined {
  if (content === undefined) return undefined;
  try {
    const state = JSON.parse(Buffer.from(content).toString("utf8")) as State;
    const { persist, chainPort, gatewayPort, validatorPorts } = state;
    const ports: readonly unknown[] = [chainPort, gatewayPort, ...validatorPorts];
    if (typeof persist === "boolean" && ports.every((port) => Number.isInteger(port))) {
      return { persist, chainPort, gatewayPort, validatorPorts };
    }
    throw new TypeError("a field is missing");
  } catch (cause) {
    throw new SwarmkeepError(`${path} is not what this program writes`, {
      kind: "environment",
      code: "folder-damaged",
      advice: "Start with --fresh: it sets the folder aside and makes a new one.",
      details: { path },
      cause,
    });
  }
}

/** How commands of operators and registrars begin and end: what they open is closed, whatever happens. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { getAddress } from "ethers";

import type { TransactionSender } from "../ledger/sender.js";
import { type MeshLedger, openMeshLedger, withSender } from "../operator/ledger.js";
import { type OperatorFolder, openOperatorFolder } from "../operator/operator-folder.js";
import { type RegistrarFolder, openRegistrarFolder } from "../operator/registrar-folder.js";
import { type Validators, openValidators } from "../operator/swarm-signature.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type MeshFile, readMeshFile } from "../runtime/mesh-file.js";
import { readAccount } from "../validator/settings.js";
import type { CommandContext } from "./command.js";

/**
 * The mesh file that was named, else that of the operator's folder.
 * @throws SwarmkeepError `no-mesh-file` and those of mesh files
 */
export async function meshFileOf(context: CommandContext, given: string | undefined): Promise<MeshFile> {
  const path = given ?? join(context.dataFolder("operator"), "mesh.json");
  if (given === undefined && !existsSync(path)) {
    throw new SwarmkeepError(`there is no mesh file at ${path}`, {
      kind: "usage",
      code: "no-mesh-file",
      advice: "Name one with --mesh, or with --data the operator's folder of a mesh that was deployed.",
      details: { path },
    });
  }
  return readMeshFile(path);
}

export async function withLedger<T>(mesh: MeshFile, work: (ledger: MeshLedger) => Promise<T>): Promise<T> {
  const ledger = await openMeshLedger(mesh);
  try {
    return await work(ledger);
  } finally {
    ledger.close();
  }
}

export async function withValidators<T>(ledger: MeshLedger, work: (validators: Validators) => Promise<T>): Promise<T> {
  const validators = await openValidators(ledger);
  try {
    return await work(validators);
  } finally {
    validators.close();
  }
}

export async function withOperator<T>(
  context: CommandContext,
  work: (operator: OperatorFolder) => Promise<T>,
): Promise<T> {
  const operator = await openOperatorFolder(context.dataFolder("operator"), await context.passphrase());
  try {
    return await work(operator);
  } finally {
    await operator.close();
  }
}

export async function withRegistrar<T>(
  context: CommandContext,
  work: (registrar: RegistrarFolder) => Promise<T>,
): Promise<T> {
  const registrar = await openRegistrarFolder(context.dataFolder("registrar"), await context.passphrase());
  try {
    return await work(registrar);
  } finally {
    await registrar.close();
  }
}

/** Does something on the ledger with the account of the validator whose folder it is. */
export async function asValidator<T>(
  context: CommandContext,
  meshFile: string,
  work: (ledger: MeshLedger, sender: TransactionSender) => Promise<T>,
): Promise<T> {
  const mesh = await meshFileOf(context, meshFile);
  const { privateKey } = await readAccount(context.dataFolder("validator"), await context.passphrase());
  return withLedger(mesh, (ledger) => withSender(ledger.endpoint, privateKey, (sender) => work(ledger, sender)));
}

/** @throws SwarmkeepError `bad-address` */
export function parseAddress(given: string, what: string): string {
  try {
    return getAddress(given);
  } catch {
    throw new SwarmkeepError(`${what} takes an address, 0x and 40 digits, not ${JSON.stringify(given)}`, {
      kind: "usage",
      code: "bad-address",
      advice: "Copy it again, whole: capitals in it are a checksum.",
    });
  }
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

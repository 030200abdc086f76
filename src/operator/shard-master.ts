/**
 * The master of a registrar's shards: where all roots, chains and key streams come from (docs/protocol.md, section 20.1). Made once, in a
 * sealed file of the registrar's folder, or inside a PKCS#11 token, which it never leaves; then the folder has where it is:
 *
 * ```
 * shards/master.sealed   the master
 * shards/token.json      or: module, token and label of the key, and the name of the master, by which another key is noticed
 * ```
 */
import { randomBytes } from "node:crypto";

import { readIfPresent, writeAtomically } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { readPin } from "../runtime/passphrase.js";
import { type TokenPlace, createTokenKey, openTokenKey } from "../runtime/pkcs11.js";
import { hmac, wipe } from "../shards/bytes.js";
import { KEY_LENGTH, type KeySource, masterName } from "../shards/derivation.js";
import type { RegistrarFolder } from "./registrar-folder.js";
import { formatTokenFile, parseTokenFile } from "./token-file.js";

const PURPOSE = "shard master";

function pathOf({ folder }: RegistrarFolder): string {
  return folder.file("shards", "master.sealed");
}

function tokenPathOf({ folder }: RegistrarFolder): string {
  return folder.file("shards", "token.json");
}

/** Makes the master in a sealed file. @throws SwarmkeepError `shard-master-exists` */
export async function createMaster(registrar: RegistrarFolder): Promise<void> {
  await expectNone(registrar);
  const master = randomBytes(KEY_LENGTH);
  try {
    await registrar.sealer.write(pathOf(registrar), PURPOSE, master);
  } finally {
    wipe(master);
  }
}

/**
 * Makes the master inside a token. A key with that label which was made in there before, such as by an attempt that was interrupted or
 * with a folder that is lost, is taken up again. @returns whether it was made now
 * @throws SwarmkeepError `shard-master-exists`, and those of the token
 */
export async function createTokenMaster(registrar: RegistrarFolder, place: TokenPlace, pin: string): Promise<boolean> {
  await expectNone(registrar);
  const isNew = await createTokenKey(place, pin);
  const source = await openTokenKey(place, pin);
  try {
    const name = await nameOf(source);
    await writeAtomically(tokenPathOf(registrar), formatTokenFile({ place, name }));
  } finally {
    source.close();
  }
  return isNew;
}

async function nameOf(source: KeySource): Promise<string> {
  return Buffer.from(await masterName(source)).toString("hex");
}

async function expectNone(registrar: RegistrarFolder): Promise<void> {
  await registrar.folder.folder("shards");
  for (const path of [pathOf(registrar), tokenPathOf(registrar)]) {
    if ((await readIfPresent(path)) === undefined) continue;
    throw new SwarmkeepError("this registrar has a master for shards already", {
      kind: "usage",
      code: "shard-master-exists",
      advice: "Go on with it: another master would be of no use to the devices that are out.",
      details: { path },
    });
  }
}

/**
 * The master; undefined where none was made. Closing it wipes it, or ends the session with the token.
 * @param pin asked for where the master is in a token
 * @throws SwarmkeepError `sealed-file-damaged`, `folder-damaged`, `wrong-master`, and those of the token
 */
export async function findMaster(
  registrar: RegistrarFolder,
  pin: () => Promise<string> = readPin,
): Promise<KeySource | undefined> {
  const master = await registrar.sealer.readIfPresent(pathOf(registrar), PURPOSE);
  if (master !== undefined) return { mac: (message) => hmac(master, message), close: () => wipe(master) };
  const content = await readIfPresent(tokenPathOf(registrar), 16_384);
  if (content === undefined) return undefined;
  const { name, place } = parseTokenFile(content, tokenPathOf(registrar));
  const source = await openTokenKey(place, await pin());
  if ((await nameOf(source)) === name) return source;
  source.close();
  throw new SwarmkeepError(
    `the key ${place.key} in the token ${place.token} is another one than this registrar's master`,
    {
      kind: "environment",
      code: "wrong-master",
      advice: "Plug in the token in which the master was made: keys from another one open nothing.",
      details: { ...place },
    },
  );
}

/** @throws SwarmkeepError `no-shard-master`, and as `findMaster` */
export async function openMaster(registrar: RegistrarFolder, pin?: () => Promise<string>): Promise<KeySource> {
  const master = await findMaster(registrar, pin);
  if (master !== undefined) return master;
  throw new SwarmkeepError("this registrar has no master for shards yet", {
    kind: "usage",
    code: "no-shard-master",
    advice: "Make one with `swarmkeep shards init`.",
    details: { path: pathOf(registrar) },
  });
}

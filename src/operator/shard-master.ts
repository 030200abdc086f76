/**
 * The master of a registrar's shards: where all roots, chains and key streams come from (docs/protocol.md, section 20.1). Made once, kept
 * in a sealed file of the registrar's folder.
 */
import { randomBytes } from "node:crypto";

import { readIfPresent } from "../runtime/atomic-file.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { hmac, wipe } from "../shards/bytes.js";
import { KEY_LENGTH, type KeySource } from "../shards/derivation.js";
import type { RegistrarFolder } from "./registrar-folder.js";

const PURPOSE = "shard master";

function pathOf({ folder }: RegistrarFolder): string {
  return folder.file("shards", "master.sealed");
}

/** Makes the master. @throws SwarmkeepError `shard-master-exists` */
export async function createMaster(registrar: RegistrarFolder): Promise<void> {
  await registrar.folder.folder("shards");
  const path = pathOf(registrar);
  if ((await readIfPresent(path)) !== undefined) {
    throw new SwarmkeepError("this registrar has a master for shards already", {
      kind: "usage",
      code: "shard-master-exists",
      advice: "Go on with it: another master would be of no use to the devices that are out.",
      details: { path },
    });
  }
  const master = randomBytes(KEY_LENGTH);
  try {
    await registrar.sealer.write(path, PURPOSE, master);
  } finally {
    wipe(master);
  }
}

/** The master; undefined where none was made. Closing it wipes it. @throws SwarmkeepError `sealed-file-damaged` */
export async function findMaster(registrar: RegistrarFolder): Promise<KeySource | undefined> {
  const master = await registrar.sealer.readIfPresent(pathOf(registrar), PURPOSE);
  return master && { mac: (message) => hmac(master, message), close: () => wipe(master) };
}

/** @throws SwarmkeepError `no-shard-master`, `sealed-file-damaged` */
export async function openMaster(registrar: RegistrarFolder): Promise<KeySource> {
  const master = await findMaster(registrar);
  if (master !== undefined) return master;
  throw new SwarmkeepError("this registrar has no master for shards yet", {
    kind: "usage",
    code: "no-shard-master",
    advice: "Make one with `swarmkeep shards init`, before devices are provisioned.",
    details: { path: pathOf(registrar) },
  });
}

/** Resident memory of a process that runs the agent and holds a certificate, some time after it opened its sealed keys. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { createSealedKeystore } from "../../src/device/keystore.js";
import { createDeviceStore } from "../../src/device/store.js";
import { PASSPHRASE, keySecret, openTestDevice } from "../../test/device/device-fixture.js";
import { TestMesh } from "../../test/device/mesh-fixture.js";
import type { OffchainFigure } from "../figure.js";

const AGENT = new URL("../../src/device/index.js", import.meta.url).href;
const MEGABYTE = 1e6;

/** Prints its resident bytes when what opening needed has been given back. */
const program = (folder: string): string => `
  const { openDevice } = await import(${JSON.stringify(AGENT)});
  const { agent } = await openDevice(${JSON.stringify(folder)}, ${JSON.stringify(PASSPHRASE)});
  if ((await agent.certificate()) === undefined) throw new Error("there is no certificate");
  setTimeout(() => { console.log(process.memoryUsage.rss()); process.exit(); }, 1000);
`;

export const agentResidentMegabytes: OffchainFigure = {
  operation: "agentResidentMegabytes",
  unit: "MB, of which Node alone takes more than half",
  goal: undefined,
  best: undefined,
  source: undefined,

  async measure() {
    const scratch = await mkdtemp(join(tmpdir(), "swarmkeep-bench-"));
    const folder = join(scratch, "device");
    try {
      const mesh = await TestMesh.create();
      const secret = keySecret();
      const store = await createDeviceStore(folder, mesh.provision(secret, {}), async (keys) => {
        (await createSealedKeystore(keys, PASSPHRASE, secret)).close();
      });
      await store.close();
      const { agent } = await openTestDevice(mesh, folder);
      await agent.enrol({ validators: [mesh.validators[0]?.endpoint ?? ""] });
      await agent.close();
      const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program(folder)]);
      return Number(stdout) / MEGABYTE;
    } finally {
      await rm(scratch, { recursive: true });
    }
  },
};

/** To whom the generator seals roots: devices that no factory gave one, by the keys that the ledger's manifest has. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { hexlify } from "ethers";

import { generateDeviceKey, softwareIdentity } from "../../src/device/identity.js";
import { type BatchFolder } from "../../src/operator/batch-folder.js";
import { provisionBatch } from "../../src/operator/factory.js";
import type { MeshLedger } from "../../src/operator/ledger.js";
import { rootRecipients } from "../../src/operator/shard-roots.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { hmac } from "../../src/shards/bytes.js";
import type { KeySource } from "../../src/shards/derivation.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { TEST_MESH } from "../runtime/test-mesh-file.js";

const master: KeySource = { mac: (message) => hmac(new Uint8Array(32), message), close: () => undefined };
const FLEET = 3;

describe("the devices that get sealed roots", () => {
  let folder = "";
  const keys = Array.from({ length: 3 }, (_, i) =>
    softwareIdentity(generateDeviceKey(i === 0 ? KEY_TYPE.p256 : KEY_TYPE.ed25519)),
  );
  const appended: object[] = [];
  const ledger = {
    mesh: TEST_MESH,
    contracts: {
      fleets: { queryFilter: async () => appended, filters: { BatchAppended: () => undefined } },
    },
  } as unknown as MeshLedger;

  async function batch(name: string, base: number, more: object = {}): Promise<BatchFolder> {
    const made = await provisionBatch(join(folder, name), {
      mesh: TEST_MESH,
      lots: [{ join: "identity-key", publicKeys: keys.map(({ key }) => key) }],
      base,
      deviceClass: 0,
      scope: "geo:u33d",
      lifetimeSeconds: 3_600,
      periodSeconds: 3_600,
      validators: [],
      accounts: [],
      devicePassphrase: "correct horse",
      deviceCost: LIGHT_KDF,
      sealer: await openSealer(join(await scratchFolder(), "seal.json"), "x", LIGHT_KDF),
      ...more,
    });
    const registered = { fleetId: FLEET, batch: appended.length + 1 };
    appended.push({ args: { batch: BigInt(registered.batch), manifestRoot: hexlify(made.facts.manifestRoot) } });
    return made.save({ ...made.facts, registered });
  }

  beforeEach(async () => {
    folder = await scratchFolder();
    appended.length = 0;
  });
  after(removeScratchFolders);

  it("are those that the factory gave none, in all batches of the fleet", async () => {
    await batch("without", 256);
    await batch("with", 512, { master });
    await batch("in-part", 768, { master, deliveries: 1 });
    const recipient = await rootRecipients(folder, ledger, FLEET);
    for (const [i, { key }] of keys.entries()) {
      expect(recipient(256 + i)).to.deep.equal(key);
      expect(recipient(512 + i)).to.equal(undefined);
      expect(recipient(768 + i)).to.deep.equal(i === 0 ? undefined : key);
    }
    expect(recipient(259)).to.equal(undefined);
    expect((await rootRecipients(folder, ledger, FLEET + 1))(256)).to.equal(undefined);
    expect((await rootRecipients(join(folder, "none"), ledger, FLEET))(256)).to.equal(undefined);
  });

  it("are none where somebody put another key into the folder", async () => {
    await batch("without", 256);
    const path = join(folder, "without", "devices.bin");
    const records = await readFile(path);
    const other = softwareIdentity(generateDeviceKey(KEY_TYPE.ed25519)).key;
    records.set(other.bytes, 67 + 2);
    await writeFile(path, records);
    const error: unknown = await rootRecipients(folder, ledger, FLEET).catch((raised: unknown) => raised);
    expect(error).to.have.property("code", "batch-damaged");
  });
});

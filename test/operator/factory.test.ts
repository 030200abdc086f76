import { randomBytes } from "node:crypto";
import { readFile, readdir, truncate } from "node:fs/promises";
import { join } from "node:path";

import { bytesToHex } from "@noble/hashes/utils.js";
import { expect } from "chai";
import fc from "fast-check";

import { checkManifest } from "../../src/certificate/manifest.js";
import { generateDeviceKey, softwareIdentity } from "../../src/device/identity.js";
import { manifestKeyOf, readDelivery } from "../../src/device/keystore.js";
import { readProvisioning } from "../../src/device/store.js";
import {
  type BatchFolder,
  RECORD_LENGTH,
  decodeRecord,
  encodeRecord,
  manifestOf,
  openBatchFolder,
} from "../../src/operator/batch-folder.js";
import { type DeviceLot, channelKeys, provisionBatch, rebaseBatch } from "../../src/operator/factory.js";
import { validatorPreSharedKey } from "../../src/protocol/pre-shared-key.js";
import type { MeshFile } from "../../src/runtime/mesh-file.js";
import { LIGHT_KDF, type Sealer, openSealer } from "../../src/runtime/sealed-file.js";
import { JOIN_METHOD, KEY_TYPE } from "../../src/statements/cose.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";

const PASSPHRASE = "for the device's owner";
const ACCOUNT = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const MESH: MeshFile = {
  meshId: new Uint8Array(32).fill(7),
  chainId: 31337n,
  anchor: ACCOUNT,
  deployedBlock: 0,
  rpc: ["http://127.0.0.1:8545"],
  ownNode: true,
  rootCertificate: new Uint8Array(300),
  rootFingerprint: new Uint8Array(32).fill(9),
};
const CONTEXT = { mesh: MESH, periodSeconds: 3_600, validators: ["127.0.0.1:7443"] };

function elsewhere(count: number): DeviceLot {
  const key = () => softwareIdentity(generateDeviceKey(KEY_TYPE.p256)).key;
  return { join: "csr", publicKeys: Array.from({ length: count }, key) };
}

describe("factory", () => {
  let folder: string;
  let sealer: Sealer;

  beforeEach(async () => {
    folder = await scratchFolder();
    sealer = await openSealer(join(folder, "seal.json"), "registrar", LIGHT_KDF);
  });
  afterEach(removeScratchFolders);

  function provision(lots: readonly DeviceLot[], rest: { deliveries?: number } = {}): Promise<BatchFolder> {
    return provisionBatch(join(folder, "batches", "first"), {
      ...CONTEXT,
      lots,
      base: 256,
      deviceClass: 2,
      scope: "geo:u33d",
      lifetimeSeconds: 86_400,
      accounts: [ACCOUNT],
      devicePassphrase: PASSPHRASE,
      sealer,
      deviceCost: LIGHT_KDF,
      ...rest,
    });
  }

  it("gives every device of any batch a provisioning file that proves its place in the manifest", async () => {
    const sizes = fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 }), fc.integer({ min: 1, max: 9 }));
    let run = 0;
    await fc.assert(
      fc.asyncProperty(sizes, async ([identities, shared, others]) => {
        folder = join(folder, String(run++));
        const batch = await provision([
          { join: "identity-key", keyType: KEY_TYPE.ed25519, count: identities },
          { join: "pre-shared-key", count: shared },
          elsewhere(others),
        ]);
        expect(batch.facts.count).to.equal(identities + shared + others);
        for (let position = 0; position < batch.facts.count; position++) {
          // Decoding checks the path; the index and the class are in the leaf.
          const { index, enrolment } = await readProvisioning(
            batch.file("devices", String(position), "provisioning.json"),
          );
          expect(index).to.equal(256 + position);
          expect(bytesToHex(enrolment.root)).to.equal(bytesToHex(batch.facts.manifestRoot));
          expect(() => checkManifest({ ...enrolment, index: index + 1 }, enrolment)).to.throw();
        }
      }),
      { numRuns: 12 },
    );
  });

  it("hands over the secret whose public key the manifest lists, sealed", async () => {
    const batch = await provision([
      { join: "identity-key", keyType: KEY_TYPE.p256, count: 1 },
      { join: "pre-shared-key", count: 1 },
    ]);
    for (const position of [0, 1]) {
      const file = (name: string): string => batch.file("devices", String(position), name);
      const secret = await readDelivery(file, PASSPHRASE);
      const { enrolment } = await readProvisioning(file("provisioning.json"));
      expect(manifestKeyOf(secret)).to.deep.equal(enrolment.key);
      const content = await Promise.all((await readdir(file("."))).map((name) => readFile(file(name), "latin1")));
      const bytes =
        secret.kind === "pre-shared-key"
          ? secret.preSharedKey
          : secret.privateKey.export({ format: "der", type: "pkcs8" });
      for (const text of content) expect(text).not.to.contain(bytesToHex(Uint8Array.from(bytes)));
    }
  });

  it("gives a validator its own channel key of each device, and no other secret", async () => {
    const batch = await provision([elsewhere(2), { join: "pre-shared-key", count: 2 }]);
    const keys = await channelKeys(batch, sealer, ACCOUNT);
    expect([...keys.keys()]).to.deep.equal([2, 3]);
    const secret = await readDelivery((name) => batch.file("devices", "2", name), PASSPHRASE);
    if (secret.kind !== "pre-shared-key") throw new Error("it is no pre-shared key");
    const account = Buffer.from(ACCOUNT.slice(2), "hex");
    expect(keys.get(2)).to.deep.equal(validatorPreSharedKey(secret.preSharedKey, MESH.meshId, account));
    expect((await channelKeys(batch, sealer, `0x${"11".repeat(20)}`)).size).to.equal(0);
  });

  it("moves a batch to other indexes with the same keys", async () => {
    const batch = await provision([elsewhere(3)]);
    const moved = await rebaseBatch(batch, 1_024, CONTEXT);
    expect(bytesToHex(moved.facts.manifestRoot)).not.to.equal(bytesToHex(batch.facts.manifestRoot));
    const before = decodeRecord(await batch.records(), 1);
    const { index, enrolment } = await readProvisioning(moved.file("devices", "1", "provisioning.json"));
    expect([index, enrolment.base]).to.deep.equal([1_025, 1_024]);
    expect(enrolment.key).to.deep.equal(before.key);
    expect((await openBatchFolder(moved.path)).facts).to.deep.equal(moved.facts);
  });

  it("leaves no folder behind where a batch cannot be made, and none is made twice", async () => {
    expect(await failure(() => provision([]))).to.equal("bad-batch-size");
    expect(await readdir(folder)).to.deep.equal(["seal.json"]);
    await provision([elsewhere(1)]);
    expect(await failure(() => provision([elsewhere(1)]))).to.equal("batch-exists");
    expect(await readdir(join(folder, "batches"))).to.deep.equal(["first"]);
  });

  it("refuses records that were cut off or changed", async () => {
    const batch = await provision([elsewhere(1)]);
    expect(() => decodeRecord(new Uint8Array(RECORD_LENGTH).fill(9), 0)).to.throw(/makes no sense/);
    await truncate(batch.file("devices.bin"), 10);
    expect(await failure(() => batch.records())).to.equal("batch-damaged");
  });

  it("makes the manifest of a hundred thousand devices in seconds", () => {
    const count = 100_000;
    const records = new Uint8Array(count * RECORD_LENGTH);
    const salts = randomBytes(32 * count);
    const key = { type: KEY_TYPE.ed25519, bytes: new Uint8Array(32).fill(5) };
    for (let position = 0; position < count; position++) {
      const salt = salts.subarray(32 * position, 32 * position + 32);
      encodeRecord({ joinMethod: JOIN_METHOD.identityKey, key, salt }, records, position);
    }
    expect(manifestOf(records, 0, 0).count).to.equal(count);
  });
});

async function failure(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => "nothing",
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import {
  createSealedKeystore,
  manifestKeyOf,
  openSealedKeystore,
  readDelivery,
  writeDelivery,
} from "../../src/device/keystore.js";
import { initDevice, openDevice } from "../../src/device/open.js";
import { openHeadMemory } from "../../src/device/head-file.js";
import { type DataFolder, openDataFolder } from "../../src/runtime/data-folder.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { expectFailure, keySecret, makeDevice } from "./device-fixture.js";
import { TestMesh } from "./mesh-fixture.js";

describe("the keystore of a device", () => {
  let folder: DataFolder;
  beforeEach(async () => {
    folder = await openDataFolder(await scratchFolder(), "device");
  });
  afterEach(() => folder.close());
  after(removeScratchFolders);

  it("gives back identity and further keys after a restart", async () => {
    const secret = keySecret();
    const keystore = await createSealedKeystore(folder, "passphrase", secret, { cost: LIGHT_KDF });
    const { key } = await keystore.create(KEY_TYPE.p256);
    const again = await openSealedKeystore(folder, "passphrase");
    expect(again.identity.key).to.deep.equal(manifestKeyOf(secret));
    const message = Uint8Array.of(1, 2, 3);
    expect(await (await again.find(key)).sign(message)).to.have.length(64);
  });

  it("opens with its passphrase only, and says so", async () => {
    await createSealedKeystore(folder, "passphrase", keySecret(), { cost: LIGHT_KDF });
    await expectFailure(openSealedKeystore(folder, "another"), "wrong-passphrase");
  });

  it("does not take one key's file for another's, nor a changed one", async () => {
    const keystore = await createSealedKeystore(folder, "passphrase", keySecret(), { cost: LIGHT_KDF });
    await keystore.create(KEY_TYPE.ed25519);
    const [name] = await readdir(folder.file("keys"));
    await writeFile(folder.file("identity.sealed"), await readFile(folder.file("keys", name as string)));
    await expectFailure(openSealedKeystore(folder, "passphrase"), "sealed-file-damaged");
  });

  it("holds no key in the clear", async () => {
    const secret = keySecret();
    await createSealedKeystore(folder, "passphrase", secret, { cost: LIGHT_KDF });
    if (secret.kind !== "key") throw new TypeError("a key");
    const seed = Buffer.from(secret.privateKey.export({ format: "jwk" }).d as string, "base64url");
    for (const name of await readdir(folder.path)) {
      const content = await readFile(folder.file(name));
      expect(
        content.includes(seed) || content.includes(seed.toString("hex")) || content.includes(seed.toString("base64")),
      ).to.equal(false);
    }
  });

  it("is made of a delivery, and a delivery that is not there is not made", async () => {
    const delivery = await scratchFolder();
    const file = (name: string): string => join(delivery, name);
    await expectFailure(readDelivery(file, "passphrase"), "key-missing");
    expect(await readdir(delivery)).to.deep.equal([]);
    const sealer = await openSealer(file("seal.json"), "passphrase", LIGHT_KDF);
    const preSharedKey = new Uint8Array(32).fill(3);
    await writeDelivery(sealer, file, { kind: "pre-shared-key", preSharedKey });
    expect(await readDelivery(file, "passphrase")).to.deep.include({ kind: "pre-shared-key" });
    await expectFailure(readDelivery(file, "another"), "wrong-passphrase");
    expect(() => writeDelivery(sealer, file, { kind: "pre-shared-key", preSharedKey: new Uint8Array(8) })).to.throw(
      "32 bytes",
    );
  });
});

describe("the folder of a device", () => {
  after(removeScratchFolders);

  it("is not made with another device's key", async () => {
    const mesh = await TestMesh.create(4);
    const path = await scratchFolder();
    await expectFailure(initDevice(path, "x", mesh.provision(keySecret()), keySecret()), "wrong-device-key");
    await expectFailure(openDevice(path, "x"), "no-device");
  });

  it("is one process's at a time", async () => {
    const mesh = await TestMesh.create(4);
    const { path, agent } = await makeDevice(mesh);
    await expectFailure(openDevice(path, "correct horse"), "folder-locked");
    await agent.close();
  });

  it("with a damaged request says which file it is, and with damaged measurements goes on", async () => {
    const mesh = await TestMesh.create(4);
    const { store, agent } = await makeDevice(mesh);
    await writeFile(store.folder.file("latencies.json"), "{");
    expect(await store.latencies()).to.deep.equal(new Map());
    await agent.adoptBundle(mesh.bundle);
    for (const content of ["{", "{}", '{"kind":"enrol"}']) {
      await writeFile(store.folder.file("request.json"), content);
      const error = await expectFailure(agent.enrol(), "device-folder-damaged");
      expect(error.message).to.contain("request.json");
    }
    await agent.close();
  });

  it("does not lose the newest head, and refuses a memory that is none", async () => {
    const path = join(await scratchFolder(), "head.json");
    const memory = await openHeadMemory(path);
    memory.remember({ number: 7, issued: 70 }, new Uint8Array(1));
    expect((await openHeadMemory(path)).mark).to.deep.equal({ number: 7, issued: 70 });
    await writeFile(path, '{"number":"7"}');
    await expectFailure(openHeadMemory(path), "head-file-damaged");
  });
});

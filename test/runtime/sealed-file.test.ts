import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { Wallet } from "ethers";
import { bls12_381 } from "@noble/curves/bls12-381.js";

import { readAccountKeystore, writeAccountKeystore } from "../../src/runtime/account-keystore.js";
import { readBlsKeystore, writeBlsKeystore } from "../../src/runtime/bls-keystore.js";
import { SwarmkeepError, exitCode } from "../../src/runtime/errors.js";
import { readPassphrase } from "../../src/runtime/passphrase.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { removeScratchFolders, scratchFolder } from "./scratch.js";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(SwarmkeepError);
    expect((error as SwarmkeepError).advice).to.not.equal("");
    return (error as SwarmkeepError).code;
  }
  return "none";
}

const secret = Uint8Array.from({ length: 32 }, (_, i) => i + 1);

describe("sealed files", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  it("give back what was sealed, across restarts, to the same passphrase and purpose", async () => {
    const first = await openSealer(join(folder, "sealing.json"), "correct horse", LIGHT_KDF);
    await first.write(join(folder, "share"), "share/1", secret);
    const second = await openSealer(join(folder, "sealing.json"), "correct horse");
    expect(await second.read(join(folder, "share"), "share/1")).to.deep.equal(secret);
    expect(await second.readIfPresent(join(folder, "none"), "share/1")).to.equal(undefined);
  });

  it("refuse another passphrase before any file is read", async () => {
    await openSealer(join(folder, "sealing.json"), "correct horse", LIGHT_KDF);
    expect(await codeOf(openSealer(join(folder, "sealing.json"), "wrong horse"))).to.equal("wrong-passphrase");
    expect(exitCode(await openSealer(join(folder, "sealing.json"), "x").catch((error: unknown) => error))).to.equal(3);
  });

  it("do not open in the place of one another, nor after any byte was changed", async () => {
    const sealer = await openSealer(join(folder, "sealing.json"), "correct horse", LIGHT_KDF);
    const path = join(folder, "share");
    await sealer.write(path, "share/1", secret);
    expect(await codeOf(sealer.read(path, "share/2"))).to.equal("sealed-file-damaged");
    const content = await readFile(path);
    for (let i = 0; i < content.length - 1; i++) {
      const changed = Uint8Array.from(content);
      changed[i] = (changed[i] as number) ^ 0x01;
      await writeFile(path, changed);
      const outcome = await sealer.read(path, "share/1").catch((error: unknown) => error);
      // The last base64 digit before padding has bits that mean nothing.
      if (outcome instanceof Uint8Array) expect(outcome).to.deep.equal(secret);
      else expect((outcome as SwarmkeepError).code).to.equal("sealed-file-damaged");
    }
  });

  it("never hold the secret, and cannot be read once the sealing key is wiped", async () => {
    const sealer = await openSealer(join(folder, "sealing.json"), "correct horse", LIGHT_KDF);
    await sealer.write(join(folder, "share"), "share/1", secret);
    for (const name of await readdir(folder)) {
      const content = await readFile(join(folder, name));
      expect(content.includes(Buffer.from(secret)), name).to.equal(false);
      expect(content.includes(Buffer.from(secret).toString("hex")), name).to.equal(false);
      expect(content.includes(Buffer.from(secret).toString("base64")), name).to.equal(false);
    }
    sealer.wipe();
    expect(await codeOf(sealer.read(join(folder, "share"), "share/1"))).to.equal("sealer-closed");
  });

  it("refuse a key derivation that would exhaust the memory", async () => {
    const path = join(folder, "sealing.json");
    await openSealer(path, "correct horse", LIGHT_KDF);
    const header = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    for (const bad of [{ n: 2 ** 40 }, { n: 1000 }, { r: 1e9 }, { p: 0 }, { salt: "00" }, { version: 2 }]) {
      await writeFile(path, JSON.stringify({ ...header, ...bad }));
      expect(await codeOf(openSealer(path, "correct horse")), JSON.stringify(bad)).to.equal("sealed-file-damaged");
    }
  });
});

describe("keystores", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  it("EIP-2335: keeps a BLS secret, refuses a wrong passphrase and other files", async () => {
    const path = join(folder, "bls.json");
    const publicKey = bls12_381.longSignatures.getPublicKey(secret).toBytes(true);
    await writeBlsKeystore(path, "correct horse", { secretKey: secret, publicKey }, "identity", LIGHT_KDF);
    const read = await readBlsKeystore(path, "correct horse");
    expect(Uint8Array.from(read.secretKey)).to.deep.equal(secret);
    expect(Uint8Array.from(read.publicKey)).to.deep.equal(publicKey);
    expect(await codeOf(readBlsKeystore(path, "wrong horse"))).to.equal("wrong-passphrase");
    await writeFile(path, "{}");
    expect(await codeOf(readBlsKeystore(path, "correct horse"))).to.equal("keystore-damaged");
    expect(await codeOf(readBlsKeystore(join(folder, "none"), "correct horse"))).to.equal("file-missing");
  });

  it("EIP-2335: opens the standard's own example, whose passphrase has characters beyond ASCII", async () => {
    // EIP-2335, test vectors, PBKDF2 (fewer seconds than the scrypt one).
    const keystore = {
      crypto: {
        kdf: {
          function: "pbkdf2",
          params: {
            dklen: 32,
            c: 262144,
            prf: "hmac-sha256",
            salt: "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
          },
          message: "",
        },
        checksum: {
          function: "sha256",
          params: {},
          message: "8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1",
        },
        cipher: {
          function: "aes-128-ctr",
          params: { iv: "264daa3f303d7259501c93d997d84fe6" },
          message: "cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad",
        },
      },
      description: "",
      pubkey: "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07",
      path: "m/12381/60/0/0",
      uuid: "64625def-3331-4eea-ab6f-782f3ed16a83",
      version: 4,
    };
    const path = join(folder, "bls.json");
    await writeFile(path, JSON.stringify(keystore));
    const { secretKey } = await readBlsKeystore(path, "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑");
    expect(Buffer.from(secretKey).toString("hex")).to.equal(
      "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    );
  });

  it("Web3 Secret Storage: keeps an account that ethers opens too", async () => {
    const path = join(folder, "account.json");
    const wallet = Wallet.createRandom();
    await writeAccountKeystore(path, "correct horse", wallet, LIGHT_KDF);
    expect(await readAccountKeystore(path, "correct horse")).to.deep.equal({
      address: wallet.address,
      privateKey: wallet.privateKey,
    });
    expect((await Wallet.fromEncryptedJson(await readFile(path, "utf8"), "correct horse")).address).to.equal(
      wallet.address,
    );
    expect(await codeOf(readAccountKeystore(path, "wrong horse"))).to.equal("wrong-passphrase");
    await writeFile(path, "not json");
    expect(await codeOf(readAccountKeystore(path, "correct horse"))).to.equal("keystore-damaged");
  });
});

describe("passphrases", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  it("come from the caller's file, then the environment's file, then the environment", async () => {
    const file = join(folder, "passphrase");
    await writeFile(file, "from a file\n\n", { mode: 0o600 });
    const environment = { SWARMKEEP_PASSPHRASE: "from the environment" };
    expect(await readPassphrase({ file, environment })).to.equal("from a file\n");
    expect(await readPassphrase({ environment: { ...environment, SWARMKEEP_PASSPHRASE_FILE: file } })).to.equal(
      "from a file\n",
    );
    expect(await readPassphrase({ environment })).to.equal("from the environment");
  });

  it("are refused where they are missing, empty, or readable by others", async () => {
    expect(await codeOf(readPassphrase({ environment: {} }))).to.equal("passphrase-missing");
    expect(await codeOf(readPassphrase({ environment: { SWARMKEEP_PASSPHRASE: "" } }))).to.equal("passphrase-empty");
    const file = join(folder, "passphrase");
    await writeFile(file, "open secret\n", { mode: 0o644 });
    expect(await codeOf(readPassphrase({ file, environment: {} }))).to.equal("passphrase-exposed");
    expect(await codeOf(readPassphrase({ file: join(folder, "none"), environment: {} }))).to.equal("file-missing");
  });
});

/** A master and an account that are born inside a PKCS#11 token and never leave it, tried against SoftHSM2. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { Transaction, keccak256, recoverAddress } from "ethers";

import { createMaster, createTokenMaster, findMaster, openMaster } from "../../src/operator/shard-master.js";
import {
  type RegistrarFolder,
  createRegistrarFolder,
  openRegistrarFolder,
} from "../../src/operator/registrar-folder.js";
import { SwarmkeepError } from "../../src/runtime/errors.js";
import { formatMeshFile } from "../../src/runtime/mesh-file.js";
import { readPin } from "../../src/runtime/passphrase.js";
import { createTokenSigner, openTokenKey } from "../../src/runtime/pkcs11.js";
import { LIGHT_KDF } from "../../src/runtime/sealed-file.js";
import { openTokenAccount } from "../../src/runtime/token-account.js";
import { type KeySource, deviceRoot, deviceShardKeys, nextChain } from "../../src/shards/derivation.js";
import { decodeEntry } from "../../src/shards/entry.js";
import { generateDevice } from "../../src/shards/generate.js";
import { withSeed } from "../../src/shards/reconstruct.js";
import { SCHEME } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { PASSPHRASE, expectSentence, swarmkeep } from "../cli/command-line.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { TEST_MESH } from "../runtime/test-mesh-file.js";

const MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
const module = MODULES.find((path) => existsSync(path));
const PIN = "2468";
const { meshId } = TEST_MESH;

/** The binding as a stranger with the PIN would use it. */
interface Pkcs11 {
  load(path: string): void;
  C_GetSlotList(present: boolean): Buffer[];
  C_GetTokenInfo(slot: Buffer): { readonly label: string };
  C_OpenSession(slot: Buffer, flags: number): Buffer;
  C_CloseAllSessions(slot: Buffer): void;
  C_Login(session: Buffer, user: number, pin: string): void;
  C_FindObjectsInit(session: Buffer, template: object[]): void;
  C_FindObjects(session: Buffer, maximum: number): Buffer[];
  C_FindObjectsFinal(session: Buffer): void;
  C_GetAttributeValue(session: Buffer, key: Buffer, wanted: object[]): { readonly value: Buffer }[];
  C_CreateObject(session: Buffer, template: object[]): Buffer;
}
const binding = "pkcs11js";
const PKCS11 = await import(binding).then(
  (loaded: { readonly default: { readonly PKCS11: new () => Pkcs11 } }) => loaded.default.PKCS11,
  () => undefined,
);

async function failure(work: Promise<unknown>): Promise<SwarmkeepError> {
  const error: unknown = await work.then(
    () => undefined,
    (raised: unknown) => raised,
  );
  expect(error).to.be.instanceOf(SwarmkeepError);
  return error as SwarmkeepError;
}

describe("keys in a PKCS#11 token", () => {
  if (module === undefined || PKCS11 === undefined) {
    it.skip("install softhsm2, and by npm pkcs11js, to run these");
    return;
  }
  const place = { module, token: "fleet", key: "master" };
  const pin = (): Promise<string> => Promise.resolve(PIN);
  const inherited = process.env["SOFTHSM2_CONF"];
  let folder = "";
  const registrars: RegistrarFolder[] = [];
  const registrar = async (name: string): Promise<RegistrarFolder> => {
    const made = await createRegistrarFolder(join(folder, name), PASSPHRASE, TEST_MESH, LIGHT_KDF);
    registrars.push(made);
    return made;
  };
  const slotOf = (pkcs11: Pkcs11, label: string): Buffer =>
    pkcs11.C_GetSlotList(true).find((slot) => pkcs11.C_GetTokenInfo(slot).label.trim() === label) as Buffer;
  const stranger = (): Pkcs11 => {
    const pkcs11 = new PKCS11();
    pkcs11.load(module);
    return pkcs11;
  };

  before(async () => {
    folder = await scratchFolder();
    await mkdir(join(folder, "tokens"));
    const configuration = join(folder, "softhsm2.conf");
    await writeFile(configuration, `directories.tokendir = ${join(folder, "tokens")}\nlog.level = ERROR\n`);
    process.env["SOFTHSM2_CONF"] = configuration;
    for (const label of ["fleet", "other"]) {
      const words = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "13579"];
      execFileSync("softhsm2-util", words, { stdio: "ignore" });
    }
    await writeFile(join(folder, "mesh.json"), formatMeshFile(TEST_MESH));
  });
  after(async () => {
    for (const one of registrars) await one.close();
    if (inherited === undefined) delete process.env["SOFTHSM2_CONF"];
    else process.env["SOFTHSM2_CONF"] = inherited;
    await removeScratchFolders();
  });

  it("derives roots, chains and streams inside: devices rebuild their keys as from a file's", async () => {
    const own = await registrar("a");
    expect(await createTokenMaster(own, place, PIN)).to.equal(true);
    expect(await readdir(own.folder.file("shards"))).to.deep.equal(["token.json"]);
    const context = { meshId, device: 3, version: 1 };
    const seeds: string[] = [];
    const sharing = { scheme: SCHEME.shamir, threshold: 2, shards: 3 } as const;
    const build = async (source: KeySource): Promise<void> => {
      const chain = await nextChain(source, meshId, 1);
      const oneTime = { count: 0, type: KEY_TYPE.ed25519 };
      const made = await generateDevice(context, { source, chain, sharing, oneTime });
      const root = await deviceRoot(source, meshId, 3);
      const sealed = new Map(made.shards.slice(1).map(({ bytes }, i) => [i + 1, bytes]));
      const use = (seed: Uint8Array): string => Buffer.from(seed).toString("hex");
      seeds.push(await withSeed(root, context, { entry: decodeEntry(made.entry), sealed }, use));
      expect(deviceShardKeys(root).naming).to.have.length(32);
      await source.close();
    };
    await build(await openMaster(own, pin));
    await build(await openMaster(own, pin));
    // A salt of its own each time, so other seeds; the root is the same, or nothing would have opened.
    expect(new Set(seeds).size).to.equal(2);
  });

  it("never gives the key out, to nobody who has the PIN", async () => {
    const source = await openTokenKey(place, PIN);
    const pkcs11 = stranger();
    const session = pkcs11.C_OpenSession(slotOf(pkcs11, "fleet"), 4);
    pkcs11.C_FindObjectsInit(session, [{ type: 3, value: "master" }]);
    const [key = Buffer.alloc(0)] = pkcs11.C_FindObjects(session, 1);
    pkcs11.C_FindObjectsFinal(session);
    expect(() => pkcs11.C_GetAttributeValue(session, key, [{ type: 0x11 }])).to.throw(/CKR_ATTRIBUTE_SENSITIVE/);
    source.close();
    pkcs11.C_CloseAllSessions(slotOf(pkcs11, "fleet"));
  });

  it("is taken up again by a folder that lost its file, and is the same", async () => {
    const [first, second] = [await openMaster(registrars[0] as RegistrarFolder, pin), await registrar("b")];
    expect(await createTokenMaster(second, place, PIN)).to.equal(false);
    const again = await openMaster(second, pin);
    expect(await deviceRoot(again, meshId, 1)).to.deep.equal(await deviceRoot(first, meshId, 1));
    await first.close();
    await again.close();
    expect((await failure(createMaster(second))).code).to.equal("shard-master-exists");
    expect((await failure(createTokenMaster(second, place, PIN))).code).to.equal("shard-master-exists");
  });

  it("says in a sentence which of PIN, token, key and module is wrong, and makes nothing then", async () => {
    const none = await registrar("c");
    const told = async (wrong: Partial<typeof place>, given = PIN): Promise<string> =>
      (await failure(createTokenMaster(none, { ...place, ...wrong }, given))).code;
    expect(await told({}, "0000")).to.equal("wrong-pin");
    expect(await told({}, "")).to.equal("wrong-pin");
    expect(await told({ token: "elsewhere" })).to.equal("token-absent");
    expect(await told({ module: join(folder, "none.so") })).to.equal("pkcs11-module");
    expect(await readdir(none.folder.file("shards"))).to.deep.equal([]);
    expect(await findMaster(none, pin)).to.equal(undefined);

    const absent = await failure(openTokenKey({ ...place, token: "elsewhere" }, PIN));
    expect(absent.message).to.contain('"elsewhere"').and.to.contain('"fleet"');
    const key = await failure(openTokenKey({ ...place, token: "other" }, PIN));
    expect(key.code).to.equal("token-key-absent");
    const wrong = await failure(openMaster(registrars[0] as RegistrarFolder, () => Promise.resolve("0000")));
    expect(wrong.code).to.equal("wrong-pin");
    expect((await failure(readPin({ environment: {} }))).code).to.equal("pin-missing");
  });

  it("refuses a key that came from outside, and another key under its label", async () => {
    const pkcs11 = stranger();
    const session = pkcs11.C_OpenSession(slotOf(pkcs11, "other"), 6);
    pkcs11.C_Login(session, 1, PIN);
    pkcs11.C_CreateObject(session, [
      { type: 0x0, value: 4 },
      { type: 0x100, value: 0x10 },
      { type: 0x3, value: "brought" },
      { type: 0x1, value: true },
      { type: 0x108, value: true },
      { type: 0x11, value: Buffer.alloc(32, 9) },
    ]);
    const brought = await failure(openTokenKey({ ...place, token: "other", key: "brought" }, PIN));
    expect(brought.code).to.equal("token-key-exportable");
    pkcs11.C_CloseAllSessions(slotOf(pkcs11, "other"));

    const own = await registrar("d");
    await createTokenMaster(own, { ...place, token: "other" }, PIN);
    const path = own.folder.file("shards", "token.json");
    const file = await readFile(path, "utf8");
    await writeFile(path, file.replace('"other"', '"fleet"'));
    expect((await failure(openMaster(own, pin))).code).to.equal("wrong-master");
    await writeFile(path, file.slice(1));
    expect((await failure(openMaster(own, pin))).code).to.equal("folder-damaged");
  });

  it("goes on in a new session where the token ended the one before", async () => {
    const source = await openTokenKey(place, PIN);
    const message = new Uint8Array(100);
    const mac = source.mac(message);
    const pkcs11 = stranger();
    pkcs11.C_CloseAllSessions(slotOf(pkcs11, "fleet"));
    expect(() => source.mac(message)).to.throw(SwarmkeepError, "the token fleet failed");
    expect(source.mac(message)).to.deep.equal(mac);
    source.close();
  });

  describe("of a registrar's account", () => {
    const at = { ...place, key: "account" };

    it("signs transactions and statements as ethers does, low s always, and cannot be read", async () => {
      expect(await createTokenSigner(at, PIN)).to.equal(true);
      expect(await createTokenSigner(at, PIN)).to.equal(false);
      const { wallet, close } = await openTokenAccount(at, PIN);
      for (let i = 0; i < 40; i++) {
        const digest = keccak256(Uint8Array.of(i));
        const signature = wallet.signingKey.sign(digest);
        // ethers takes no high s.
        expect(recoverAddress(digest, signature.serialized)).to.equal(wallet.address);
      }
      const transaction = Transaction.from({ to: wallet.address, chainId: 1, nonce: 3, gasLimit: 21_000, type: 2 });
      expect(Transaction.from(await wallet.signTransaction(transaction)).from).to.equal(wallet.address);
      expect(() => wallet.privateKey).to.throw(SwarmkeepError, "does not leave the token");
      const pkcs11 = stranger();
      const session = pkcs11.C_OpenSession(slotOf(pkcs11, "fleet"), 4);
      pkcs11.C_FindObjectsInit(session, [
        { type: 0x3, value: "account" },
        { type: 0x0, value: 3 },
      ]);
      const [key = Buffer.alloc(0)] = pkcs11.C_FindObjects(session, 1);
      pkcs11.C_FindObjectsFinal(session);
      expect(() => pkcs11.C_GetAttributeValue(session, key, [{ type: 0x11 }])).to.throw(/CKR_ATTRIBUTE_SENSITIVE/);
      close();
      pkcs11.C_CloseAllSessions(slotOf(pkcs11, "fleet"));
    });

    it("is the registrar's by fleet init, opened with the PIN, and no other one in its place", async () => {
      const made = await createRegistrarFolder(join(folder, "t"), PASSPHRASE, TEST_MESH, LIGHT_KDF, {
        place: at,
        pin: PIN,
        mayExist: true,
      });
      const { address } = made;
      await made.close();
      expect(await readdir(join(folder, "t"))).to.not.include("account.json");
      const again = await openRegistrarFolder(join(folder, "t"), PASSPHRASE, pin);
      expect(again.address).to.equal(address);
      await again.close();
      const open = (given: string) => openRegistrarFolder(join(folder, "t"), PASSPHRASE, () => Promise.resolve(given));
      expect((await failure(open("0000"))).code).to.equal("wrong-pin");
      await createTokenSigner({ ...at, token: "other" }, PIN);
      const path = join(folder, "t", "token.json");
      const file = await readFile(path, "utf8");
      await writeFile(path, file.replace('"fleet"', '"other"'));
      expect((await failure(open(PIN))).code).to.equal("wrong-account");
      await writeFile(path, file.slice(1));
      expect((await failure(open(PIN))).code).to.equal("folder-damaged");

      const none = createRegistrarFolder(join(folder, "u"), PASSPHRASE, TEST_MESH, LIGHT_KDF, {
        place: { ...at, token: "elsewhere" },
        pin: PIN,
        mayExist: true,
      });
      expect((await failure(none)).code).to.equal("token-absent");
      const taken = createRegistrarFolder(join(folder, "v"), PASSPHRASE, TEST_MESH, LIGHT_KDF, {
        place: at,
        pin: PIN,
        mayExist: false,
      });
      expect((await failure(taken)).code).to.equal("token-key-exists");
      expect(await readdir(join(folder, "v"))).to.not.include("token.json");
    });
  });

  it("is made by shards init and fleet init, the PIN from a file", async () => {
    const data = join(folder, "cli");
    const secrets = join(folder, "pin");
    await writeFile(secrets, `${PIN}\n`, { mode: 0o600 });
    const environment = { SWARMKEEP_PASSPHRASE: PASSPHRASE, SWARMKEEP_PIN_FILE: secrets };
    await swarmkeep(["fleet", "init", "--mesh", join(folder, "mesh.json"), "--data", data, "--fast-keystore"]);
    const init = (...words: string[]) => swarmkeep(["shards", "init", "--data", data, ...words], environment);
    expectSentence(await init("--pkcs11", module), "usage", "option-missing");
    const made = await init("--pkcs11", module, "--token", "fleet");
    expect(made.code, made.stderr).to.equal(0);
    expect(made.stdout).to.contain("inside the token fleet");
    expectSentence(await init(), "usage", "shard-master-exists");

    const words = ["fleet", "init", "--mesh", join(folder, "mesh.json"), "--data", join(folder, "cli-token")];
    expectSentence(await swarmkeep([...words, "--token", "fleet"], environment), "usage", "option-missing");
    const account = await swarmkeep(
      [...words, "--pkcs11", module, "--token", "fleet", "--fast-keystore", "--json"],
      environment,
    );
    expect(account.code, account.stderr).to.equal(0);
    const opened = await openRegistrarFolder(join(folder, "cli-token"), PASSPHRASE, pin);
    expect(JSON.parse(account.stdout)).to.include({ account: opened.address });
    await opened.close();
  });
});

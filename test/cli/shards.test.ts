/** `swarmkeep shards` where it needs no mesh: what a device signed is verified offline, and what is wrong is told in a sentence. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { encodeOneTimeSignature, messageDigest, oneTimeRoot, signOnce } from "../../src/shards/one-time-keys.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { hasDataFolder } from "../../src/runtime/data-folder.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { expectSentence, swarmkeep } from "./command-line.js";

const COUNT = 4;
const seed = new Uint8Array(32).fill(9);

describe("swarmkeep shards", () => {
  let folder = "";
  const file = (name: string): string => join(folder, name);
  before(async () => {
    folder = await scratchFolder();
  });
  after(removeScratchFolders);

  it("verifies a signature by a one-time key, and refuses another file, root, or a second use", async () => {
    await writeFile(file("firmware"), "release 7");
    await writeFile(file("other"), "release 8");
    const digest = await messageDigest([new TextEncoder().encode("release 7")]);
    const signature = encodeOneTimeSignature(signOnce(seed, 2, COUNT, KEY_TYPE.ed25519, digest));
    await writeFile(file("signature"), signature);
    const root = Buffer.from(oneTimeRoot(seed, COUNT, KEY_TYPE.ed25519)).toString("hex");
    const verify = (what: string, under: string, ...rest: string[]) =>
      swarmkeep(["shards", "verify", file(what), "--signature", file("signature"), "--root", under, ...rest]);

    const good = await verify("firmware", root, "--used", file("used.json"));
    expect(good.stderr).to.equal("");
    expect(good.stdout).to.contain("key 2 of 4");
    expect(JSON.parse(await readFile(file("used.json"), "utf8"))).to.deep.equal({ [root]: [2] });
    expectSentence(await verify("firmware", root, "--used", file("used.json")), "refused", "key-used");
    expectSentence(await verify("other", root), "refused", "bad-signature");
    expectSentence(await verify("firmware", "00".repeat(32)), "refused", "bad-signature");
    expectSentence(await verify("nothing", root), "environment", "file-unreadable");
    await writeFile(file("used.json"), "[");
    expectSentence(await verify("firmware", root, "--used", file("used.json")), "environment", "used-list-damaged");
    await writeFile(file("signature"), signature.subarray(1));
    expectSentence(await verify("firmware", root), "refused", "malformed");
  });

  it("says what is missing before it asks a ledger", async () => {
    const data = ["--data", file("nowhere")];
    expectSentence(await swarmkeep(["shards", "generate", "--fleet", "1", ...data]), "usage", "no-registrar");
    expectSentence(await swarmkeep(["shards", "generate", "--fleet", "x", ...data]), "usage", "bad-number");
    const scheme = ["--scheme", "xor"];
    expectSentence(await swarmkeep(["shards", "generate", "--fleet", "1", ...scheme, ...data]), "usage", "bad-choice");
    expectSentence(await swarmkeep(["shards", "limit", "--scope", "geo:u33", ...data]), "usage", "option-conflict");
    expectSentence(await swarmkeep(["device", "reconstruct", ...data]), "usage", "no-device");
    const holder = ["holder", "init", "--data", join(folder, "holder"), "--fast-keystore"];
    expectSentence(await swarmkeep([...holder, "--listen", "nowhere"]), "usage", "bad-endpoint");
    expectSentence(await swarmkeep([...holder, "--listen", "127.0.0.1:1", "--quota", "0"]), "usage", "bad-number");
    const listening = [...holder, "--listen", "127.0.0.1:1"];
    expectSentence(await swarmkeep([...listening, "--ipfs-peer", "127.0.0.1:4001"]), "usage", "option-missing");
    expectSentence(await swarmkeep([...listening, "--ipfs", "nowhere"]), "usage", "bad-endpoint");
    expect(await hasDataFolder(join(folder, "holder"))).to.equal(false);

    const ipfs = [...listening, "--ipfs", "127.0.0.1:4001", "--ipfs-peer", "127.0.0.1:4002", "127.0.0.1:4003"];
    expectSentence(await swarmkeep(ipfs), "usage", "ipfs-network");
    const network = join(folder, "swarm.key");
    const [made, key] = [await swarmkeep([...ipfs, "--ipfs-network", network]), await readFile(network, "utf8")];
    expect([made.code, key.length]).to.deep.equal([0, 96]);
    expect((await swarmkeep(ipfs)).code, "a second run keeps the key").to.equal(0);
    const settings = JSON.parse(await readFile(join(folder, "holder", "holder.json"), "utf8")) as object;
    expect(settings).to.have.deep.property("ipfs", {
      listen: "127.0.0.1:4001",
      peers: ["127.0.0.1:4002", "127.0.0.1:4003"],
    });
    expect(await readFile(join(folder, "holder", "ipfs.sealed"), "utf8")).not.to.include(key.split("\n")[2]);
    await writeFile(network, key.slice(1));
    expectSentence(await swarmkeep([...ipfs, "--ipfs-network", network]), "usage", "ipfs-network");
  });
});

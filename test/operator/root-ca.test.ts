import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { nobleSignatures } from "../../src/certificate/signatures.js";
import { adoptRoot, createRoot, openRoot } from "../../src/operator/root-ca.js";
import { LIGHT_KDF, type Sealer, openSealer } from "../../src/runtime/sealed-file.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { withTool } from "../tools.js";

const P256_HALF_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n / 2n;
const MESSAGE = new Uint8Array(32).fill(3);

function s(signature: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
}

describe("root CA", () => {
  let folder: string;
  let sealer: Sealer;

  beforeEach(async () => {
    folder = await scratchFolder();
    sealer = await openSealer(join(folder, "seal.json"), "passphrase", LIGHT_KDF);
  });
  afterEach(removeScratchFolders);

  it("signs with s in the lower half, as the ledger demands", async () => {
    const root = await createRoot(folder, sealer, "Root", 1_800_000_000);
    for (let i = 0; i < 16; i++) {
      const signature = await root.sign("message", MESSAGE);
      expect(s(signature) <= P256_HALF_ORDER).to.equal(true);
      expect(nobleSignatures.verifyP256(root.key.bytes, MESSAGE, signature)).to.equal(true);
    }
    expect((await openRoot(folder, sealer)).key).to.deep.equal(root.key);
  });

  withTool("openssl", "a root CA whose key is elsewhere", () => {
    const openssl = (...words: string[]): void => {
      execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
    };

    beforeEach(() => {
      const name = ["-subj", "/CN=Elsewhere", "-days", "30"];
      const authority = ["basicConstraints=critical,CA:TRUE,pathlen:1", "keyUsage=critical,keyCertSign,cRLSign"];
      const command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out external.pem";
      openssl(...command.split(" "), ...name, ...authority.flatMap((extension) => ["-addext", extension]));
    });

    it("writes what is to be signed, and takes the signature that OpenSSL made of it", async () => {
      await adoptRoot(folder, await readFile(join(folder, "external.pem"), "utf8"));
      await mkdir(join(folder, "to-sign"));
      const root = await openRoot(folder, sealer);
      expect(await failure(() => root.sign("genesis", MESSAGE))).to.equal("root-signature-needed");
      expect(new Uint8Array(await readFile(join(folder, "to-sign", "genesis.bin")))).to.deep.equal(MESSAGE);

      openssl("dgst", "-sha256", "-sign", "key.pem", "-out", "to-sign/genesis.sig", "to-sign/genesis.bin");
      const signature = await root.sign("genesis", MESSAGE);
      expect(s(signature) <= P256_HALF_ORDER).to.equal(true);
      expect(nobleSignatures.verifyP256(root.key.bytes, MESSAGE, signature)).to.equal(true);
    });

    it("does not take a signature of something else, or bytes that are none", async () => {
      await adoptRoot(folder, await readFile(join(folder, "external.pem"), "utf8"));
      await mkdir(join(folder, "to-sign"));
      const root = await openRoot(folder, sealer);
      await writeFile(join(folder, "other.bin"), "other");
      openssl("dgst", "-sha256", "-sign", "key.pem", "-out", "to-sign/genesis.sig", "other.bin");
      expect(await failure(() => root.sign("genesis", MESSAGE))).to.equal("root-signature-needed");
      await writeFile(join(folder, "to-sign", "genesis.sig"), "no DER");
      expect(await failure(() => root.sign("genesis", MESSAGE))).to.equal("root-signature-needed");
    });
  });
});

async function failure(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => "nothing",
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { fingerprintOf, formatMeshFile } from "../../src/runtime/mesh-file.js";
import { type TestChain, startChain } from "../ledger/support/chain.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { EXIT, PASSPHRASE, expectSentence, swarmkeep } from "./command-line.js";

const ACCOUNT = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

async function member(folder: string, number: number, fields: object = {}): Promise<string> {
  const path = join(folder, `member-${number}.json`);
  const account = `0x${number.toString(16).padStart(40, "1")}`;
  const operator = `0x${number.toString(16).padStart(64, "0")}`;
  await writeFile(path, JSON.stringify({ account, operator, ...fields }));
  return path;
}

describe("mesh init", () => {
  afterEach(removeScratchFolders);

  it("makes a root CA, an account and parameters that only their owner can read", async () => {
    const folder = join(await scratchFolder(), "operator");
    const made = await swarmkeep(["mesh", "init", "--data", folder, "--local", "--json"]);
    expect(made.code, made.stderr).to.equal(0);
    const fields = JSON.parse(made.stdout) as Record<string, string>;
    expect(fields["account"]).to.match(/^0x[0-9a-fA-F]{40}$/);
    expect(fields["rootFingerprint"]).to.match(/^[0-9a-f]{64}$/);
    const files = await Promise.all(
      (await readdir(folder)).map(async (name) => (await readFile(join(folder, name))).toString("latin1")),
    );
    for (const text of files) expect(text).not.to.match(/PRIVATE KEY|"privateKey"/);
    expect(made.stdout + made.stderr).not.to.contain(PASSPHRASE);
  });

  it("never overwrites keys", async () => {
    const folder = await scratchFolder();
    const made = await swarmkeep(["mesh", "init", "--data", folder, "--fast-keystore"]);
    expect(made.stdout).to.contain(`swarmkeep mesh deploy --data ${folder}\n`);
    const before = await readFile(join(folder, "root-key.sealed"), "utf8");
    expectSentence(await swarmkeep(["mesh", "init", "--data", folder, "--fast-keystore"]), "usage", "operator-exists");
    expect(await readFile(join(folder, "root-key.sealed"), "utf8")).to.equal(before);
  });

  it("asks for a passphrase, and leaves nothing behind without one", async () => {
    const folder = join(await scratchFolder(), "operator");
    expectSentence(
      await swarmkeep(["mesh", "init", "--data", folder, "--fast-keystore"], {}),
      "usage",
      "passphrase-missing",
    );
    expect(await readdir(join(folder, "..")).catch(() => [])).to.deep.equal([]);
  });

  it("refuses a root certificate that cannot found a mesh, and leaves no account behind", async () => {
    const folder = await scratchFolder();
    const pem = join(folder, "bad.pem");
    await writeFile(pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const operator = join(folder, "operator");
    const outcome = await swarmkeep(["mesh", "init", "--data", operator, "--external-root", pem]);
    expectSentence(outcome, "usage", "bad-root");
    expect(await readdir(operator)).not.to.contain("account.json");
  });
});

describe("mesh deploy, certify and grant", () => {
  let chain: TestChain;
  let folder: string;
  let operator: string;

  before(async () => {
    chain = await startChain();
    folder = await scratchFolder();
    operator = join(folder, "operator");
    expect((await swarmkeep(["mesh", "init", "--data", operator, "--local", "--fast-keystore"])).code).to.equal(0);
  });
  after(async () => {
    await chain.close();
    await removeScratchFolders();
  });

  function deploy(...words: string[]): ReturnType<typeof swarmkeep> {
    return swarmkeep(["mesh", "deploy", "--data", operator, "--own-node", ...words]);
  }

  async function members(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, (_, i) => member(folder, i + 1)));
  }

  it("says which option is missing", async () => {
    const { code, stderr } = await swarmkeep(["mesh", "deploy", "--data", operator]);
    expect(code).to.equal(EXIT.usage);
    expect(stderr).to.match(/^error: required option '--rpc/);
  });

  it("refuses too few members before anything is sent", async () => {
    const few = await members(3);
    const outcome = await deploy("--rpc", chain.url, "--chain-id", "31337", "--member", ...few);
    expectSentence(outcome, "usage", "too-few-members");
    expect(await readdir(operator)).not.to.contain("deployment.json");
  });

  it("refuses the same operator twice", async () => {
    const twice = [...(await members(7)), await member(folder, 8, { operator: `0x${"1".padStart(64, "0")}` })];
    expectSentence(
      await deploy("--rpc", chain.url, "--chain-id", "31337", "--member", ...twice),
      "usage",
      "member-twice",
    );
  });

  it("refuses another network than the one that was named", async () => {
    const outcome = await deploy("--rpc", chain.url, "--chain-id", "1", "--member", ...(await members(7)));
    expectSentence(outcome, "usage", "wrong-chain");
  });

  it("says that no ledger answers", async () => {
    const outcome = await deploy(
      "--rpc",
      "http://127.0.0.1:9",
      "--chain-id",
      "31337",
      "--member",
      ...(await members(7)),
    );
    expectSentence(outcome, "network", "refused");
  });

  it("does not believe a single endpoint that is not one's own", async () => {
    const words = ["mesh", "deploy", "--data", operator, "--rpc", chain.url, "--chain-id", "31337", "--member"];
    expectSentence(await swarmkeep([...words, ...(await members(7))]), "usage", "too-few-endpoints");
  });

  it("takes addresses of nodes, and no other words, for endpoints", async () => {
    for (const rpc of ["hello", "ftp://127.0.0.1", "http://", "127.0.0.1:8545"]) {
      const outcome = await deploy("--rpc", rpc, "--chain-id", "31337", "--member", ...(await members(7)));
      expectSentence(outcome, "usage", "bad-url");
      expect(outcome.stderr).to.include(JSON.stringify(rpc));
    }
  });

  it("names the account that has no funds", async () => {
    const outcome = await deploy("--rpc", chain.url, "--chain-id", "31337", "--member", ...(await members(7)));
    expectSentence(outcome, "environment", "no-funds");
    expect(outcome.stderr).to.match(/0x[0-9a-fA-F]{40}/);
    expect(await readdir(operator)).not.to.contain("mesh.json");
  });

  it("names the field of a member file that makes no sense", async () => {
    const bad = await member(folder, 9, { account: "0x12" });
    const outcome = await deploy("--rpc", chain.url, "--chain-id", "31337", "--member", bad);
    expectSentence(outcome, "usage", "bad-member");
    expect(outcome.stderr).to.contain("account takes an address");
  });

  it("names the parameter that makes no sense", async () => {
    const path = join(operator, "mesh-parameters.json");
    const good = await readFile(path, "utf8");
    await writeFile(path, good.replace('"headSeconds": 10', '"headSeconds": 11'));
    const outcome = await deploy("--rpc", chain.url, "--chain-id", "31337", "--member", ...(await members(7)));
    await writeFile(path, good);
    expectSentence(outcome, "usage", "bad-parameters");
    expect(outcome.stderr).to.contain("headSeconds takes a multiple of tickSeconds");
  });

  it("refuses a wrong passphrase", async () => {
    const outcome = await swarmkeep(["mesh", "certify", "--data", operator], { SWARMKEEP_PASSPHRASE: "wrong" });
    expectSentence(outcome, "environment", "wrong-passphrase");
  });

  it("says what comes before certifying, granting, admitting and naming a successor", async () => {
    expectSentence(await swarmkeep(["mesh", "certify", "--data", operator]), "usage", "no-mesh-file");
    for (const command of ["grant", "admit", "succeed", "rekey", "resize", "object", "recover"]) {
      expectSentence(await swarmkeep(["mesh", command, "--data", folder]), "usage", "no-operator");
    }
  });

  it("refuses a malformed proposal", async () => {
    const path = join(folder, "grant.json");
    await writeFile(path, "{");
    for (const command of ["grant", "admit", "succeed", "rekey", "resize", "object"]) {
      const outcome = await swarmkeep(["mesh", command, "--statement", path, "--data", operator]);
      expectSentence(outcome, "usage", "bad-statement");
    }
    expectSentence(
      await swarmkeep(["validator", "approve", "--statement", path, "--data", operator]),
      "usage",
      "bad-statement",
    );
  });

  describe("status of another mesh than the file's", () => {
    const rootCertificate = new Uint8Array(300).fill(1);

    async function meshFile(name: string, fields: object): Promise<string> {
      const path = join(folder, name);
      await mkdir(folder, { recursive: true });
      const file = {
        meshId: new Uint8Array(32).fill(7),
        chainId: 31337n,
        anchor: ACCOUNT,
        deployedBlock: 0,
        rpc: [chain.url],
        ownNode: true,
        rootCertificate,
        rootFingerprint: fingerprintOf(rootCertificate),
        ...fields,
      };
      await writeFile(path, formatMeshFile(file));
      return path;
    }

    it("no contract at the address", async () => {
      const path = await meshFile("nowhere.json", {});
      expectSentence(await swarmkeep(["mesh", "status", "--mesh", path]), "usage", "no-mesh");
    });

    it("another chain", async () => {
      const path = await meshFile("chain.json", { chainId: 5n });
      expectSentence(await swarmkeep(["mesh", "status", "--mesh", path]), "usage", "wrong-chain");
    });

    it("a ledger that is away", async () => {
      const path = await meshFile("away.json", { rpc: ["http://127.0.0.1:9"] });
      expectSentence(await swarmkeep(["mesh", "status", "--mesh", path]), "network", "refused");
    });

    it("a file that is none", async () => {
      const path = join(folder, "none.json");
      await writeFile(path, "[]");
      expectSentence(await swarmkeep(["mesh", "status", "--mesh", path]), "environment", "mesh-file-damaged");
    });
  });
});

/** Scenario: what the swarm decides about itself, statement by statement, each approved by operators on their own machines. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { Wallet } from "ethers";

import { quorumOf } from "../../src/statements/quorum.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { command, succeed } from "./processes.js";
import type { ValidatorProcess } from "./validator-process.js";
import { eventually, freePorts } from "./waiting.js";

describe("governance of a swarm of processes", function () {
  this.timeout(300_000);
  let mesh: LocalMesh;
  let newcomer: ValidatorProcess;
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
    newcomer = await mesh.makeValidator(mesh.size + 1, await freePorts(3));
    await mesh.fund([newcomer.place.account]);
  });
  after(async () => {
    await newcomer.kill();
    await rm(newcomer.place.folder, { recursive: true, force: true });
  });

  const mine = (name: string): string => join(mesh.folder, name);
  const operator = (): string => `--data=${join(mesh.folder, "operator")}`;

  function approve(seat: number, statement: string): Promise<string> {
    const { folder } = mesh.validator(seat).place;
    return succeed(["validator", "approve", `--data=${folder}`, `--statement=${statement}`, "--yes"]);
  }

  /** Submits a statement and expects the swarm not to sign it. */
  async function refused(name: string, statement: string): Promise<string> {
    const { code, stderr } = await command(["mesh", name, operator(), `--statement=${statement}`]).ended;
    expect(code, stderr).to.be.greaterThan(0);
    return stderr;
  }

  it("admits a validator once a quorum of operators approved it, and not before; it registers with its stake", async () => {
    const { registry } = mesh.ledger.contracts;
    const { t } = quorumOf(mesh.size);
    const { account, folder } = newcomer.place;
    const statement = mine("admission.json");
    await succeed(["mesh", "admit", operator(), `--member=${join(folder, "member.json")}`, `--out=${statement}`]);
    for (let seat = 1; seat < t; seat++) await approve(seat, statement);
    expect(await refused("admit", statement)).to.include("not-approved");

    // An approval is of every word: whoever approved another expiry has not approved this.
    const other = mine("other.json");
    const proposal = JSON.parse(await readFile(statement, "utf8")) as { expiry: number };
    await writeFile(other, JSON.stringify({ ...proposal, expiry: proposal.expiry + 1 }));
    await approve(t, other);
    expect(await refused("admit", statement)).to.include("not-approved");

    await approve(t, statement);
    await succeed(["mesh", "admit", operator(), `--statement=${statement}`]);
    await newcomer.start();
    await eventually("the newcomer is a candidate", async () =>
      (await registry.eligible(account)) ? true : undefined,
    );
    expect((await registry.candidates()).map((one) => one.toLowerCase())).to.include(account.toLowerCase());
  });

  it("names its successor once and for ever", async () => {
    const { anchor } = mesh.ledger.contracts;
    const { t } = quorumOf(mesh.size);
    const file = mine("next-mesh.json");
    const statement = mine("successor.json");
    const here = JSON.parse(await readFile(mesh.meshFile, "utf8")) as object;
    const elsewhere = { ...here, meshId: `0x${"5e".repeat(32)}` };
    await writeFile(file, JSON.stringify(elsewhere));
    const onItself = await command(["mesh", "succeed", operator(), `--successor=${file}`, `--out=${statement}`]).ended;
    expect(onItself.code).to.be.greaterThan(0);
    expect(onItself.stderr).to.include("not its own successor");
    const next = { ...elsewhere, anchor: Wallet.createRandom().address };
    await writeFile(file, JSON.stringify(next));
    await succeed(["mesh", "succeed", operator(), `--successor=${file}`, `--out=${statement}`]);
    for (let seat = 1; seat <= t; seat++) await approve(seat, statement);
    await succeed(["mesh", "succeed", operator(), `--statement=${statement}`]);
    expect((await anchor.successor()).meshId).to.equal(next.meshId);
    expect(await refused("succeed", statement)).to.include("SuccessorAlreadyNamed");
  });
});

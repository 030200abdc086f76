/** Scenario: what the swarm decides about itself, statement by statement, each approved by operators on their own machines. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { Wallet } from "ethers";

import { openDevice } from "../../src/device/open.js";
import { freePorts } from "../../src/net/free-ports.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { quorumOf } from "../../src/statements/quorum.js";
import { OfflineVerifier, codeOf, makeFleet, openFrom } from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import { command, succeed } from "./processes.js";
import type { ValidatorProcess } from "./validator-process.js";
import { PASSPHRASE, eventually } from "./waiting.js";

describe("governance of a swarm of processes", function () {
  this.timeout(600_000);
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
    const look = ["validator", "approve", `--statement=${statement}`, "--data"];
    expect(await succeed([...look, mesh.validator(t).place.folder])).to.match(/^Approved\.$/m);
    expect(await succeed([...look, mesh.validator(t + 1).place.folder])).to.match(/^Not approved yet/m);
    await succeed(["mesh", "admit", operator(), `--statement=${statement}`]);
    await newcomer.start();
    await eventually("the newcomer is a candidate", async () =>
      (await registry.eligibleAmong([account])) === 1n ? true : undefined,
    );
    expect((await registry.candidates()).map((one) => one.toLowerCase())).to.include(account.toLowerCase());
  });

  /** Whether the newest ceremony is active or abandoned. */
  async function isOver(): Promise<boolean> {
    const { ceremony } = mesh.ledger.contracts;
    const { phase } = await ceremony.statusOf(await ceremony.current());
    return phase >= 5n;
  }

  it("makes new group keys that the old ones sign; a device that was away follows from its old bundle, without the root", async () => {
    const { groupKeys } = mesh.ledger.contracts;
    const { t } = quorumOf(mesh.size);
    const old = (await mesh.clients()).trust;
    const fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 2 }]);
    const away = await openFrom(fleet, 0);
    const awake = await openFrom(fleet, 1);
    const how = { attempts: 20, x509: false } as const;
    await Promise.all([away.agent.enrol(how), awake.agent.enrol(how)]);
    await away.agent.close();

    // It has one attempt, which a machine with too much to do may miss: whoever wants new keys proposes again.
    for (let round = 1; (await groupKeys.generation()) === BigInt(old.generation) && round <= 3; round++) {
      const statement = mine(`rekey-${round}.json`);
      await succeed(["mesh", "rekey", operator(), `--out=${statement}`]);
      await Promise.all(mesh.validators.slice(0, t).map(({ place }) => approve(place.number, statement)));
      await succeed(["mesh", "rekey", operator(), `--statement=${statement}`]);
      await eventually("the re-key is over", async () => ((await isOver()) ? true : undefined), 240);
    }
    expect(await groupKeys.generation()).to.equal(BigInt(old.generation) + 1n);

    // The root has certified nothing yet: the proof is the old keys' alone.
    const back = await openDevice(away.path, PASSPHRASE);
    try {
      expect(back.agent.trust?.generation).to.equal(old.generation);
      const known = await eventually("the new committee has signed its list", async () => {
        await back.agent.refreshBundle();
        return back.agent.trust?.generation === old.generation + 1 ? back.agent.trust : undefined;
      });
      const verifier = new OfflineVerifier(known);
      const before = new OfflineVerifier(old);
      // What the old keys certified counts on for a while, and the old one renews it; who knows no new keys yet takes no new ones.
      expect(await verifier.judge((challenge) => awake.agent.prove(challenge))).to.include({ accepted: true });
      expect((await back.agent.renew(how)).generation).to.equal(old.generation + 1);
      expect((await awake.agent.renew(how)).generation).to.equal(old.generation + 1);
      expect(await verifier.judge((challenge) => back.agent.prove(challenge))).to.include({ accepted: true });
      expect(await before.judge((challenge) => back.agent.prove(challenge))).to.include({ code: "generation-unknown" });
    } finally {
      await back.agent.close();
      await awake.agent.close();
      await mesh.certify();
    }
    expect((await mesh.clients()).trust).to.deep.include({ generation: old.generation + 1 });
  });

  it("cancels a recovery that nobody needs, by a quorum of operators, and the keys stay", async () => {
    const { groupKeys, recovery } = mesh.ledger.contracts;
    const { t } = quorumOf(mesh.size);
    const generation = await groupKeys.generation();
    const statement = mine("objection.json");
    const early = await command(["mesh", "object", operator(), `--out=${statement}`]).ended;
    expect(early.stderr).to.include("has not asked");
    const files = mesh.validators.map(({ place }) => join(place.folder, "member.json"));
    await succeed(["mesh", "recover", operator(), "--member", ...files]);
    expect((await command(["mesh", "recover", operator()]).ended).stderr).to.include("may cancel request 1");

    await succeed(["mesh", "object", operator(), `--out=${statement}`]);
    await Promise.all(mesh.validators.slice(0, t - 1).map(({ place }) => approve(place.number, statement)));
    expect(await refused("object", statement)).to.include("not-approved");
    await approve(t, statement);
    await succeed(["mesh", "object", operator(), `--statement=${statement}`]);
    expect(await recovery.queryFilter(recovery.filters.RecoveryCancelled(1))).to.have.length(1);
    expect((await command(["mesh", "recover", operator()]).ended).stderr).to.include("the swarm cancelled request 1");
    const again = await command(["mesh", "object", operator(), `--out=${statement}`]).ended;
    expect(again.stderr).to.include("cancelled request 1 already");
    expect(await groupKeys.generation()).to.equal(generation);
  });

  it("gets new keys by the root's word where more than a third of the members say that theirs are in wrong hands; a device takes them from its owner alone", async () => {
    const { groupKeys } = mesh.ledger.contracts;
    const { f } = quorumOf(mesh.size);
    const { generation } = (await mesh.clients()).trust;
    const fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const device = await openFrom(fleet, 0);
    await device.agent.enrol({ attempts: 20, x509: false });
    await device.agent.close();
    const old = await readFile(join(device.path, "bundle.cbor"));

    const files = mesh.validators.map(({ place }) => join(place.folder, "member.json"));
    await succeed(["mesh", "recover", operator(), "--compromised", "--member", ...files]);
    const early = await command(["mesh", "recover", operator()]).ended;
    expect(early.stderr).to.include("TooFewDeclarations");
    const declare = (folder: string): Promise<string> =>
      succeed(["validator", "declare-compromise", `--data=${folder}`, `--mesh=${mesh.meshFile}`]);
    await Promise.all(mesh.validators.slice(0, f + 1).map(({ place }) => declare(place.folder)));
    await succeed(["mesh", "recover", operator()]);
    for (let round = 1; (await groupKeys.generation()) === BigInt(generation) && round <= 3; round++) {
      await succeed(["mesh", "recover", operator()]);
      await eventually("the recovery's ceremony is over", async () => ((await isOver()) ? true : undefined), 240);
    }
    expect(await groupKeys.generation()).to.equal(BigInt(generation) + 1n);
    const [, fingerprint = ""] = /SHA-256 ([0-9a-f]{64})/.exec(await mesh.certify()) ?? [];

    const back = await openDevice(device.path, PASSPHRASE);
    expect(await back.agent.refreshBundle()).to.equal(false);
    expect(back.agent.trust?.generation).to.equal(generation);
    await back.agent.close();
    await succeed(["device", "recover", `--data=${device.path}`, `--certificate=${fingerprint}`]);
    const again = await openDevice(device.path, PASSPHRASE);
    const certificate = await again.agent.enrol({ attempts: 20, x509: false });
    const backwards = await codeOf(again.agent.adoptBundle(old));
    await again.agent.close();
    expect([certificate.generation, backwards]).to.deep.equal([generation + 1, "generation-old"]);
  });

  it("proposes no size that a committee cannot have, nor any where committees stay", async () => {
    const refusal = async (seats: string): Promise<string> =>
      (await command(["mesh", "resize", operator(), `--seats=${seats}`, `--out=${mine("resize.json")}`]).ended).stderr;
    for (const seats of ["3", "33", "seven"]) expect(await refusal(seats)).to.include("from 4 to 32");
    expect(await refusal("8")).to.include("founded without epochs");
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
    const propose = () => succeed(["mesh", "succeed", operator(), `--successor=${file}`, `--out=${statement}`]);
    expect(await propose()).not.to.contain("takes the place of another one");
    expect(await propose()).to.contain("takes the place of another one");
    for (let seat = 1; seat <= t; seat++) await approve(seat, statement);
    await succeed(["mesh", "succeed", operator(), `--statement=${statement}`]);
    expect((await anchor.successor()).meshId).to.equal(next.meshId);
    expect(await refused("succeed", statement)).to.include("SuccessorAlreadyNamed");
  });
});

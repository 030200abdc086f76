/** Scenario: the committee changes by itself while devices ask, and the keys stay. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import type { Browser, Page } from "playwright-core";

import { type RunningExplorer, startExplorer } from "../../src/explorer/explorer.js";
import { withSender } from "../../src/operator/ledger.js";
import { payIntoPool } from "../../src/operator/rewards.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { swarmkeep } from "../cli/command-line.js";
import { DESK, EPOCH_SHOWN, noBrowser, openPage, picture, settled, startBrowser, until } from "../explorer/browser.js";
import { ROTATION_FAILPOINTS } from "./crashes.js";
import { makeFleet, openFrom } from "./devices.js";
import { LocalMesh, tellLogsOnFailure } from "./harness.js";
import { command, succeed } from "./processes.js";
import { soak } from "./soaking.js";
import type { ValidatorProcess } from "./validator-process.js";
import { eventually } from "./waiting.js";

/** Short, and long enough that seven processes on one core keep up with it. */
export const ROTATING = {
  committeeSize: 4,
  epochSeconds: 12,
  phaseSeconds: 30,
  probationSeconds: 40,
  // Who dies right after the activation dies before the head that would end the probation.
  probationHeads: 2,
  headSeconds: 4,
} as const;

/** Wei that the registrar pays into the pool. */
const PAID = 10n ** 16n;

describe("rotation of the committee", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let watching: { explorer: RunningExplorer; browser: Browser; page: Page } | undefined;
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await LocalMesh.found({ validators: 7, parameters: ROTATING });
  });

  after(async () => {
    await watching?.browser.close();
    await watching?.explorer.close();
    await mesh?.close();
  });

  /** Somebody who looks at the overview all the time, where there is a browser. */
  async function watch(): Promise<typeof watching> {
    if (noBrowser() !== undefined) return undefined;
    const { anchor, chainId } = mesh.mesh;
    const explorer = await startExplorer({
      rpc: mesh.node.url,
      webSocket: mesh.node.webSocketUrl,
      anchor,
      chainId,
      port: 0,
    });
    const browser = await startBrowser();
    const { page } = await openPage(await browser.newContext({ viewport: DESK }), explorer.url);
    await page.goto(explorer.url);
    await settled(page);
    return { explorer, browser, page };
  }

  /** Who was drawn and who was not, and why: on the pages of the epoch, of its ceremony and of a validator. */
  async function expectExplained({ explorer, page }: NonNullable<typeof watching>, drawn: number): Promise<void> {
    await page.goto(`${explorer.url}/epochs/${drawn}`);
    await until(page, "/Order of the draw, replayed/.test(document.querySelector('main').innerText)");
    await picture(page, "epoch");
    await page
      .getByRole("link", { name: /^Ceremony/ })
      .first()
      .click();
    await until(page, "/Resharing/.test(document.querySelector('main').innerText)");
    await picture(page, "resharing");
    for (const { place } of mesh.validators) {
      await page.goto(`${explorer.url}/validators/${place.account}`);
      await until(page, "/(drawn in place|not drawn: )/.test(document.querySelector('main').innerText)");
    }
    await picture(page, "validator-draws");
  }

  async function epoch(): Promise<bigint> {
    return mesh.ledger.contracts.groupKeys.epoch();
  }

  async function untilEpoch(wanted: bigint): Promise<void> {
    await eventually(`epoch ${wanted} has begun`, async () => ((await epoch()) >= wanted ? true : undefined), 180);
  }

  /** Qualities on the ledger, by account. */
  async function qualities(): Promise<Map<string, bigint>> {
    const { measurement, registry } = mesh.ledger.contracts;
    const ranks = Array.from({ length: mesh.size }, (_, rank) => rank);
    const accounts = await registry.candidatesAt(ranks);
    const of = async (rank: number): Promise<[string, bigint]> => [
      accounts[rank] as string,
      await measurement.qualityOf(rank),
    ];
    return new Map(await Promise.all(ranks.map(of)));
  }

  /** Stops a candidate that is not in office, when an epoch has just begun: no probe of it was answered yet, or one at most. */
  async function stopOne(): Promise<ValidatorProcess> {
    const committee = new Set(await mesh.ledger.contracts.groupKeys.committee());
    const idle = mesh.validators.find(({ place }) => !committee.has(place.account)) as ValidatorProcess;
    await idle.kill();
    return idle;
  }

  async function expectMeasured(stopped: ValidatorProcess): Promise<void> {
    const { reputation, rewards } = mesh.ledger.contracts;
    await eventually(
      "all candidates are measured, and the one that was stopped has sunk below the others",
      async () => {
        const { [stopped.place.account]: its = 0n, ...others } = Object.fromEntries(await qualities());
        return Object.values(others).every((quality) => quality > its) ? true : undefined;
      },
      120,
    );
    await stopped.start();
    const scores = await Promise.all(mesh.validators.map(({ place }) => reputation.recordOf(place.account)));
    expect(scores.filter(({ epochs, points }) => epochs > 0n && points > 0n)).to.have.length.of.at.least(4);
    await eventually("members are owed rewards", async () => ((await rewards.totalOwed()) > 0n ? true : undefined));
  }

  /** The commands that replay a draw, and that tell what a validator did, as anybody runs them. */
  async function expectTold(drawn: bigint): Promise<void> {
    const told = async (...words: string[]): Promise<Record<string, unknown>> => {
      const { code, stdout, stderr } = await swarmkeep([...words, "--mesh", mesh.meshFile, "--json"], {});
      expect(code, stderr).to.equal(0);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const { candidates } = (await told("committee", "explain", "--epoch", String(drawn))) as {
      candidates: { account: string; weight: number; units: number; outcome: string }[];
    };
    expect(candidates).to.have.length(mesh.size);
    expect(candidates.some(({ outcome }) => outcome === "seated")).to.equal(true);
    // The command recomputes each weight, and refuses one that quality and reputation do not make.
    for (const { weight, units } of candidates) expect(weight).to.be.within(1, units);
    const [member = ""] = await mesh.ledger.contracts.groupKeys.committee();
    const { served } = (await told("validator", "history", "--validator", member)) as { served: { seat: number }[] };
    expect(served).to.have.length.of.at.least(1);
  }

  it("two handovers, with certificates before, between and after under one public key, old shares erased, a candidate that was stopped measured so, and members paid", async () => {
    const { groupKeys, registry } = mesh.ledger.contracts;
    const key = await groupKeys.edKey();
    const first = await epoch();
    const fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const { agent } = await openFrom(fleet, 0);
    const certificates = [await agent.enrol({ attempts: 20 })];
    await withSender(mesh.ledger.endpoint, mesh.registrar.privateKey, (sender) =>
      payIntoPool(mesh.ledger, sender, { amount: PAID, grantId: undefined }),
    );
    const ceremonies = new Set<bigint>();
    watching = await watch();
    let stopped: ValidatorProcess | undefined;
    for (let i = 1n; i <= 2n; i++) {
      await untilEpoch(first + i);
      if (i === 2n) stopped = await stopOne();
      certificates.push(await agent.renew({ attempts: 30 }));
      ceremonies.add((await groupKeys.office()).ceremony);
      // The same page, never loaded again.
      if (watching !== undefined) await until(watching.page, `${EPOCH_SHOWN} >= ${first + i}`);
    }
    expect(await groupKeys.edKey()).to.equal(key);
    expect(agent.trust?.committee?.epoch).to.be.greaterThan(Number(first));
    expect(new Set(certificates.map(({ serial }) => Buffer.from(serial).toString("hex"))).size).to.equal(3);
    expect(await registry.queryFilter(registry.filters.Slashed())).to.deep.equal([]);
    expect([...ceremonies]).to.have.length(2);
    await agent.close();
    if (watching !== undefined) {
      await picture(watching.page, "overview");
      await expectExplained(watching, Number(first) + 1);
    }
    if (stopped !== undefined) await expectMeasured(stopped);
    await expectTold(first + 1n);
    // Nobody keeps anything of the ceremony that made the keys, two committees later.
    await eventually(
      "the shares of the first committee are erased",
      async () => {
        const left = await Promise.all(
          mesh.validators.map(async ({ place }) =>
            (await readdir(join(place.folder, "ceremonies"))).includes("1.sealed"),
          ),
        );
        return left.includes(true) ? undefined : true;
      },
      120,
    );
    const logs = await Promise.all(mesh.validators.map(({ logFile }) => readFile(logFile, "utf8")));
    expect(logs.some((log) => log.includes("old shares erased"))).to.equal(true);
  });

  it("members that lose power while they erase or inherit come back, and the committee goes on changing under the same key", async () => {
    const { groupKeys } = mesh.ledger.contracts;
    const key = await groupKeys.edKey();
    await Promise.all(
      ROTATION_FAILPOINTS.map(async (failpoint, i) => {
        const validator = mesh.validator(i + 1);
        await validator.kill();
        expect(await validator.spawn({ failpoint }).ended).to.equal("SIGKILL");
        await validator.start();
      }),
    );
    await untilEpoch((await epoch()) + 1n);
    expect(await groupKeys.edKey()).to.equal(key);
  });

  /** Has the swarm say that committees have this many seats. */
  async function resize(seats: number): Promise<void> {
    const operator = `--data=${join(mesh.folder, "operator")}`;
    const statement = join(mesh.folder, `resize-${seats}.json`);
    await succeed(["mesh", "resize", operator, `--seats=${seats}`, `--out=${statement}`]);
    // All: office may change before it is submitted.
    await Promise.all(
      mesh.validators.map(({ place }) =>
        succeed(["validator", "approve", `--data=${place.folder}`, `--statement=${statement}`, "--yes"]),
      ),
    );
    const submit = async (): Promise<string> => succeed(["mesh", "resize", operator, `--statement=${statement}`]);
    await eventually("the swarm signs the resize", submit, 60);
  }

  async function untilSeats(seats: number): Promise<void> {
    const { groupKeys } = mesh.ledger.contracts;
    const hasThem = async (): Promise<true | undefined> =>
      (await groupKeys.committee()).length === seats && !(await groupKeys.inProbation()) ? true : undefined;
    await eventually(`a committee of ${seats} is in office, and has shown that it works`, hasThem, 240);
  }

  it("grows to seven seats and shrinks to four again; the new committee dies right after its activation, and office goes back", async () => {
    const { groupKeys } = mesh.ledger.contracts;
    const key = await groupKeys.edKey();
    const fleet = await makeFleet(mesh, [{ join: "identity-key", keyType: KEY_TYPE.ed25519, count: 1 }]);
    const { agent } = await openFrom(fleet, 0);
    await agent.enrol({ attempts: 30 });
    const operator = `--data=${join(mesh.folder, "operator")}`;
    const tooMany = await command(["mesh", "resize", operator, "--seats=8"]).ended;
    expect(tooMany.stderr).to.include("there are 7 candidates that can be drawn");
    await resize(7);

    let four = await groupKeys.committee();
    const sevenInOffice = async (): Promise<true | undefined> => {
      const committee = await groupKeys.committee();
      if (committee.length === 4) four = committee;
      return committee.length === 7 ? true : undefined;
    };
    await eventually("the seven take office", sevenInOffice, 180);
    // More than f of them, and none of the four.
    const fresh = mesh.validators.filter(({ place }) => !four.includes(place.account));
    await Promise.all(fresh.map((validator) => validator.kill()));
    const failed = await epoch();
    await untilEpoch(failed + 1n);
    expect(await groupKeys.committee()).to.deep.equal(four);
    const reverted = await groupKeys.queryFilter(groupKeys.filters.OfficeReverted(failed));
    expect(reverted).to.have.length(1);
    // The shares that the dead ones left behind are of no use to anybody, and the four sign on.
    await agent.renew({ attempts: 30 });
    await Promise.all(fresh.map((validator) => validator.start()));

    await untilSeats(7);
    await agent.renew({ attempts: 30 });
    await resize(4);
    await untilSeats(4);
    await agent.renew({ attempts: 30 });
    await agent.close();
    expect(await groupKeys.edKey()).to.equal(key);
  });

  it("a short soak: no entitled request is lost while a member of each committee dies at a random place, and the key stays", async () => {
    const report = await soak(mesh, { epochs: 1, seed: Date.now() % 1_000_000, devices: 6 });
    expect(report, JSON.stringify(report)).to.include({ lost: 0, publicKeyChanges: 0 });
    expect(report.issued, JSON.stringify(report)).to.equal(report.asked);
  });
});

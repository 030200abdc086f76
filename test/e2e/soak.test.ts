/** `npm run soak -- --epochs 50`; skipped where no number of epochs is given. The scenario of the rotation has a short one. */
import { expect } from "chai";

import { LocalMesh, tellLogsOnFailure } from "./harness.js";
import { soak } from "./soaking.js";

const EPOCHS = Number(process.env["SWARMKEEP_SOAK_EPOCHS"] ?? 0);
const SEED = Number(process.env["SWARMKEEP_SOAK_SEED"] ?? Date.now() % 1_000_000);
/** f = 1. */
const COMMITTEE = 4;
const CANDIDATES = 7;
const DEVICES = 24;
const REQUESTS_PER_EPOCH = 200;

describe("soak", function () {
  this.timeout(Math.max(600_000, EPOCHS * 240_000));
  let mesh: LocalMesh;
  tellLogsOnFailure(() => mesh);

  before(async function () {
    if (EPOCHS === 0) this.skip();
    const rotating = { committeeSize: COMMITTEE, epochSeconds: 20, phaseSeconds: 10, headSeconds: 6 };
    const parameters = { ...rotating, probationSeconds: 60, probationHeads: 1 };
    mesh = await LocalMesh.found({ validators: CANDIDATES, parameters });
  });

  after(() => mesh?.close());

  it(`${EPOCHS} rotations under load, with members killed: no entitled request is lost, and the key stays`, async () => {
    const report = await soak(mesh, { epochs: EPOCHS, seed: SEED, devices: DEVICES });
    console.log(JSON.stringify(report, undefined, 2));
    expect(report.lost, "lost requests").to.equal(0);
    expect(report.publicKeyChanges).to.equal(0);
    expect(report.epochs).to.be.at.least(EPOCHS);
    expect(report.fewestAsked, "requests in an epoch").to.be.at.least(REQUESTS_PER_EPOCH);
  });
});

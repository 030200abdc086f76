import { expect } from "chai";
import { getAddress, getBytes, hexlify } from "ethers";

import { g2ForLedger } from "../../src/crypto/points.js";
import { formatAdmission, parseAdmission, proposedAdmission } from "../../src/operator/admission.js";
import { formatGrant, parseGrant, proposedGrant } from "../../src/operator/governance.js";
import { proposedDigest } from "../../src/operator/proposal.js";
import { parseProposal } from "../../src/operator/proposals.js";
import { formatObjection, parseObjection } from "../../src/operator/objection.js";
import { formatRekey, parseRekey } from "../../src/operator/rekey.js";
import { formatResize, parseResize } from "../../src/operator/resize.js";
import { formatSuccessor, parseSuccessor, proposedSuccessor } from "../../src/operator/successor.js";
import { decodeStatementRequest, encodeStatementRequest } from "../../src/protocol/api.js";
import { blstBls } from "../../src/runtime/blst.js";
import { SwarmkeepError } from "../../src/statements/errors.js";
import { FAR, GROUP_SECRET, type Mesh, connection, g2Struct, opened, word } from "../contracts/mesh.js";

const { loadFixture } = connection.networkHelpers;

/** What the swarm would sign, signed by its whole key. */
const signed = (proposed: Parameters<typeof proposedDigest>[0]) =>
  g2Struct(g2ForLedger(blstBls.sign(GROUP_SECRET, proposedDigest(proposed))));

async function proposals(mesh: Mesh) {
  const place = { meshId: hexlify(mesh.meshId), chainId: 31337n, expiry: FAR };
  const [fleets, registry, anchor] = await Promise.all(
    [mesh.fleets, mesh.registry, mesh.anchor].map((contract) => contract.getAddress()),
  );
  const account = getAddress(mesh.stranger.address);
  return {
    grant: {
      ...place,
      fleets: fleets as string,
      registrar: account,
      scopes: ["grp:city"],
      indexes: 1_000n,
      candidates: 3n,
      salt: word(5),
    },
    admission: { ...place, registry: registry as string, account, operator: word(77) },
    successor: {
      ...place,
      anchor: anchor as string,
      nextChainId: 10n ** 17n,
      nextAnchor: account,
      nextMeshId: word(9),
    },
    rekey: { ...place, generations: account, generation: 2n },
    resize: { ...place, rotation: account, seats: 7n },
    objection: { meshId: place.meshId, chainId: place.chainId, recovery: account, number: 3n },
  };
}

describe("proposals to the swarm", () => {
  it("survive the way through a file", async () => {
    const { grant, admission, successor, rekey, resize, objection } = await proposals(await loadFixture(opened));
    expect(parseResize(formatResize(resize))).to.deep.equal(resize);
    expect(parseObjection(formatObjection(objection))).to.deep.equal(objection);
    expect(parseRekey(formatRekey(rekey))).to.deep.equal(rekey);
    expect(parseGrant(formatGrant(grant))).to.deep.equal(grant);
    expect(parseAdmission(formatAdmission(admission))).to.deep.equal(admission);
    expect(parseSuccessor(formatSuccessor(successor))).to.deep.equal(successor);
  });

  it("are signed as the ledger takes them, and validators are asked for just that", async () => {
    const mesh = await loadFixture(opened);
    const { grant, admission, successor, rekey, resize, objection } = await proposals(mesh);
    for (const file of [
      formatGrant(grant),
      formatAdmission(admission),
      formatSuccessor(successor),
      formatRekey(rekey),
      formatResize(resize),
      formatObjection(objection),
    ]) {
      const { request } = parseProposal(file);
      expect(decodeStatementRequest(encodeStatementRequest(request))).to.deep.equal(request);
    }
    const { registrar, scopes, indexes, candidates, expiry, salt } = grant;
    await expect(
      mesh.fleets.giveGrant({ registrar, scopes, indexes, candidates, expiry, salt }, signed(proposedGrant(grant))),
    ).to.emit(mesh.fleets, "GrantGiven");
    const { account, operator } = admission;
    await expect(mesh.registry.admit(account, operator, expiry, signed(proposedAdmission(admission))))
      .to.emit(mesh.registry, "ValidatorAdmitted")
      .withArgs(account, operator);
    const { nextChainId: chainId, nextAnchor: anchor, nextMeshId: meshId } = successor;
    const next = { chainId, anchor, meshId, expiry };
    await expect(mesh.anchor.nameSuccessor(next, signed(proposedSuccessor(successor)))).to.emit(
      mesh.anchor,
      "SuccessorNamed",
    );
  });

  it("say in words what agreeing means", async () => {
    const { admission, successor, resize } = await proposals(await loadFixture(opened));
    expect(parseProposal(formatResize(resize)).description)
      .to.contain("7 members")
      .and.to.contain("5 make a signature");
    for (const value of [admission.account, admission.operator, admission.registry, "2128-06-11T08:53:20Z"]) {
      expect(parseProposal(formatAdmission(admission)).description).to.contain(value);
    }
    for (const value of [successor.nextMeshId, successor.nextAnchor, "100000000000000000", "once and for ever"]) {
      expect(parseProposal(formatSuccessor(successor)).description).to.contain(value);
    }
  });

  it("are refused by the field that is wrong", async () => {
    const { admission, successor, resize } = await proposals(await loadFixture(opened));
    const changed = (file: string, change: object): string => JSON.stringify({ ...JSON.parse(file), ...change });
    for (const [file, field, value] of [
      [formatAdmission(admission), "kind", "swarmkeep-admission/2"],
      [formatAdmission(admission), "kind", undefined],
      [formatAdmission(admission), "meshId", "0x12"],
      [formatAdmission(admission), "chainId", 1],
      [formatAdmission(admission), "account", "0x5fbdb2315678afecb367f032d93F642f64180aa3"],
      [formatAdmission(admission), "operator", word(7).slice(0, -1)],
      [formatAdmission(admission), "expiry", 0],
      [formatAdmission(admission), "expiry", 2 ** 48],
      [formatResize(resize), "seats", 3],
      [formatResize(resize), "seats", 33],
      [formatSuccessor(successor), "nextChainId", "0"],
      [formatSuccessor(successor), "nextMeshId", null],
      [formatSuccessor(successor), "nextAnchor", hexlify(getBytes(word(1)))],
    ] as const) {
      expect(() => parseProposal(changed(file, { [field]: value })))
        .to.throw(SwarmkeepError, field)
        .with.property("code", "bad-statement");
    }
    for (const file of ["", "[]", "null", "{"]) {
      expect(() => parseProposal(file))
        .to.throw(SwarmkeepError)
        .with.property("code", "bad-statement");
    }
  });
});

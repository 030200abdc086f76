/** Scenario: some validators are dead, one lies, and f of them conspire. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { encodeCertificate, verifyCertificate } from "../../src/certificate/certificate.js";
import { combinePartials } from "../../src/crypto/threshold-bls.js";
import { generateDeviceKey, softwareIdentity } from "../../src/device/identity.js";
import { askPartial } from "../../src/device/member-answers.js";
import { Mesh } from "../../src/device/mesh.js";
import { tlsTransport } from "../../src/device/open.js";
import { openDeviceStore } from "../../src/device/store.js";
import { createClient } from "../../src/net/client.js";
import { parseEndpoint } from "../../src/net/endpoint.js";
import { channelKeys } from "../../src/operator/factory.js";
import { evidenceDigest, evidenceDomain, coseStatementDigest, verifyEvidence } from "../../src/protocol/evidence.js";
import { decodeState, encodeState } from "../../src/protocol/ceremony/state.js";
import { preSharedKeyIdentity } from "../../src/protocol/pre-shared-key.js";
import { PATH } from "../../src/protocol/api.js";
import { blstBls } from "../../src/runtime/blst.js";
import { systemClock } from "../../src/runtime/clock.js";
import { LIGHT_KDF, openSealer } from "../../src/runtime/sealed-file.js";
import { COSE_ALG, JOIN_METHOD, KEY_TYPE } from "../../src/statements/cose.js";
import { certifiedKeyProof, signRequest } from "../../src/certificate/request.js";
import {
  type Device,
  type Fleet,
  OfflineVerifier,
  type Order,
  askOne,
  checks,
  codeOf,
  makeFleet,
  messageOf,
  openFrom,
  patiently,
  provisioningOf,
  requestOf,
} from "./devices.js";
import { type LocalMesh, sharedMesh, tellLogsOnFailure } from "./harness.js";
import type { ValidatorProcess } from "./validator-process.js";
import { PASSPHRASE, eventually } from "./waiting.js";

const now = (): number => Math.floor(Date.now() / 1000);

describe("a swarm of which some members fail", function () {
  this.timeout(600_000);
  let mesh: LocalMesh;
  let fleet: Fleet;
  const open: Device[] = [];
  tellLogsOnFailure(() => mesh);

  before(async () => {
    mesh = await sharedMesh();
    fleet = await makeFleet(
      mesh,
      [
        { join: "identity-key", keyType: KEY_TYPE.ed25519, count: 6 },
        { join: "pre-shared-key", count: 1 },
      ],
      { quota: 3 },
    );
  });
  after(() => Promise.all(open.map(({ agent }) => agent.close())));

  async function device(position: number): Promise<Device> {
    const opened = await openFrom(fleet, position);
    open.push(opened);
    return opened;
  }

  async function orderOf(position: number, changes: Partial<Order> = {}): Promise<Order> {
    const identity = open.find(({ agent }) => agent.provisioning.index === fleet.batch.facts.base + position);
    if (identity === undefined) throw new Error(`device ${position} is not open`);
    const provisioning = await provisioningOf(fleet, position);
    return { provisioning, identity: identity.keystore.identity, notBefore: now(), ...changes };
  }

  it("two of seven dead: certificates under both keys, heads and revocation lists go on", async () => {
    const dead = mesh.validators.slice(0, 2);
    await Promise.all(dead.map((validator) => validator.kill()));
    try {
      const { agent } = await device(0);
      for (const algorithm of [COSE_ALG.bls, COSE_ALG.eddsa]) {
        expect((await agent.enrol({ algorithm })).algorithm).to.equal(algorithm);
      }
      const [alive] = mesh.validators.slice(2) as [ValidatorProcess];
      await mesh.untilNewHead(alive);
      const verifier = new OfflineVerifier((await mesh.clients()).trust);
      expect(await verifier.judge((challenge) => agent.prove(challenge))).to.include({ accepted: true });

      // With a third one frozen there are too few, and the device's request waits for it.
      const second = await device(1);
      await second.agent.refreshBundle();
      await alive.signal("SIGSTOP");
      const enrolled = second.agent.enrol();
      await eventually("the device has asked", () => readFile(`${second.path}/request.json`));
      await alive.signal("SIGCONT");
      await enrolled;
    } finally {
      await Promise.all(dead.map((validator) => validator.start()));
      await Promise.all(dead.map((validator) => validator.inOffice()));
    }
  });

  it("a validator that answers with wrong parts is named by its own evidence, and left out of the same request", async () => {
    const liar = mesh.validator(4);
    await liar.kill();
    const putBack = await spoilShares(liar);
    await liar.start();
    await liar.inOffice();
    try {
      const { members, trust } = await mesh.clients();
      const member = members.find(({ endpoint }) => endpoint.endsWith(`:${liar.place.port}`));
      if (member === undefined) throw new Error("the liar is not in the committee");
      // One round only: whoever lies must not cost another one.
      const { agent, path } = await device(2);
      expect((await agent.enrol({ attempts: 1 })).algorithm).to.equal(COSE_ALG.bls);
      expect((await agent.renew({ attempts: 1, algorithm: COSE_ALG.eddsa })).algorithm).to.equal(COSE_ALG.eddsa);
      // The heads' Ed25519 signatures take two rounds with some of the members: the liar may be the first to answer.
      await mesh.untilNewHead(mesh.validator(1));
      await agent.close();

      const store = await openDeviceStore(path);
      try {
        const asked = await Mesh.open({
          store,
          transport: tlsTransport,
          checks,
          clock: systemClock,
          random: Math.random,
        });
        const order = await orderOf(2, { k: 2 });
        const { message } = messageOf(order, trust);
        const body = (binding: Uint8Array): Promise<Uint8Array> =>
          signRequest(requestOf(order, binding), order.identity, trust.externalAad);
        const signed = { message, digest: coseStatementDigest(message) };
        const lie = await patiently(() => {
          const signal = AbortSignal.timeout(10_000);
          return askPartial(asked, member, { path: PATH.issue, body, signed, signal }, checks);
        }).then(
          () => undefined,
          (error: unknown) => error as { code: string; details: object },
        );
        expect(lie?.code).to.equal("bad-answer");
        expect(lie?.details).to.include({ seat: member.seat });
        asked.close();

        const client = createClient({
          endpoint: parseEndpoint(member.endpoint),
          trust: { kind: "pin", pin: member.tlsPin },
        });
        const { partial, evidence } = await askOne(member, order, trust);
        const { serverKey } = await patiently(() => client.request({ method: "GET", path: PATH.status }));
        client.close();
        const statement = evidenceDigest(evidenceDomain(trust), coseStatementDigest(message), partial);
        expect(verifyEvidence(serverKey as Uint8Array, statement, evidence, checks.device)).to.equal(true);
        expect(blstBls.verify(member.blsKey, message, partial)).to.equal(false);
      } finally {
        await store.close();
      }
    } finally {
      await liar.kill();
      await putBack();
      await liar.start();
      await liar.inOffice();
    }
  });

  it("f members that hold a device's channel keys cannot enrol it: it has to ask with its own key", async () => {
    const { members, trust } = await mesh.clients();
    const sealer = await openSealer(`${mesh.folder}/registrar-seal.json`, PASSPHRASE, LIGHT_KDF);
    const provisioning = await provisioningOf(fleet, 6);
    const { index, meshId } = provisioning;
    const conspirator = softwareIdentity(generateDeviceKey(KEY_TYPE.ed25519));
    const refusals: string[] = [];
    for (const member of members) {
      const account = `0x${Buffer.from(member.account).toString("hex")}`;
      const key = (await channelKeys(fleet.batch, sealer, account)).get(6) as Uint8Array;
      // At its own peers a conspirator has no key of the channel; at itself it has, and signs what it likes with one share.
      const client = createClient({
        endpoint: parseEndpoint(member.endpoint),
        trust: { kind: "psk", identity: preSharedKeyIdentity(meshId, index), key },
      });
      const order: Order = { provisioning, identity: conspirator, notBefore: now() };
      const body = async (binding: Uint8Array): Promise<Uint8Array> => {
        // Its own key it can prove, so that nothing is missing but the device's signature.
        const keyProof = await conspirator.sign(certifiedKeyProof(meshId, index, conspirator.key));
        const request = { ...requestOf(order, binding), joinMethod: JOIN_METHOD.preSharedKey, keyProof };
        return signRequest(request, conspirator, trust.externalAad);
      };
      refusals.push(await codeOf(patiently(() => client.request({ method: "POST", path: PATH.issue, body }))));
      client.close();
    }
    sealer.wipe();
    // A request counts only by the manifest key, which no channel key tells.
    expect(refusals).to.deep.equal(members.map(() => "bad-signature"));
  });

  it("t-1 parts are no signature, and t parts are", async () => {
    const { members, trust, quorum } = await mesh.clients();
    await device(3);
    const order = await orderOf(3);
    const { message, payload } = messageOf(order, trust);
    const parts = await Promise.all(members.map((member) => askOne(member, order, trust)));
    const certificate = (count: number): Uint8Array => {
      const partials = parts.slice(0, count).map(({ seat, partial }) => ({ seat, signature: partial }));
      return encodeCertificate(COSE_ALG.bls, payload, combinePartials(partials));
    };
    expect(() => verifyCertificate(certificate(quorum.t - 1), trust, now(), checks)).to.throw(/not signed by/);
    expect(verifyCertificate(certificate(quorum.t), trust, now(), checks).index).to.equal(order.provisioning.index);
    expect(message[0]).to.equal(0x84);
  });

  it("a fleet's quota is exact: with f conspirators that sign anything, no device gets one certificate more", async () => {
    const { members, trust, quorum } = await mesh.clients();
    await device(4);
    const order = await orderOf(4);
    for (let k = 0; k < 3; k++) await Promise.all(members.map((member) => askOne(member, { ...order, k }, trust)));
    const honest = members.slice(quorum.f);
    for (const member of honest) {
      expect(await codeOf(askOne(member, { ...order, k: 3 }, trust))).to.equal("quota-exceeded");
    }
    // Another certificate for a number that is taken takes t members, and each has written down the first.
    const twice = await Promise.all(
      honest.map((member) => codeOf(askOne(member, { ...order, notBefore: order.notBefore + 1 }, trust))),
    );
    expect(twice).to.deep.equal(honest.map(() => "serial-taken"));
    expect(quorum.f).to.be.lessThan(quorum.t);
  });

  it("two certificates for one number, asked for at once, never both find t members", async () => {
    const { members, trust, quorum } = await mesh.clients();
    await device(5);
    const first = await orderOf(5);
    const second = { ...first, notBefore: first.notBefore + 1 };
    const asked = members.flatMap((member, i) =>
      (i % 2 === 0 ? [first, second] : [second, first]).map((order) => ({ member, order })),
    );
    const answers = await Promise.all(
      asked.map(async ({ member, order }) => ({ order, code: await codeOf(askOne(member, order, trust)) })),
    );
    const signed = [first, second].map(
      (order) => answers.filter((one) => one.order === order && one.code === "nothing failed").length,
    );
    expect((signed[0] ?? 0) + (signed[1] ?? 0)).to.equal(members.length);
    expect(Math.min(...signed)).to.be.lessThan(quorum.t);
  });

  /** Both shares of a validator go bad on its disk, as nobody else could make them. Gives what puts them back. */
  async function spoilShares({ place }: ValidatorProcess): Promise<() => Promise<void>> {
    const sealer = await openSealer(join(place.folder, "kdf.json"), PASSPHRASE);
    const id = await mesh.ledger.contracts.ceremony.current();
    const path = join(place.folder, "ceremonies", `${id}.sealed`);
    const good = await sealer.read(path, `ceremony ${id}`);
    const state = decodeState(good);
    for (const share of Object.values(state.held?.shares ?? {})) share[31] = (share[31] ?? 0) ^ 1;
    await sealer.write(path, `ceremony ${id}`, encodeState(state));
    return async () => {
      await sealer.write(path, `ceremony ${id}`, good);
      sealer.wipe();
    };
  }
});

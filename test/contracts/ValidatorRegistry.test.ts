import { expect } from "chai";
import { getBytes, keccak256 } from "ethers";

import { nobleBls, provePossession } from "../../src/crypto/bls.js";
import { g1ForLedger, g2ForLedger } from "../../src/crypto/points.js";
import { deviceOperator } from "../../src/statements/device-operator.js";
import {
  DAY,
  FAR,
  NO_SIGNATURE,
  PARAMETERS,
  SCOPES,
  addressBytes,
  connection,
  deployMesh,
  g1OutsideSubgroup,
  g1Struct,
  g2Struct,
  genesisOf,
  submit,
  gasOf,
  officeOf,
  passProbation,
  opened,
  registrationOf,
  secretOf,
  tlsKeyOf,
  word,
  type Mesh,
  type Signer,
} from "./mesh.js";
import { tlsKeyStruct, tlsPinOf, tlsPinOfPoint } from "./tls-key.js";

const { ethers, networkHelpers } = connection;
const { loadFixture, time } = networkHelpers;

/** The whole transaction: both keys' proofs checked (the TLS key's alone costs 6,900 by EIP-7951), everything stored. */
const REGISTER_VALIDATOR_CEILING = 376_000n;

const STAKE = PARAMETERS.minimumStake;
const OFFENCE = { badDealing: 0n, badComplaint: 1n, missingDealing: 2n };
const STATE = { none: 0n, admitted: 1n, active: 2n, exiting: 3n, exited: 4n };

function member(mesh: Mesh, i: number): Signer {
  return mesh.members[i] as Signer;
}

function as(mesh: Mesh, i: number) {
  return mesh.registry.connect(member(mesh, i));
}

/** Registers member `i` with identity key and TLS key of its own. */
async function register(mesh: Mesh, i: number, value = STAKE) {
  const registration = await registrationOf(
    mesh,
    member(mesh, i).address,
    secretOf(100n + BigInt(i)),
    100n + BigInt(i),
  );
  return as(mesh, i).register(registration, { value });
}

/** Members 0 and 5 are registered; 0 is in office. */
async function registered(): Promise<Mesh> {
  const mesh = await opened();
  await register(mesh, 0);
  await register(mesh, 5);
  return mesh;
}

async function admission(mesh: Mesh, account: string, operator: string, expiry = FAR) {
  return mesh.swarmSign(mesh.registry, "Admission", {
    account: addressBytes(account),
    operator: getBytes(operator),
    expiry,
  });
}

/** A fleet of four devices, of which the grant lets two be candidates. */
async function withGateways(): Promise<Mesh> {
  const mesh = await opened();
  const policy = { scopes: SCOPES, maximumLifetime: 60, quota: 1, joinMethods: 1, graceSeconds: 0 };
  const { manifestRoot, base, count } = GATEWAYS;
  await mesh.fleets.connect(mesh.registrar).registerFleet(1, SCOPES, policy, manifestRoot, base, count);
  return mesh;
}

const GATEWAYS = { fleetId: 1n, batch: 0n, manifestRoot: word(77), base: 0n, count: 4n };

async function deviceAdmission(mesh: Mesh, account: string, index: number) {
  return mesh.swarmSign(mesh.registry, "DeviceAdmission", { account: addressBytes(account), index, expiry: FAR });
}

/** A mesh of 31 seats in which whoever stakes is a candidate. */
async function openWithoutKeys(): Promise<Mesh> {
  const mesh = await deployMesh(connection);
  const members = Array.from({ length: 31 }, (_, i) => ({
    account: ethers.toBeHex(0x1000 + i, 20),
    operator: word(i + 1),
  }));
  await submit(mesh, await genesisOf(mesh, { admission: 1, committeeSize: 31 }, { members }));
  return mesh;
}

async function open(): Promise<Mesh> {
  const mesh = await openWithoutKeys();
  await mesh.ceremony.install(officeOf(mesh));
  return mesh;
}

/** Stake in the contract is what is held for validators and what was burnt, to the wei. */
async function expectBalanced(mesh: Mesh) {
  const held = await mesh.registry.totalStake();
  const burnt = await mesh.registry.totalBurnt();
  expect(await ethers.provider.getBalance(mesh.registry)).to.equal(held + burnt);
  let sum = 0n;
  for (const account of await mesh.registry.candidates()) sum += (await mesh.registry.validator(account)).stake;
  expect(sum).to.equal(held);
}

describe("ValidatorRegistry", () => {
  describe("admission", () => {
    it("by genesis is in order, one candidate per operator", async () => {
      const mesh = await loadFixture(opened);
      expect(await mesh.registry.candidateCount()).to.equal(8n);
      expect(await mesh.registry.candidatesAt([7])).to.deep.equal([member(mesh, 7).address]);
      expect(await mesh.registry.candidateOf(word(3))).to.equal(member(mesh, 2).address);
      expect((await mesh.registry.validator(member(mesh, 0))).state).to.equal(STATE.admitted);
      await expect(mesh.registry.acceptGenesis([]))
        .to.be.revertedWithCustomError(mesh.registry, "WrongCaller")
        .withArgs(member(mesh, 0).address, await mesh.anchor.getAddress());
    });

    it("by the swarm takes its statement, by anybody's transaction, once", async () => {
      const mesh = await loadFixture(opened);
      const { address } = mesh.stranger;
      const signature = await admission(mesh, address, word(20));
      await expect(mesh.registry.admit(address, word(20), FAR, signature))
        .to.emit(mesh.registry, "ValidatorAdmitted")
        .withArgs(address, word(20));
      expect(await mesh.registry.candidatesAt([8])).to.deep.equal([address]);
      await expect(mesh.registry.admit(address, word(20), FAR, signature)).to.be.revertedWithCustomError(
        mesh.registry,
        "StatementUsed",
      );
    });

    it("is refused without the swarm's signature over these terms, and after its expiry", async () => {
      const mesh = await loadFixture(opened);
      const { address } = mesh.stranger;
      const signature = await admission(mesh, address, word(20));
      for (const terms of [
        [address, word(21), FAR],
        [mesh.registrar.address, word(20), FAR],
        [address, word(20), FAR - 1n],
      ] as const) {
        await expect(mesh.registry.admit(...terms, signature)).to.be.revertedWithCustomError(
          mesh.registry,
          "InvalidSwarmSignature",
        );
      }
      await time.setNextBlockTimestamp(FAR + 1n);
      await expect(mesh.registry.admit(address, word(20), FAR, signature))
        .to.be.revertedWithCustomError(mesh.registry, "StatementExpired")
        .withArgs(FAR, FAR + 1n);
    });

    it("is refused for an account or an operator that is a candidate, or nobody", async () => {
      const mesh = await loadFixture(opened);
      const { address } = member(mesh, 0);
      await expect(mesh.registry.admit(address, word(20), FAR, await admission(mesh, address, word(20))))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(address, STATE.admitted, STATE.none);
      const stranger = mesh.stranger.address;
      await expect(mesh.registry.admit(stranger, word(1), FAR, await admission(mesh, stranger, word(1))))
        .to.be.revertedWithCustomError(mesh.registry, "OperatorTaken")
        .withArgs(word(1), address);
      await expect(mesh.registry.admit(stranger, word(0), FAR, await admission(mesh, stranger, word(0))))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidMember")
        .withArgs(stranger, word(0));
    });
  });

  describe("of a device", () => {
    it("takes the swarm's statement, from the account that it names, and counts against the grant", async () => {
      const mesh = await loadFixture(withGateways);
      const account = mesh.stranger.address;
      const signature = await deviceAdmission(mesh, account, 1);
      const sent = (signer: Signer) => mesh.registry.connect(signer).admitDevice(GATEWAYS, 1, FAR, signature);
      await expect(sent(mesh.registrar)).to.be.revertedWithCustomError(mesh.registry, "InvalidSwarmSignature");
      const done = sent(mesh.stranger);
      await expect(done).to.emit(mesh.registry, "ValidatorAdmitted").withArgs(account, deviceOperator(1));
      await expect(done).to.emit(mesh.fleets, "CandidateTaken").withArgs(1n, 1n, 1n);
      const { state, operator, isDevice } = await mesh.registry.validator(account);
      expect([state, operator, isDevice]).to.deep.equal([STATE.admitted, deviceOperator(1), true]);
      await expect(sent(mesh.stranger)).to.be.revertedWithCustomError(mesh.registry, "StatementUsed");
    });

    it("is refused without the swarm's signature over these terms, and after its expiry", async () => {
      const mesh = await loadFixture(withGateways);
      const signature = await deviceAdmission(mesh, mesh.stranger.address, 1);
      const by = mesh.registry.connect(mesh.stranger);
      for (const [index, expiry] of [
        [2, FAR],
        [1, FAR - 1n],
      ] as const) {
        await expect(by.admitDevice(GATEWAYS, index, expiry, signature)).to.be.revertedWithCustomError(
          mesh.registry,
          "InvalidSwarmSignature",
        );
      }
      await time.setNextBlockTimestamp(FAR + 1n);
      await expect(by.admitDevice(GATEWAYS, 1, FAR, signature))
        .to.be.revertedWithCustomError(mesh.registry, "StatementExpired")
        .withArgs(FAR, FAR + 1n);
    });

    it("is one candidate for a device, as many as the grant allows, of its own batch, while it runs", async () => {
      const mesh = await loadFixture(withGateways);
      const enter = async (signer: Signer, index: number, batch = GATEWAYS) =>
        mesh.registry
          .connect(signer)
          .admitDevice(batch, index, FAR, await deviceAdmission(mesh, signer.address, index));
      await expect(enter(mesh.stranger, 4))
        .to.be.revertedWithCustomError(mesh.fleets, "NotInBatch")
        .withArgs(4n, 0n, 4n);
      await expect(enter(mesh.stranger, 4, { ...GATEWAYS, count: 5n }))
        .to.be.revertedWithCustomError(mesh.fleets, "UnknownBatch")
        .withArgs(1n, 0n);
      await enter(mesh.stranger, 1);
      await expect(enter(mesh.registrar, 1))
        .to.be.revertedWithCustomError(mesh.registry, "OperatorTaken")
        .withArgs(deviceOperator(1), mesh.stranger.address);
      await expect(enter(member(mesh, 0), 2))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(member(mesh, 0).address, STATE.admitted, STATE.none);
      await enter(mesh.registrar, 2);
      const third = (await ethers.getSigners())[10] as Signer;
      await expect(enter(third, 3)).to.be.revertedWithCustomError(mesh.fleets, "NoCandidateLeft").withArgs(1n);
      await expect(mesh.fleets.takeCandidate(GATEWAYS, 3))
        .to.be.revertedWithCustomError(mesh.fleets, "WrongCaller")
        .withArgs(member(mesh, 0).address, await mesh.registry.getAddress());
    });

    it("comes with no other admission: an operator of this form is refused", async () => {
      const mesh = await loadFixture(opened);
      const { address } = mesh.stranger;
      const signature = await admission(mesh, address, deviceOperator(1));
      await expect(mesh.registry.admit(address, deviceOperator(1), FAR, signature))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidMember")
        .withArgs(address, deviceOperator(1));
    });

    it("weighs nothing and takes no seat while the device is held, and never again once it is revoked", async () => {
      const mesh = await loadFixture(withGateways);
      const { address } = mesh.stranger;
      const by = mesh.registry.connect(mesh.stranger);
      await by.admitDevice(GATEWAYS, 1, FAR, await deviceAdmission(mesh, address, 1));
      await by.register(await registrationOf(mesh, address, secretOf(200n), 200n), { value: STAKE });
      const rank = (await mesh.registry.candidateCount()) - 1n;
      const expectStanding = async (eligible: boolean) => {
        expect(await mesh.registry.eligibleAmong([address])).to.equal(eligible ? 1n : 0n);
        expect(await mesh.registry.stakeAt(rank)).to.deep.equal([address, eligible ? STAKE : 0n]);
      };
      await expectStanding(true);
      await mesh.revocations.connect(mesh.registrar).hold(GATEWAYS, [0], [1n << 1n]);
      await expectStanding(false);
      await mesh.revocations.connect(mesh.registrar).release(GATEWAYS, [0], [1n << 1n]);
      await expectStanding(true);
      const entriesHash = getBytes(keccak256(ethers.solidityPacked(["uint32[]", "uint256[]"], [[0], [1n << 1n]])));
      const signature = await mesh.swarmSign(mesh.revocations, "Revocation", { entriesHash, reason: 1, expiry: FAR });
      await mesh.revocations.revoke([0], [1n << 1n], 1, FAR, signature);
      await expectStanding(false);
    });
  });

  describe("where admission is open", () => {
    it("whoever stakes is a candidate, one for an account", async () => {
      const mesh = await loadFixture(open);
      const { address } = mesh.stranger;
      const registration = await registrationOf(mesh, address, secretOf(200n), 200n);
      const by = mesh.registry.connect(mesh.stranger);
      await expect(by.register(registration, { value: STAKE - 1n })).to.be.revertedWithCustomError(
        mesh.registry,
        "InvalidStake",
      );
      const operator = keccak256(ethers.zeroPadValue(address, 32));
      const sent = by.register(registration, { value: STAKE });
      await expect(sent).to.emit(mesh.registry, "ValidatorAdmitted").withArgs(address, operator);
      await expect(sent).to.emit(mesh.registry, "ValidatorRegistered");
      expect(await mesh.registry.eligibleAmong([address])).to.equal(1n);
      expect(await mesh.registry.candidateOf(operator)).to.equal(address);
      await expect(by.register(registration, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(address, STATE.active, STATE.admitted);
      await expectBalanced(mesh);
    });

    it("nobody is invited who came after the freeze: the beacon may have been known", async () => {
      const mesh = await loadFixture(open);
      const { address } = mesh.stranger;
      const registration = await registrationOf(mesh, address, secretOf(200n), 200n);
      await mesh.registry.connect(mesh.stranger).register(registration, { value: STAKE });
      expect(await mesh.rotation.undrawn(32n)).to.deep.equal([]);
    });

    it("nobody is a candidate by stake alone before the genesis members have made the keys", async () => {
      const mesh = await loadFixture(openWithoutKeys);
      const { address } = mesh.stranger;
      const registration = await registrationOf(mesh, address, secretOf(200n), 200n);
      await expect(mesh.registry.connect(mesh.stranger).register(registration, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(address, 0n, STATE.admitted);
    });

    it("the swarm admits as well", async () => {
      const mesh = await loadFixture(open);
      const { address } = mesh.stranger;
      await mesh.registry.admit(address, word(70), FAR, await admission(mesh, address, word(70)));
      const registration = await registrationOf(mesh, address, secretOf(200n), 200n);
      await mesh.registry.connect(mesh.stranger).register(registration, { value: STAKE });
      expect((await mesh.registry.validator(address)).operator).to.equal(word(70));
    });

    it("the committee does not shrink below the size that is safe for it", async () => {
      const mesh = await loadFixture(open);
      const resize = async (seats: bigint) =>
        mesh.rotation.resize(seats, FAR, await mesh.swarmSign(mesh.rotation, "Resize", { seats, expiry: FAR }));
      await expect(resize(30n)).to.be.revertedWithCustomError(mesh.rotation, "InvalidSeats").withArgs(30n);
      await expect(resize(32n)).to.emit(mesh.rotation, "CommitteeResized").withArgs(32n);
    });
  });

  describe("registration", () => {
    it("proves possession, stakes, and makes a candidate, within its gas", async () => {
      const mesh = await loadFixture(opened);
      const { address } = member(mesh, 0);
      expect(await mesh.registry.eligibleAmong([address])).to.equal(0n);
      const registration = await registrationOf(mesh, address, secretOf(100n), 100n);
      const sent = as(mesh, 0).register(registration, { value: STAKE });
      const { blsKey, endpoint, scope } = registration;
      const tlsPin = tlsPinOf(secretOf(100n));
      await expect(sent)
        .to.emit(mesh.registry, "ValidatorRegistered")
        .withArgs(address, Object.values(blsKey), tlsPin, endpoint, scope, STAKE);
      expect(await gasOf(sent)).to.be.at.most(REGISTER_VALIDATOR_CEILING);

      const keyHash = keccak256(g1ForLedger(nobleBls.publicKey(secretOf(100n))));
      expect(await mesh.registry.validator(address)).to.deep.equal([
        STATE.active,
        STAKE,
        0n,
        0n,
        false,
        word(1),
        keyHash,
        tlsPin,
        endpoint,
        scope,
      ]);
      expect(await mesh.registry.eligibleAmong([address])).to.equal(1n);
      await expectBalanced(mesh);
    });

    it("is for accounts that were admitted, once", async () => {
      const mesh = await loadFixture(registered);
      const registration = await registrationOf(mesh, mesh.stranger.address, secretOf(200n), 200n);
      await expect(mesh.registry.connect(mesh.stranger).register(registration, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(mesh.stranger.address, STATE.none, STATE.admitted);
      await expect(register(mesh, 0))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(member(mesh, 0).address, STATE.active, STATE.admitted);
    });

    it("takes the minimum stake at least, and what fits the ledger's count", async () => {
      const mesh = await loadFixture(opened);
      await expect(register(mesh, 0, STAKE - 1n))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidStake")
        .withArgs(STAKE - 1n, STAKE);
      await networkHelpers.setBalance(member(mesh, 0).address, 1n << 98n);
      await expect(register(mesh, 0, 1n << 96n))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidStake")
        .withArgs(1n << 96n, STAKE);
    });

    it("refuses a BLS key or a TLS pin that was registered before", async () => {
      const mesh = await loadFixture(registered);
      const { address } = member(mesh, 1);
      const sameKey = await registrationOf(mesh, address, secretOf(100n), 300n);
      await expect(as(mesh, 1).register(sameKey, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "BlsKeyTaken")
        .withArgs(keccak256(g1ForLedger(nobleBls.publicKey(secretOf(100n)))));
      const samePin = await registrationOf(mesh, address, secretOf(300n), 100n);
      await expect(as(mesh, 1).register(samePin, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "TlsPinTaken")
        .withArgs(tlsPinOf(secretOf(100n)));
    });

    it("refuses an endpoint of no or too many bytes, and what is no scope", async () => {
      const mesh = await loadFixture(opened);
      const registration = await registrationOf(mesh, member(mesh, 0).address, secretOf(100n), 100n);
      for (const length of [0, 256]) {
        await expect(as(mesh, 0).register({ ...registration, endpoint: "e".repeat(length) }, { value: STAKE }))
          .to.be.revertedWithCustomError(mesh.registry, "InvalidEndpoint")
          .withArgs(BigInt(length));
      }
      await expect(as(mesh, 0).register({ ...registration, scope: "geo:" }, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidScope")
        .withArgs("geo:");
      await as(mesh, 0).register({ ...registration, endpoint: "e".repeat(255) }, { value: STAKE });
    });

    it("refuses an endpoint that is not of visible ASCII characters: readers must be able to decode it", async () => {
      const mesh = await loadFixture(opened);
      const registration = await registrationOf(mesh, member(mesh, 0).address, secretOf(100n), 100n);
      await as(mesh, 0).register(registration, { value: STAKE });
      const { selector } = mesh.registry.interface.getFunction("update");
      for (const endpoint of [
        "0xfffe",
        "0x00",
        "0x6120623a31",
        "0xc3a93a31",
        "0x7f",
        `0x${"61".repeat(32)}80`,
        `0x20${"7e".repeat(31)}`,
      ]) {
        // Bytes are encoded as texts are, and ethers would not encode these as a text.
        const types = ["bytes32[4]", "bytes", "string"];
        const values = ethers.AbiCoder.defaultAbiCoder().encode(types, [
          Object.values(registration.tlsKey),
          endpoint,
          "grp:a",
        ]);
        const data = ethers.concat([selector, values]);
        await expect(member(mesh, 0).sendTransaction({ to: mesh.registry.target, data }))
          .to.be.revertedWithCustomError(mesh.registry, "InvalidEndpoint")
          .withArgs(BigInt(ethers.dataLength(endpoint)));
      }
      await as(mesh, 0).update(registration.tlsKey, "!~[::1]:9".repeat(8), "grp:a");
    });
  });

  describe("proof of possession", () => {
    const secret = secretOf(100n);
    const key = nobleBls.publicKey(secret);

    /** Registers member 0 with `change` in place of what it should give. */
    async function expectRefused(mesh: Mesh, change: object) {
      const registration = { ...(await registrationOf(mesh, member(mesh, 0).address, secret, 100n)), ...change };
      const { xHi, xLo, yHi, yLo } = registration.blsKey;
      const keyHash = keccak256(ethers.concat([xHi, xLo, yHi, yLo].map(word)));
      await expect(as(mesh, 0).register(registration, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidPossession")
        .withArgs(member(mesh, 0).address, keyHash);
    }

    it("copied from another account is refused", async () => {
      const mesh = await loadFixture(opened);
      await expectRefused(mesh, await registrationOf(mesh, member(mesh, 1).address, secret, 100n));
    });

    it("made for another mesh, chain, contract or purpose is refused", async () => {
      const mesh = await loadFixture(opened);
      const { address } = member(mesh, 0);
      const keyHash = getBytes(keccak256(g1ForLedger(key)));
      const values = { account: getBytes(address), keyHash };
      const other = await deployMesh(connection, 2n);
      const elsewhere = await deployMesh(await networkOn(4_242));
      for (const digest of [
        await other.digest(other.registry, "ProofOfPossession", values),
        await elsewhere.digest(mesh.registry, "ProofOfPossession", values),
        await mesh.digest(mesh.fleets, "ProofOfPossession", values),
      ]) {
        await expectRefused(mesh, { possession: g2Struct(g2ForLedger(provePossession(secret, digest))) });
      }
      // The right digest under the tag of signatures: a swarm member must not be tricked into proving.
      const digest = await mesh.digest(mesh.registry, "ProofOfPossession", values);
      await expectRefused(mesh, { possession: g2Struct(g2ForLedger(nobleBls.sign(secret, digest))) });
    });

    it("of a rogue key, made from others' keys to cancel them, cannot be made", async () => {
      const mesh = await loadFixture(registered);
      const { G1 } = (await import("@noble/curves/bls12-381.js")).bls12_381;
      const victim = G1.Point.fromBytes(nobleBls.publicKey(secretOf(105n)));
      const rogue = G1.Point.fromBytes(key).subtract(victim);
      await expect(
        as(mesh, 1).register(
          {
            ...(await registrationOf(mesh, member(mesh, 1).address, secret, 300n)),
            blsKey: g1Struct(g1ForLedger(rogue.toBytes())),
          },
          { value: STAKE },
        ),
      ).to.be.revertedWithCustomError(mesh.registry, "InvalidPossession");
    });

    it("with a point at infinity, off the curve, outside its subgroup or not canonical is refused", async () => {
      const mesh = await loadFixture(opened);
      const { blsKey } = await registrationOf(mesh, member(mesh, 0).address, secret, 100n);
      const infinity = g1Struct(new Uint8Array(128));
      await expectRefused(mesh, { blsKey: infinity });
      await expectRefused(mesh, { blsKey: infinity, possession: NO_SIGNATURE });
      await expectRefused(mesh, { possession: NO_SIGNATURE });
      await expectRefused(mesh, { blsKey: { ...blsKey, yLo: blsKey.yLo ^ 1n } });
      await expectRefused(mesh, { blsKey: g1OutsideSubgroup() });
      await expectRefused(mesh, { blsKey: { ...blsKey, xHi: blsKey.xHi | (1n << 255n) } });
    });
  });

  describe("proof that the TLS key is held", () => {
    const tlsSecret = secretOf(100n);
    const tlsPin = tlsPinOf(tlsSecret);

    /** Has member 0 register, and member 5, which is registered, update, with `tlsKey`, and sees both refused. */
    async function expectRefused(mesh: Mesh, tlsKey: ReturnType<typeof tlsKeyStruct>, pin = tlsPin) {
      const registration = await registrationOf(mesh, member(mesh, 0).address, secretOf(100n), 100n);
      await expect(as(mesh, 0).register({ ...registration, tlsKey }, { value: STAKE }))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidTlsPossession")
        .withArgs(member(mesh, 0).address, pin);
      await expect(as(mesh, 5).update(tlsKey, "e:1", "grp:city"))
        .to.be.revertedWithCustomError(mesh.registry, "InvalidTlsPossession")
        .withArgs(member(mesh, 5).address, pin);
    }

    async function opened5(): Promise<Mesh> {
      const mesh = await opened();
      await register(mesh, 5);
      return mesh;
    }

    it("copied from another account's transaction is refused, and does not stop that account", async () => {
      const mesh = await loadFixture(opened5);
      const victim = member(mesh, 1);
      await expectRefused(mesh, await tlsKeyOf(mesh, victim.address, 100n));
      const registration = await registrationOf(mesh, victim.address, secretOf(101n), 100n);
      await as(mesh, 1).register(registration, { value: STAKE });
      expect((await mesh.registry.validator(victim)).tlsPin).to.equal(tlsPin);
    });

    it("made for another mesh, chain, contract or statement is refused", async () => {
      const mesh = await loadFixture(opened5);
      const other = await deployMesh(connection, 2n);
      const elsewhere = await deployMesh(await networkOn(4_242));
      for (const i of [0, 5]) {
        const values = { account: getBytes(member(mesh, i).address), tlsPin: getBytes(tlsPin) };
        const evidence = { digest: new Uint8Array(32), partialHash: getBytes(tlsPin) };
        for (const digest of [
          await other.digest(other.registry, "TlsPossession", values),
          await elsewhere.digest(mesh.registry, "TlsPossession", values),
          await mesh.digest(mesh.fleets, "TlsPossession", values),
          await mesh.digest(mesh.registry, "ProofOfPossession", { account: values.account, keyHash: values.tlsPin }),
          await mesh.digest(mesh.registry, "PartialEvidence", evidence),
        ]) {
          await expectRefused(mesh, tlsKeyStruct(tlsSecret, digest));
        }
      }
    });

    it("by another key, with a high s, or of what is no point of P-256 is refused", async () => {
      const mesh = await loadFixture(opened5);
      const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
      for (const i of [0, 5]) {
        const { address } = member(mesh, i);
        const good = await tlsKeyOf(mesh, address, 100n);
        const { r, s } = await tlsKeyOf(mesh, address, 101n);
        await expectRefused(mesh, { ...good, r, s });
        await expectRefused(mesh, { ...good, r: word(0) });
        await expectRefused(mesh, { ...good, s: word(order - BigInt(good.s)) });
        const off = { ...good, y: word(BigInt(good.y) ^ 1n) };
        await expectRefused(mesh, off, tlsPinOfPoint(Buffer.concat([Buffer.of(4), getBytes(off.x), getBytes(off.y)])));
      }
    });
  });

  describe("update", () => {
    it("rotates the TLS key and moves the endpoint; an old pin is never free again", async () => {
      const mesh = await loadFixture(registered);
      const { address } = member(mesh, 0);
      const next = await tlsKeyOf(mesh, address, 500n);
      const pin = tlsPinOf(secretOf(500n));
      await expect(as(mesh, 0).update(next, "other.example:1", "grp:city"))
        .to.emit(mesh.registry, "ValidatorUpdated")
        .withArgs(address, pin, "other.example:1", "grp:city");
      const { tlsPin, endpoint, scope } = await mesh.registry.validator(address);
      expect([tlsPin, endpoint, scope]).to.deep.equal([pin, "other.example:1", "grp:city"]);
      for (const i of [0, 5]) {
        const old = await tlsKeyOf(mesh, member(mesh, i).address, 100n);
        await expect(as(mesh, i).update(old, "other.example:1", "grp:city"))
          .to.be.revertedWithCustomError(mesh.registry, "TlsPinTaken")
          .withArgs(tlsPinOf(secretOf(100n)));
      }
      await as(mesh, 0).update(next, "third.example:1", "grp:city");
    });

    it("is checked as a registration is, and for active accounts only", async () => {
      const mesh = await loadFixture(registered);
      const same = await tlsKeyOf(mesh, member(mesh, 0).address, 100n);
      await expect(as(mesh, 0).update(same, "", "grp:city")).to.be.revertedWithCustomError(
        mesh.registry,
        "InvalidEndpoint",
      );
      await expect(as(mesh, 0).update(same, "e:1", "grp:")).to.be.revertedWithCustomError(
        mesh.registry,
        "InvalidScope",
      );
      await expect(as(mesh, 1).update(await tlsKeyOf(mesh, member(mesh, 1).address, 500n), "e:1", "grp:city"))
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(member(mesh, 1).address, STATE.admitted, STATE.active);
    });
  });

  describe("stake", () => {
    it("leaves after exit and unbonding, whole, and the operator may come back", async () => {
      const mesh = await loadFixture(registered);
      const leaver = member(mesh, 5);
      const sent = as(mesh, 5).exit();
      const withdrawable = BigInt(await sent.then(() => time.latest())) + DAY;
      await expect(sent).to.emit(mesh.registry, "ExitStarted").withArgs(leaver.address, withdrawable);
      expect(await mesh.registry.eligibleAmong([leaver])).to.equal(0n);
      await time.setNextBlockTimestamp(withdrawable - 1n);
      await expect(as(mesh, 5).withdraw())
        .to.be.revertedWithCustomError(mesh.registry, "StillBonded")
        .withArgs(withdrawable, withdrawable - 1n);
      await time.increaseTo(withdrawable);
      await expect(as(mesh, 5).withdraw()).to.changeEtherBalances(ethers, [leaver, mesh.registry], [STAKE, -STAKE]);
      const { state, stake } = await mesh.registry.validator(leaver);
      expect([state, stake]).to.deep.equal([STATE.exited, 0n]);
      await expect(as(mesh, 5).withdraw())
        .to.be.revertedWithCustomError(mesh.registry, "WrongState")
        .withArgs(leaver.address, STATE.exited, STATE.exiting);
      await expectBalanced(mesh);

      const { address } = mesh.stranger;
      await mesh.registry.admit(address, word(6), FAR, await admission(mesh, address, word(6)));
      expect(await mesh.registry.candidateOf(word(6))).to.equal(address);
    });

    it("stays while its owner is in office, and for the time of unbonding after that", async () => {
      const mesh = await loadFixture(registered);
      const leaver = member(mesh, 0);
      await expect(as(mesh, 0).exit()).to.emit(mesh.registry, "ExitStarted").withArgs(leaver.address, 0n);
      await time.increase(DAY);
      await expect(as(mesh, 0).withdraw())
        .to.be.revertedWithCustomError(mesh.registry, "InOffice")
        .withArgs(member(mesh, 0).address);
      const committee = mesh.members.slice(1, 5).map((member) => member.address);
      await mesh.ceremony.install({ ...officeOf(mesh, 2n), committee });
      // The committee before the one in office may have to come back.
      await expect(as(mesh, 0).withdraw()).to.be.revertedWithCustomError(mesh.registry, "InOffice");
      await passProbation(mesh);
      const sent = as(mesh, 0).withdraw();
      const withdrawable = BigInt(await sent.then(() => time.latest())) + DAY;
      await expect(sent).to.emit(mesh.registry, "ExitStarted").withArgs(leaver.address, withdrawable);
      await expect(sent).to.changeEtherBalances(ethers, [leaver, mesh.registry], [0n, 0n]);
      const { state, stake } = await mesh.registry.validator(leaver);
      expect([state, stake]).to.deep.equal([STATE.exiting, STAKE]);
      await time.setNextBlockTimestamp(withdrawable - 1n);
      await expect(as(mesh, 0).withdraw())
        .to.be.revertedWithCustomError(mesh.registry, "StillBonded")
        .withArgs(withdrawable, withdrawable - 1n);
      await time.increaseTo(withdrawable);
      await expect(as(mesh, 0).withdraw()).to.changeEtherBalances(ethers, [leaver, mesh.registry], [STAKE, -STAKE]);
      await expectBalanced(mesh);
    });

    it("stays for as long after a seat in a ceremony that came to nothing", async () => {
      const mesh = await loadFixture(registered);
      const leaver = member(mesh, 5);
      await mesh.ceremony.seat(leaver.address, true);
      await expect(as(mesh, 5).exit()).to.emit(mesh.registry, "ExitStarted").withArgs(leaver.address, 0n);
      await time.increase(DAY);
      await expect(as(mesh, 5).withdraw()).to.be.revertedWithCustomError(mesh.registry, "InOffice");
      await mesh.ceremony.seat(leaver.address, false);
      await expect(as(mesh, 5).withdraw()).to.emit(mesh.registry, "ExitStarted");
      await time.increase(DAY);
      await expect(as(mesh, 5).withdraw()).to.emit(mesh.registry, "StakeWithdrawn");
    });

    it("grows by what is added, while active", async () => {
      const mesh = await loadFixture(registered);
      await expect(as(mesh, 0).addStake({ value: 5n }))
        .to.emit(mesh.registry, "StakeAdded")
        .withArgs(member(mesh, 0).address, 5n, STAKE + 5n);
      await expect(as(mesh, 0).addStake())
        .to.be.revertedWithCustomError(mesh.registry, "InvalidStake")
        .withArgs(0n, 1n);
      await as(mesh, 0).exit();
      for (const call of [() => as(mesh, 0).addStake({ value: 1n }), () => as(mesh, 0).exit()]) {
        await expect(call())
          .to.be.revertedWithCustomError(mesh.registry, "WrongState")
          .withArgs(member(mesh, 0).address, STATE.exiting, STATE.active);
      }
      await expectBalanced(mesh);
    });

    it("cannot be taken twice by a contract that calls back, nor lost by one that refuses it", async () => {
      const mesh = await loadFixture(registered);
      const thief = await ethers.deployContract("StakeThief", [mesh.registry]);
      const account = await thief.getAddress();
      await mesh.registry.admit(account, word(30), FAR, await admission(mesh, account, word(30)));
      await thief.register(await registrationOf(mesh, account, secretOf(400n), 400n), { value: STAKE });
      await thief.exit();
      await time.increase(DAY);
      // Its callback's own withdraw fails, so the whole withdrawal does.
      await expect(thief.withdraw(true))
        .to.be.revertedWithCustomError(mesh.registry, "TransferFailed")
        .withArgs(account, STAKE);
      await expectBalanced(mesh);
      await thief.withdraw(false);
      expect(await ethers.provider.getBalance(account)).to.equal(STAKE);
      await expectBalanced(mesh);
    });
  });

  describe("slashing", () => {
    it("burns the genesis' part for an offence, a quarter of it for silence, and names it", async () => {
      const mesh = await loadFixture(registered);
      const { address } = member(mesh, 0);
      const fifth = STAKE / 5n;
      await expect(mesh.ceremony.slash(address, OFFENCE.badDealing))
        .to.emit(mesh.registry, "Slashed")
        .withArgs(address, OFFENCE.badDealing, fifth, STAKE - fifth);
      const rest = STAKE - fifth;
      await expect(mesh.ceremony.slash(address, OFFENCE.missingDealing))
        .to.emit(mesh.registry, "Slashed")
        .withArgs(address, OFFENCE.missingDealing, rest / 20n, rest - rest / 20n);
      expect(await mesh.registry.totalBurnt()).to.equal(fifth + rest / 20n);
      await expectBalanced(mesh);
    });

    it("ends eligibility below half of the minimum, until stake is added", async () => {
      const mesh = await loadFixture(registered);
      const { address } = member(mesh, 0);
      for (const eligible of [true, true, true, false]) {
        await mesh.ceremony.slash(address, OFFENCE.badComplaint);
        expect(await mesh.registry.eligibleAmong([address])).to.equal(eligible ? 1n : 0n);
      }
      await as(mesh, 0).addStake({ value: STAKE });
      expect(await mesh.registry.eligibleAmong([address])).to.equal(1n);
      await expectBalanced(mesh);
    });

    it("reaches who is leaving, and passes over who has no stake", async () => {
      const mesh = await loadFixture(registered);
      await as(mesh, 5).exit();
      await mesh.ceremony.slash(member(mesh, 5), OFFENCE.badDealing);
      await time.increase(DAY);
      await expect(as(mesh, 5).withdraw()).to.changeEtherBalance(ethers, member(mesh, 5), STAKE - STAKE / 5n);
      for (const account of [member(mesh, 5), member(mesh, 1), mesh.stranger]) {
        await expect(mesh.ceremony.slash(account, OFFENCE.badDealing)).not.to.emit(mesh.registry, "Slashed");
      }
      await expectBalanced(mesh);
    });

    it("is for the ceremony alone", async () => {
      const mesh = await loadFixture(registered);
      await expect(as(mesh, 5).slash(member(mesh, 0), OFFENCE.badDealing))
        .to.be.revertedWithCustomError(mesh.registry, "WrongCaller")
        .withArgs(member(mesh, 5).address, await mesh.ceremony.getAddress());
    });
  });
});

/** A network with another chain id. */
async function networkOn(chainId: number) {
  const { network } = await import("hardhat");
  return network.create({ override: { chainId } });
}

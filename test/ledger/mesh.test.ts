/** The ledger layer on a real mesh: events to state, proven reads, refusals in words. */
import { expect } from "chai";
import { Wallet, getBytes, keccak256, solidityPackedKeccak256, toBeHex } from "ethers";
import { network } from "hardhat";

import { addressesOf, contractsAt, type MeshAddresses } from "../../src/ledger/contracts.js";
import type { Endpoint } from "../../src/ledger/endpoint.js";
import { eventDecoder, type LedgerEvent } from "../../src/ledger/events.js";
import { Follower } from "../../src/ledger/follower.js";
import { MeshReader, provenAddresses } from "../../src/ledger/mesh-reader.js";
import { Projection } from "../../src/ledger/projection.js";
import { TransactionSender } from "../../src/ledger/sender.js";
import type { MapVersion } from "../../src/ledger/shard-book.js";
import { LedgerSource } from "../../src/ledger/source.js";
import { FAR, PARAMETERS, SCOPES, openMesh, registrationOf, secretOf, word, type Mesh } from "../contracts/mesh.js";
import { HOLDERS, mapOf } from "../contracts/shard-map-fixture.js";
import { endpointOf } from "./support/chain.js";
import { failure } from "./support/failure.js";
import { Proxy } from "./support/proxy.js";
import { serve, type Served } from "./support/serve.js";

const POLICY = { scopes: ["grp:city/lamps"], maximumLifetime: 3600, quota: 4, joinMethods: 3, graceSeconds: 60 };

describe("ledger layer on a mesh", () => {
  let mesh: Mesh;
  let served: Served;
  let proxy: Proxy;
  let endpoint: Endpoint;
  let source: LedgerSource;
  let addresses: MeshAddresses;
  let reader: MeshReader;

  before(async () => {
    mesh = await openMesh(await network.create());
    served = await serve(mesh.on.provider);
    proxy = await new Proxy(served.url).start();
    endpoint = endpointOf(proxy.url);
    source = new LedgerSource({ endpoints: [endpoint], ownNode: true, finalityBlocks: 0 });
    addresses = await addressesOf(await mesh.anchor.getAddress(), endpoint.provider);
    reader = new MeshReader(source, addresses);

    for (const [i, member] of mesh.members.slice(0, 4).entries()) {
      const registration = await registrationOf(mesh, member.address, secretOf(BigInt(100 + i)), BigInt(i + 1));
      await mesh.registry.connect(member).register(registration, { value: PARAMETERS.minimumStake });
    }
    const fleets = mesh.fleets.connect(mesh.registrar);
    await fleets.registerFleet(1, SCOPES, POLICY, word(1), 0, 300);
    await fleets.registerFleet(1, SCOPES, { ...POLICY, quota: 9 }, word(2), 512, 10);
    await fleets.appendBatch(1, word(3), 768, 5);
  });

  after(async () => {
    source.close();
    await proxy.stop();
    await served.close();
  });

  afterEach(() => {
    proxy.lie = (_call, result) => result;
  });

  /** All events so far. */
  async function events(): Promise<LedgerEvent[]> {
    const stop = new AbortController();
    const follower = new Follower<LedgerEvent>({
      source,
      addresses: Object.values(addresses),
      cursor: { number: 0 },
      decode: eventDecoder(addresses),
      signal: stop.signal,
    });
    const all: LedgerEvent[] = [];
    for await (const batch of follower) {
      all.push(...batch.events);
      if (batch.upToDate) break;
    }
    return all;
  }

  async function project(): Promise<Projection> {
    const projection = new Projection();
    for (const event of await events()) projection.apply(event);
    return projection;
  }

  it("finds the contracts from the anchor, by call and by proof, and says where there is none", async () => {
    expect(await provenAddresses(source, addresses.anchor, await source.finalised())).to.deep.equal(addresses);
    const nowhere = provenAddresses(source, mesh.stranger.address, await source.finalised());
    expect((await failure(nowhere)).code).to.equal("no-mesh");
    expect(addresses.fleets).to.equal(await mesh.fleets.getAddress());
    const handles = contractsAt(addresses, endpoint.provider);
    expect(await handles.anchor.meshId()).to.equal(mesh.meshId);
    expect((await failure(addressesOf(mesh.stranger.address, endpoint.provider))).code).to.equal("no-mesh");
  });

  it("the projection of the events is what the contracts answer", async () => {
    const projection = await project();
    expect(projection.genesis?.meshId).to.equal(mesh.meshId);
    expect(projection.genesis?.parameters.tickSeconds).to.equal(BigInt(PARAMETERS.tickSeconds));
    const genesis = await source.block(projection.genesis?.blockNumber ?? 0);
    expect(BigInt(genesis.timestamp)).to.equal(await mesh.anchor.start());

    expect(projection.members().map(({ account }) => account)).to.deep.equal(
      await mesh.registry.candidates().then((list) => [...list]),
    );
    for (const member of projection.members()) {
      const known = await mesh.registry.validator(member.account);
      expect(member.operator).to.equal(known.operator);
      expect(member.stake).to.equal(known.stake);
      expect(member.contact?.endpoint ?? "").to.equal(known.endpoint);
      expect(member.state).to.equal(known.state === 1n ? "admitted" : "active");
    }
    const office = await mesh.groupKeys.office();
    expect(projection.office?.committee).to.deep.equal([...office.committee]);
    expect(projection.office?.edKey).to.equal(office.edKey);

    const head = await source.finalised();
    expect(projection.nextIndexAt(head.number)).to.equal(await mesh.fleets.nextIndex());
    expect(projection.wordCountAt(head.number)).to.equal(4);
    expect(projection.fleets.get(1n)?.policyHash).to.equal((await mesh.fleets.fleetOf(1)).policyHash);
    expect(projection.fleets.get(1n)?.registrar).to.equal(mesh.registrar.address);
    expect(projection.grants.get(1n)?.scopes).to.deep.equal(SCOPES);
    for (const [index, fleet] of [
      [0n, 1n],
      [299n, 1n],
      [300n, undefined],
      [512n, 2n],
      [768n, 1n],
      [773n, undefined],
    ] as const) {
      expect(projection.batchOf(index)?.fleetId, `index ${index}`).to.equal(fleet);
    }
  });

  it("proven reads are what the contracts answer: the layout of storage is theirs", async () => {
    await mesh.revocations.connect(mesh.registrar).hold(await batchOf(0n), [0, 1], [6n, 1n]);
    const block = await source.finalised();
    expect(await reader.batchHash(1n, 1n, block)).to.equal(await mesh.fleets.batchHash(1, 1));
    expect(await reader.policyHash(2n, block)).to.equal((await mesh.fleets.fleetOf(2)).policyHash);
    expect(await reader.nextIndex(block)).to.equal(await mesh.fleets.nextIndex());
    expect(await reader.revocationWords([0, 1, 9], block)).to.deep.equal([
      { revoked: 0n, held: await mesh.revocations.held(0) },
      { revoked: 0n, held: await mesh.revocations.held(1) },
      { revoked: 0n, held: 0n },
    ]);
    const { generation, epoch, ceremony, blsKey, edKey, verificationRoot } = await mesh.groupKeys.office();
    const key = [blsKey.xHi, blsKey.xLo, blsKey.yHi, blsKey.yLo].map((part) => toBeHex(part, 32).slice(2));
    expect(await reader.groupKeys(block)).to.deep.equal({
      generation,
      epoch,
      ceremony,
      blsKey: `0x${key.join("")}`,
      edKey,
      verificationRoot,
    });
    await mesh.revocations.connect(mesh.registrar).release(await batchOf(0n), [0, 1], [6n, 1n]);
  });

  it("a device: revoked for ever, held, neither, or unknown; at the block that is asked about", async () => {
    const before = await source.finalised();
    const entries = solidityPackedKeccak256(["uint32[]", "uint256[]"], [[0], [1n << 7n]]);
    const values = { entriesHash: getBytes(entries), reason: 1, expiry: FAR };
    const signature = await mesh.swarmSign(mesh.revocations, "Revocation", values);
    await mesh.revocations.revoke([0], [1n << 7n], 1, FAR, signature);
    await mesh.revocations.connect(mesh.registrar).hold(await batchOf(0n), [0], [1n << 8n]);
    const after = await source.finalised();
    const projection = await project();
    const flags = async (index: bigint, block = after): Promise<boolean[] | undefined> => {
      const device = await reader.device(projection, index, block);
      return device && [device.revoked, device.held];
    };
    expect(await flags(7n)).to.deep.equal([true, false]);
    expect(await flags(8n)).to.deep.equal([false, true]);
    expect(await flags(9n)).to.deep.equal([false, false]);
    expect(await flags(7n, before)).to.deep.equal([false, false]);
    expect(await flags(300n)).to.equal(undefined);
    expect(projection.bitmap.effective(0, after.number)).to.equal(await mesh.revocations.effective(0));
    expect(projection.listDiffers(before.number, after.number)).to.equal(true);
  });

  it("a node that hides a revocation from the logs cannot make a device look good", async () => {
    proxy.lie = ({ method }, result) =>
      method === "eth_getLogs"
        ? (result as { address: string }[]).filter(({ address }) => !isRevocations(address))
        : result;
    const blind = await project();
    expect(blind.bitmap.touchedWords()).to.deep.equal([]);
    expect((await reader.device(blind, 7n, await source.finalised()))?.revoked).to.equal(true);
  });

  it("a node that keeps back what happened to a shard map, or makes it up, is caught by the state", async () => {
    const shards = mesh.shards.connect(mesh.registrar);
    const now = BigInt((await source.finalised()).timestamp);
    const map = mapOf({ validFrom: now, validUntil: now + 3_600n });
    await shards.rotate(1, map, HOLDERS);
    await shards.rotate(1, { ...map, version: 2n, validFrom: now + 60n }, HOLDERS);
    await shards.shorten(1, 0, 2, now + 1_800n, 30);
    await shards.invalidate(1, 0, 1);
    const versions = (await project()).shards.versions(1n, 0n);
    const [first, second] = versions as [MapVersion, MapVersion];
    const block = await source.finalised();
    await reader.proveShardMaps(versions, block);

    const told = (change: Partial<MapVersion["map"]>): MapVersion => ({ ...second, map: { ...second.map, ...change } });
    const lies: Record<string, readonly MapVersion[]> = {
      "a rotation": [first],
      "an invalidation": [{ ...first, invalidated: false }, second],
      "an invalidation that never was": [first, { ...second, invalidated: true }],
      "a shorter schedule": [first, told({ validUntil: now + 3_600n, graceSeconds: 600n })],
      "another root": [first, told({ root: word(666) })],
      "other holders": [first, { ...second, holders: "0x8180" }],
      "a version that never was": [first, second, told({ version: 3n })],
    };
    for (const [what, lie] of Object.entries(lies)) {
      expect((await failure(reader.proveShardMaps(lie, block))).code, what).to.equal("bad-proof");
    }
  });

  it("a node that invents a batch is caught by the state", async () => {
    const invented = new Projection();
    for (const event of await events()) {
      const forged =
        event.name === "BatchAppended" ? { ...event, args: { ...event.args, manifestRoot: word(666) } } : event;
      invented.apply(forged as LedgerEvent);
    }
    const fresh = new MeshReader(source, addresses);
    const error = await failure(fresh.device(invented, 1n, await source.finalised()));
    expect(error.code).to.equal("bad-proof");
    expect(error.message).to.include("fleet 1, batch 0");
  });

  it("a log that is none of the mesh's is refused", async () => {
    const decode = eventDecoder(addresses);
    const log = {
      address: addresses.registry.toLowerCase(),
      topics: [keccak256("0x01")],
      data: "0x",
      blockNumber: 1,
      blockHash: word(1),
      transactionHash: word(1),
      logIndex: 0,
    };
    expect(() => decode(log)).to.throw(/is no event that registry has/);
    expect(() => decode({ ...log, address: mesh.stranger.address.toLowerCase() })).to.throw(/no contract of the mesh/);
  });

  describe("transactions", () => {
    let sender: TransactionSender;
    let wallet: Wallet;

    before(async () => {
      wallet = new Wallet(keccak256("0x05"));
      await mesh.stranger.sendTransaction({ to: wallet.address, value: 10n ** 18n });
      sender = new TransactionSender({ endpoint, wallet, replaceAfterMs: 100, pollMs: 20 });
    });

    after(() => sender.close());

    afterEach(async () => {
      await mesh.on.provider.request({ method: "evm_setAutomine", params: [true] });
    });

    it("are in blocks when they resolve, many at a time, with nonces in order", async () => {
      const to = mesh.stranger.address;
      const sent = [1n, 2n, 3n].map((value) => sender.send({ to, data: "0x", value, action: "pay" }));
      const receipts = await Promise.all(sent);
      expect(new Set(receipts.map(({ transactionHash }) => transactionHash)).size).to.equal(3);
      expect(await mesh.on.ethers.provider.getTransactionCount(wallet.address)).to.equal(3);
    });

    it("a refusal names the contract's error and its arguments", async () => {
      const data = mesh.registry.interface.encodeFunctionData("exit");
      const error = await failure(sender.send({ to: addresses.registry, data, action: "leave the registry" }));
      expect(error.code).to.equal("reverted");
      expect(error.details["error"]).to.equal("WrongState");
      expect(error.message).to.match(
        /^the ledger refused to leave the registry: 0x\w+ is in "\w+", and this takes it to be in "active" \(WrongState\)$/,
      );
    });

    it("one that is not taken is sent again with a higher fee, and counts once", async () => {
      await mesh.on.provider.request({ method: "evm_setAutomine", params: [false] });
      const raised = new Promise<void>((resolve) => {
        let broadcasts = 0;
        proxy.lie = ({ method }, result) => {
          if (method === "eth_sendRawTransaction" && ++broadcasts === 3) resolve();
          return result;
        };
      });
      const before = await mesh.on.ethers.provider.getBalance(mesh.members[7]?.address ?? "");
      const sent = sender.send({ to: mesh.members[7]?.address ?? "", data: "0x", value: 5n, action: "pay" });
      await raised;
      await mesh.on.provider.request({ method: "evm_setAutomine", params: [true] });
      await mesh.on.networkHelpers.mine();
      const receipt = await sent;
      const included = await mesh.on.ethers.provider.getTransaction(receipt.transactionHash);
      expect(included?.maxPriorityFeePerGas).to.be.greaterThan(10n ** 9n);
      expect((await mesh.on.ethers.provider.getBalance(mesh.members[7]?.address ?? "")) - before).to.equal(5n);
    });

    it("the nonce of one that the node forgot, and that nobody waits for, is used again: nothing waits behind it", async () => {
      const pay = { to: wallet.address, data: "0x", action: "pay" };
      const { provider } = mesh.on;
      await provider.request({ method: "evm_setAutomine", params: [false] });
      let wake = (): void => undefined;
      proxy.lie = ({ method }, result) => {
        if (method === "eth_sendRawTransaction") wake();
        return result;
      };
      const broadcast = (): Promise<void> => new Promise((resolve) => (wake = resolve));
      const giveUp = new AbortController();
      const [firstIsOut, forgotten] = [broadcast(), failure(sender.send({ ...pay, signal: giveUp.signal }))];
      await firstIsOut;
      const [secondIsOut, behind] = [broadcast(), sender.send(pay)];
      await secondIsOut;
      giveUp.abort();
      expect((await forgotten).code).to.equal("timeout");
      const pending = await provider.request({ method: "eth_pendingTransactions", params: [] });
      const lowest = (pending as { hash: string; nonce: string; from: string }[])
        .filter(({ from }) => from.toLowerCase() === wallet.address.toLowerCase())
        .toSorted((a, b) => Number(a.nonce) - Number(b.nonce))[0];
      await provider.request({ method: "hardhat_dropTransaction", params: [lowest?.hash] });
      const [thirdIsOut, next] = [broadcast(), sender.send(pay)];
      await thirdIsOut;
      await provider.request({ method: "evm_setAutomine", params: [true] });
      await mesh.on.networkHelpers.mine();
      expect(new Set((await Promise.all([behind, next])).map(({ transactionHash }) => transactionHash)).size).to.equal(
        2,
      );
    });

    it("goes on after somebody else used the account", async () => {
      const elsewhere = wallet.connect(mesh.on.ethers.provider);
      await (await elsewhere.sendTransaction({ to: wallet.address })).wait();
      await sender.send({ to: wallet.address, data: "0x", action: "pay" });
    });

    it("an account without money and a fee above the limit are told before sending", async () => {
      const poor = new TransactionSender({ endpoint, wallet: new Wallet(keccak256("0x06")) });
      const payment = { to: wallet.address, data: "0x", value: 1n, action: "pay" };
      expect((await failure(poor.send(payment))).code).to.equal("unsendable");
      poor.close();
      const thrifty = new TransactionSender({ endpoint, wallet, maximumFeePerGas: 1n });
      expect((await failure(thrifty.send(payment))).code).to.equal("unsendable");
      thrifty.close();
    });
  });

  function isRevocations(address: string): boolean {
    return address.toLowerCase() === addresses.revocations.toLowerCase();
  }

  /** The batch that begins at an index, as the contracts take it. */
  async function batchOf(index: bigint) {
    const batch = (await project()).batchOf(index);
    if (batch === undefined) throw new Error(`no batch has index ${index}`);
    const { fleetId, manifestRoot, base, count } = batch;
    return { fleetId, batch: batch.batch, manifestRoot, base, count };
  }
});

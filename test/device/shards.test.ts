/**
 * A device and its holders over TLS: what the registrar delivered comes to its device alone, while the map serves and the device is not
 * revoked; the device uses its key once more offline, and never one key twice.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";
import { Wallet, getBytes, hexlify } from "ethers";

import { decodeHolders, encodeHolders, shardMapToSign } from "../../src/certificate/shard-map.js";
import { decodeDeviceCertificate } from "../../src/certificate/x509-leaf.js";
import type { Transport } from "../../src/device/mesh.js";
import { tlsTransport } from "../../src/device/open.js";
import type { DeviceShards } from "../../src/device/shards.js";
import type { Projection } from "../../src/ledger/projection.js";
import { ShardBook, type ShardEvent } from "../../src/ledger/shard-book.js";
import { PATH } from "../../src/protocol/api.js";
import {
  contentHash,
  decodeShardAnswer,
  deliveryContent,
  encodeShardRequest,
  encodeShardAnswer,
  encodeSignedContent,
  sampleContent,
} from "../../src/protocol/shards.js";
import { deviceRevoked } from "../../src/statements/errors.js";
import { hmac } from "../../src/shards/bytes.js";
import { type KeySource, deviceRoot, nextChain } from "../../src/shards/derivation.js";
import { memoryBudget, open, seal } from "../../src/shards/deterministic-aead.js";
import { EntryTree, encodePlacedEntry, entryLeaf } from "../../src/shards/entry.js";
import { generateDevice } from "../../src/shards/generate.js";
import { messageDigest, verifyOnce } from "../../src/shards/one-time-keys.js";
import { holdersOf } from "../../src/shards/placement.js";
import { sealRoot, sealedRootId } from "../../src/shards/sealed-root.js";
import { SCHEME } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import { statementDigest } from "../../src/statements/eip712.js";
import { openPackStore } from "../../src/store/pack-store.js";
import type { ShardStore } from "../../src/store/shard-store.js";
import type { CertifiedDevice } from "../../src/validator/caller.js";
import { Holding } from "../../src/validator/holding.js";
import { currentMap, signMap } from "../../src/validator/map-signing.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import type { Standing } from "../../src/validator/standing.js";
import { externalAad, meshId } from "../certificate/fixtures.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { addresses } from "../validator/addresses.js";
import { type TestDevice, expectFailure, makeDevice, openTestDevice } from "./device-fixture.js";
import { type TlsMesh, startTlsMesh } from "./tls-mesh.js";

const [FLEET, BASE, COUNT, REPLICAS] = [1, 256, 3, 2];
const INDEX = BASE + 1;
const HOUR = 3_600;
const context = meshContext(meshId, 31337n, addresses);
const registrar = Wallet.createRandom();
const source: KeySource = { mac: (message) => hmac(new Uint8Array(32).fill(5), message), close: () => undefined };
const sharing = { scheme: SCHEME.shamir, threshold: 2, shards: 3 } as const;
const now = (): number => Math.floor(Date.now() / 1000);
const place = (version: number) => ({ fleetId: FLEET, subject: 0, version });

describe("a device and the holders of its shards", () => {
  let tls: TlsMesh;
  let device: TestDevice;
  let shards: DeviceShards;
  let book: ShardBook;
  let holdings: Map<number, { holding: Holding; store: ShardStore }>;

  /** Paths that the device has asked for, whether or not anybody answered. */
  const asked: string[] = [];
  const noting: Transport = (...to) => {
    const client = tlsTransport(...to);
    const request: typeof client.request = (one) => {
      asked.push(one.path);
      return client.request(one);
    };
    return { request, close: () => client.close() };
  };

  const standing = (): Standing =>
    ({
      projection: {
        shards: book,
        office: { generation: 1n },
        fleets: new Map([[BigInt(FLEET), { registrar: registrar.address }]]),
        batchOf: (index: bigint) =>
          index >= BigInt(BASE) && index < BigInt(BASE + COUNT) ? { fleetId: BigInt(FLEET) } : undefined,
      } as unknown as Projection,
    }) as Standing;
  const options = () => ({ context, standing: standing(), nowSeconds: now });
  const holdersNow = () => {
    const listed = tls.mesh.validators.map(({ pin, endpoint }) => ({ tlsPin: pin, endpoint }));
    return decodeHolders(encodeHolders(listed));
  };
  const signed = (
    content: Uint8Array,
    { by = registrar as { signingKey: Wallet["signingKey"] }, expiry = now() + 60 } = {},
  ) => {
    const values = { fleetId: FLEET, contentHash: contentHash(content), expiry };
    const digest = statementDigest(context.separators.shards, "ShardDelivery", values);
    return encodeSignedContent({ content, expiry, signature: getBytes(by.signingKey.sign(digest).serialized) });
  };
  const holdingOf = (pin: Uint8Array): Holding => {
    const { seat } = tls.mesh.validators.find((one) => Buffer.compare(one.pin, pin) === 0) as { seat: number };
    return holdings.get(seat)?.holding as Holding;
  };

  /** A device that is enrolled, with what the factory gave it. */
  async function bring(shardRoot: Uint8Array | undefined): Promise<void> {
    const made = await makeDevice(tls.mesh, shardRoot && { shardRoot });
    await made.agent.close();
    device = await openTestDevice(tls.mesh, made.path, noting);
    await device.agent.adoptBundle(tls.mesh.bundle);
    await device.agent.enrol();
    shards = await device.agent.shards();
  }

  /** Makes a version, delivers it and puts it on the ledger. */
  async function rotate(
    version: number,
    terms: { readonly validFrom?: number; readonly rootRow?: (at: number) => Promise<Uint8Array> } = {},
  ): Promise<void> {
    const holders = holdersNow();
    let chain: Uint8Array = await nextChain(source, meshId, 1);
    for (let period = 2; period <= version; period++) chain = await nextChain(source, meshId, period, chain);
    const oneTime = { count: 2, type: KEY_TYPE.p256 };
    const made = [];
    for (let i = 0; i < COUNT; i++) {
      made.push(await generateDevice({ meshId, device: BASE + i, version }, { source, chain, sharing, oneTime }));
    }
    const tree = new EntryTree(Buffer.concat(made.map(({ entry }) => entryLeaf(entry))));
    for (const [position, { device: index, entry, entryId, shards: own }] of made.entries()) {
      const placed = encodePlacedEntry({ entry, position, count: COUNT, path: tree.path(position) });
      for (const row of [...own, { id: entryId, bytes: placed }]) {
        for (const { tlsPin } of holdersOf(row.id, holders, REPLICAS)) {
          const content = deliveryContent({ ...place(version), shards: [{ ...row, device: index }] });
          await holdingOf(tlsPin).take(signed(content));
        }
      }
    }
    const { rootRow } = terms;
    const id = sealedRootId({ meshId, device: INDEX, version });
    for (const [at, { tlsPin }] of rootRow === undefined ? [] : holdersOf(id, holders, REPLICAS).entries()) {
      const row = { id, device: INDEX, bytes: (await rootRow?.(at)) as Uint8Array };
      await holdingOf(tlsPin).take(signed(deliveryContent({ ...place(version), shards: [row] })));
    }
    const validFrom = terms.validFrom ?? now() - 10;
    const map = {
      version,
      scheme: sharing.scheme,
      threshold: sharing.threshold,
      shards: sharing.shards,
      replicas: REPLICAS,
      validFrom,
      validUntil: validFrom + HOUR,
      graceSeconds: 60,
      rotationSeconds: 1,
      root: hexlify(tree.root()),
    };
    tell("MapRotated", { subject: 0n, terms: map, holders: hexlify(encodeHolders(holders)) });
  }

  /** An event of the ledger that all members have read. */
  function tell(name: ShardEvent["name"], args: object): void {
    book.apply({ contract: "shards", name, args: { fleetId: BigInt(FLEET), ...args } } as unknown as ShardEvent);
  }

  beforeEach(async () => {
    tls = await startTlsMesh(4);
    book = new ShardBook();
    holdings = new Map();
    for (const validator of tls.mesh.validators) {
      const store = await openPackStore({ folder: await scratchFolder(), quota: 1 << 20 });
      const holding = new Holding({ ...options(), store });
      holdings.set(validator.seat, { holding, store });
      validator.holder = async ({ path, body, certificate }) => {
        if (path === PATH.shardMapSign) {
          const part = { seat: 0, partial: new Uint8Array(), evidence: new Uint8Array() };
          const signer = { partial: () => part };
          const inOffice = () => ({ signer, projection: standing().projection });
          const maps = { prove: async () => undefined };
          await signMap({ ...options(), maps, standing: { ...standing(), inOffice } as unknown as Standing }, body);
          return validator.partOf(shardMapToSign(externalAad, body));
        }
        if (path !== PATH.shards)
          return currentMap(options(), ...(path.split("/").slice(-2).map(Number) as [number, number]));
        const { index, scope } = decodeDeviceCertificate(certificate as Uint8Array);
        if (tls.mesh.revoked.has(index)) throw deviceRevoked(index);
        const caller: CertifiedDevice = { kind: "device", by: "certificate", index, scope };
        return encodeShardAnswer(await holding.give(body, caller));
      };
    }
    await bring(await deviceRoot(source, meshId, INDEX));
  });
  afterEach(async () => {
    await device.agent.close();
    await tls.close();
    for (const { store } of holdings.values()) await store.close();
  });
  after(removeScratchFolders);

  const seed = (offline = false): Promise<string> =>
    shards.withSeed((rebuilt) => Buffer.from(rebuilt).toString("hex"), { offline });
  const idsOf = async (): Promise<Uint8Array[]> => shards.withSeed((_, { entry }) => entry.shards.map(({ id }) => id));

  it("rebuilds its key, and goes on offline and with a holder of each shard away", async () => {
    await rotate(1);
    const first = await seed();
    expect(await seed(true)).to.equal(first);
    await tls.servers[0]?.close(0);
    await writeFile(join(device.path, "shards.cbor"), "damaged");
    expect(await seed()).to.equal(first);
  });

  it("asks once where nobody answers, and goes on with the map and the shards that it keeps", async () => {
    await rotate(1);
    const first = await seed();
    await Promise.all(tls.servers.map((server) => server.close(0)));
    asked.length = 0;
    expect(await seed()).to.equal(first);
    expect(asked.filter((path) => path.startsWith(PATH.shardMap))).to.have.length(tls.servers.length);
  });

  it("moves over to the next version, and never back to an older one", async () => {
    await rotate(1);
    const first = await seed();
    const old = await readFile(join(device.path, "shard-map.cbor"));
    await rotate(2);
    expect(await seed()).to.not.equal(first);
    const newest = book;
    book = new ShardBook();
    await rotate(1);
    await expectFailure(seed(), "map-mismatch");
    book = newest;
    await writeFile(join(device.path, "shard-map.cbor"), old.subarray(0, -1));
    await expectFailure(seed(true), "malformed");
  });

  it("asks for its map again where the kept one does not count any more, and takes no older version for it", async () => {
    await rotate(1);
    const first = await seed();
    await rotate(2);
    const second = await seed();
    const path = join(device.path, "shard-map.cbor");
    const kept = await readFile(path);
    // As under keys that were replaced: it was signed, and not by these.
    kept[kept.length - 1] = (kept.at(-1) as number) ^ 1;
    await writeFile(path, kept);
    await expectFailure(seed(true), "bad-signature");
    // Nor does what is no map at all keep one from being asked for.
    for (const [damaged, code] of [
      [Buffer.from("damaged"), "malformed"],
      [Buffer.from((await device.store.certificate()) as Uint8Array), "wrong-kind"],
    ] as const) {
      await writeFile(path, damaged);
      await expectFailure(seed(true), code);
      expect(await seed()).to.equal(second);
    }
    await writeFile(path, kept);
    const newest = book;
    book = new ShardBook();
    await rotate(1);
    await expectFailure(seed(), "map-mismatch");
    book = newest;
    expect(await seed()).to.equal(second);
    expect(second).to.not.equal(first);
    expect(await seed(true)).to.equal(second);
  });

  it("refuses a map that has not begun or has ended, and one that was invalidated", async () => {
    await expectFailure(seed(), "no-shard-map");
    await rotate(1, { validFrom: now() + 500 });
    await expectFailure(seed(), "no-shard-map");
    await rotate(2);
    await seed();
    tell("MapInvalidated", { subject: 0n, version: 2n });
    await expectFailure(seed(), "no-shard-map");
  });

  it("gets nothing more once it is revoked or cut off, and nobody gets another's shards", async () => {
    await rotate(1);
    const ids = await idsOf();
    const stranger: CertifiedDevice = { kind: "device", by: "certificate", index: BASE, scope: "geo:u33d" };
    for (const { holding } of holdings.values()) {
      expect((await holding.give(encodeShardRequest(ids), stranger)).shards.every((one) => one === null)).to.equal(
        true,
      );
    }
    await writeFile(join(device.path, "shards.cbor"), "damaged");
    tell("ScopeLimited", { scope: "geo:u33", until: BigInt(now() - 5) });
    await expectFailure(seed(), "map-limited");
    await rotate(2, { validFrom: now() - 1 });
    await seed();
    await writeFile(join(device.path, "shards.cbor"), "damaged");
    tls.mesh.revoked.add(INDEX);
    const told = await expectFailure(seed(), "revoked");
    expect(told).to.have.property("advice").that.contains("for good");
  });

  it("without a root from the factory, gets it with its first shards, sealed to its identity key, past a holder that lies", async () => {
    await device.agent.close();
    await bring(undefined);
    const { key } = device.keystore.identity;
    const evil: KeySource = { ...source, mac: (message) => hmac(new Uint8Array(32), message) };
    const sealedBy = (by: KeySource, version: number) => sealRoot(by, key, { meshId, device: INDEX, version });
    await rotate(1);
    await expectFailure(seed(true), "no-shard-root");
    await expectFailure(seed(), "no-shard-root");
    await rotate(2, { rootRow: () => sealedBy(evil, 2) });
    await expectFailure(seed(), "no-shard-root");
    expect(await device.keystore.shardRoot?.()).to.equal(undefined);
    await rotate(3, { rootRow: (at) => sealedBy(at === 0 ? evil : source, 3) });
    const first = await seed();
    expect(await device.keystore.shardRoot?.()).to.deep.equal(Uint8Array.from(await deviceRoot(source, meshId, INDEX)));
    await device.agent.close();
    device = await openTestDevice(tls.mesh, device.path, noting);
    shards = await device.agent.shards();
    expect(await seed(true)).to.equal(first);
    // From now on as every other device.
    await rotate(4);
    expect(await seed()).to.not.equal(first);
  });

  it("without a root from the factory, and revoked, is told so", async () => {
    await device.agent.close();
    await bring(undefined);
    const { key } = device.keystore.identity;
    await rotate(1, { rootRow: () => sealRoot(source, key, { meshId, device: INDEX, version: 1 }) });
    tls.mesh.revoked.add(INDEX);
    await expectFailure(seed(), "revoked");
  });

  it("signs once with each key where it is asked for several signatures at a time", async () => {
    await rotate(1);
    const digests = await Promise.all(["a", "b"].map((text) => messageDigest([new TextEncoder().encode(text)])));
    const signed = await Promise.all(digests.map((digest) => shards.signOnce(digest)));
    const used = new Set<number>();
    for (const [i, { signature, root }] of signed.entries()) {
      expect(verifyOnce(signature, root, digests[i] as Uint8Array, used)).to.equal(true);
    }
    expect([...used].toSorted()).to.deep.equal([0, 1]);
  });

  it("signs once with each key, also after a restart, and its signatures verify with key and path alone", async () => {
    await rotate(1);
    const digest = await messageDigest([new TextEncoder().encode("open the gate")]);
    const used = new Set<number>();
    const { signature, root } = await shards.signOnce(digest);
    expect(verifyOnce(signature, root, digest, used)).to.equal(true);
    await device.agent.close();
    device = await openTestDevice(tls.mesh, device.path, tlsTransport);
    shards = await device.agent.shards();
    const next = await shards.signOnce(digest, { offline: true });
    expect(verifyOnce(next.signature, root, digest, used)).to.equal(true);
    expect([...used]).to.deep.equal([0, 1]);
    await expectFailure(shards.signOnce(digest), "budget-spent");
    await writeFile(join(device.path, "one-time.json"), "{}x");
    await expectFailure(shards.signOnce(digest), "device-folder-damaged");
  });

  it("seals and opens with keys that live for one use", async () => {
    await rotate(1);
    const message = new TextEncoder().encode("23.5 degrees");
    const about = { domain: "test", epoch: 1, associatedData: new Uint8Array() };
    const sealed = await shards.withMessageKeys((keys, epoch, budget) =>
      seal(keys, { ...about, epoch }, message, budget),
    );
    const again = await shards.withMessageKeys((keys) => seal(keys, about, message, memoryBudget()), { offline: true });
    expect(again).to.deep.equal(sealed);
    const opened = await shards.withMessageKeys((keys) => open(keys, about, sealed), { offline: true });
    expect(new Uint8Array(opened)).to.deep.equal(message);
    expect(JSON.parse(await readFile(join(device.path, "messages.json"), "utf8"))).to.deep.equal({ 1: 1_024 });
  });

  it("holders take from the fleet's registrar alone, for its devices, while the signature and the version last", async () => {
    await rotate(1);
    const { holding, store } = holdings.get(1) as { holding: Holding; store: ShardStore };
    const row = { id: new Uint8Array(32).fill(9), device: INDEX, bytes: new Uint8Array(48) };
    const content = deliveryContent({ ...place(1), shards: [row] });
    await expectFailure(holding.take(signed(content, { by: Wallet.createRandom() })), "not-registrar");
    await expectFailure(holding.take(signed(content, { expiry: now() - 1 })), "expired");
    await expectFailure(holding.take(signed(content, { expiry: now() + 2 * HOUR })), "expired");
    const foreign = deliveryContent({ ...place(1), shards: [{ ...row, device: 9 }] });
    await expectFailure(holding.take(signed(foreign)), "unknown-device");
    const shown = await holding.show(signed(sampleContent({ ...place(1), ids: [row.id] })));
    expect(shown.shards).to.deep.equal([null]);
    expect(shown.count).to.be.above(0);
    expect(decodeShardAnswer(encodeShardAnswer(shown))).to.deep.equal(shown);
    tell("MapInvalidated", { subject: 0n, version: 1n });
    await expectFailure(holding.take(signed(content)), "map-not-served");
    expect(await holding.deleteExpired()).to.deep.equal(["1-0-1"]);
    expect(store.usage()).to.deep.equal([]);
    const large = Array.from({ length: 120 }, (_, i) => ({
      ...row,
      id: hmac(row.id, `${i}`),
      bytes: new Uint8Array(8_000),
    }));
    const whole = signed(deliveryContent({ ...place(2), shards: large }));
    await holding.take(whole);
    await expectFailure(holding.take(whole), "store-full");
    expect((await holding.show(signed(sampleContent({ ...place(2), ids: [] })))).count).to.equal(large.length);
  });
});

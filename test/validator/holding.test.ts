/** What a holder lets a fleet's registrar put into its store, so that there is room for those of others. */
import { expect } from "chai";
import { type HDNodeWallet, Wallet, getBytes } from "ethers";

import type { Projection } from "../../src/ledger/projection.js";
import { ShardBook, type ShardEvent } from "../../src/ledger/shard-book.js";
import {
  contentHash,
  deliveryContent,
  encodeShardRequest,
  encodeSignedContent,
  type ShardDelivery,
} from "../../src/protocol/shards.js";
import { statementDigest } from "../../src/statements/eip712.js";
import { openPackStore } from "../../src/store/pack-store.js";
import type { ShardStore } from "../../src/store/shard-store.js";
import { Holding } from "../../src/validator/holding.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import type { Standing } from "../../src/validator/standing.js";
import { meshId } from "../certificate/fixtures.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { addresses } from "./addresses.js";

const NOW = 1_900_000_000;
const QUOTA = 1 << 16;
const context = meshContext(meshId, 31337n, addresses);
/** Fleet 1 has devices 0 to 255, fleet 2 those from 256 on; each has a registrar of its own. */
const registrars: Record<number, HDNodeWallet> = { 1: Wallet.createRandom(), 2: Wallet.createRandom() };
const SAFE_ID = new Uint8Array(32).fill(7);

describe("what a holder takes", () => {
  let store: ShardStore;
  let holding: Holding;
  let book: ShardBook;
  after(removeScratchFolders);
  beforeEach(async () => {
    store = await openPackStore({ folder: await scratchFolder(), quota: QUOTA });
    book = new ShardBook();
    const fleets = new Map(Object.entries(registrars).map(([id, { address }]) => [BigInt(id), { registrar: address }]));
    const projection = {
      shards: book,
      fleets,
      grants: fleets,
      batchOf: (index: bigint) => ({ fleetId: index < 256n ? 1n : 2n }),
    } as unknown as Projection;
    holding = new Holding({
      context,
      standing: { projection } as Standing,
      store,
      quota: QUOTA,
      nowSeconds: () => NOW,
    });
  });
  afterEach(() => store.close());

  const row = (device: number, id = SAFE_ID, length = 48) => ({
    id,
    device,
    bytes: new Uint8Array(length).fill(device),
  });

  async function take(delivery: ShardDelivery): Promise<string> {
    const content = deliveryContent(delivery);
    const expiry = NOW + 60;
    const values = { fleetId: delivery.fleetId, contentHash: contentHash(content), expiry };
    const digest = statementDigest(context.separators.shards, "ShardDelivery", values);
    const signature = getBytes((registrars[delivery.fleetId] as HDNodeWallet).signingKey.sign(digest).serialized);
    return holding.take(encodeSignedContent({ content, expiry, signature })).then(
      () => "taken",
      (error: { code: string }) => error.code,
    );
  }

  function rotate(fleetId: number, version: number): void {
    const terms = { version, validFrom: NOW - 10, validUntil: NOW + 3_600, graceSeconds: 60 };
    const args = { fleetId: BigInt(fleetId), subject: 0n, terms, holders: "0x" };
    book.apply({ contract: "shards", name: "MapRotated", args } as unknown as ShardEvent);
  }

  it("are the next versions, of the fleet or of one device", async () => {
    expect(await take({ fleetId: 1, subject: 0, version: 4, shards: [row(3)] })).to.equal("taken");
    expect(await take({ fleetId: 1, subject: 0, version: 5, shards: [row(3)] })).to.equal("version-ahead");
    rotate(1, 1);
    expect(await take({ fleetId: 1, subject: 0, version: 5, shards: [row(3)] })).to.equal("taken");
    expect(await take({ fleetId: 1, subject: 4, version: 1, shards: [row(3)] })).to.equal("taken");
    expect(await take({ fleetId: 1, subject: 9, version: 1, shards: [row(3)] })).to.equal("wrong-subject");
    expect(await take({ fleetId: 1, subject: 4, version: 2, shards: [row(3), row(4)] })).to.equal("wrong-subject");
  });

  it("are no more of a fleet, as long as the ledger does not have them, than make room for one another", async () => {
    rotate(1, 1);
    await take({ fleetId: 1, subject: 0, version: 1, shards: [row(0)] });
    for (let device = 0; device < 70; device++) {
      expect(await take({ fleetId: 1, subject: device + 1, version: 1, shards: [row(device)] })).to.equal("taken");
    }
    const kept = store.usage().map(({ collection }) => collection);
    expect(kept).to.have.lengthOf(65).and.to.include("1-0-1").and.to.include("1-70-1").and.to.not.include("1-6-1");
  });

  it("are no more of one registrar than its share", async () => {
    const large = Array.from({ length: 4 }, (_, i) => row(300, new Uint8Array(32).fill(i), 8_000));
    expect(await take({ fleetId: 2, subject: 0, version: 1, shards: large })).to.equal("taken");
    expect(await take({ fleetId: 2, subject: 0, version: 2, shards: large })).to.equal("share-full");
    expect(await take({ fleetId: 1, subject: 0, version: 1, shards: [row(3)] })).to.equal("taken");
  });

  it("hide nothing of another fleet, whatever id they have", async () => {
    rotate(1, 1);
    rotate(2, 1);
    await take({ fleetId: 1, subject: 0, version: 1, shards: [row(3)] });
    await take({ fleetId: 2, subject: 0, version: 1, shards: [row(300)] });
    const give = (index: number) =>
      holding.give(encodeShardRequest([SAFE_ID]), { index, scope: "grp:a" } as Parameters<Holding["give"]>[1]);
    expect((await give(3)).shards).to.deep.equal([row(3).bytes]);
    expect((await give(300)).shards).to.deep.equal([row(300).bytes]);
    expect((await give(4)).shards).to.deep.equal([null]);
  });
});

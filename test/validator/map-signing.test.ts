/** That nothing of a shard map is signed but what was proven, whatever the ledger says meanwhile. */
import { expect } from "chai";
import { hexlify } from "ethers";

import { encodeHolders } from "../../src/certificate/shard-map.js";
import { type MapVersion, ShardBook, type ShardEvent } from "../../src/ledger/shard-book.js";
import type { Projection } from "../../src/ledger/projection.js";
import { type MapProofOptions, currentMap, signMap } from "../../src/validator/map-signing.js";
import { Standing } from "../../src/validator/standing.js";
import { NOW, externalAad, seed } from "../certificate/fixtures.js";

describe("a member's part of a shard map's signature", () => {
  function world() {
    const book = new ShardBook();
    const holders = hexlify(encodeHolders([{ tlsPin: seed("pin"), endpoint: "127.0.0.1:1" }]));
    const rotate = (version: number): void => {
      const root = hexlify(seed(`root ${version}`));
      const times = { validFrom: NOW - 10, validUntil: NOW + 600, graceSeconds: 60, rotationSeconds: 1 };
      const terms = { version, scheme: 1, threshold: 2, shards: 3, replicas: 1, ...times, root };
      const args = { fleetId: 1n, subject: 0n, terms, holders };
      book.apply({ contract: "shards", name: "MapRotated", args } as unknown as ShardEvent);
    };
    const projection = { shards: book, office: { generation: 1n } } as unknown as Projection;
    const standing = Object.assign(new Standing(projection), {
      finalised: { number: 1, timestamp: NOW },
      committee: {},
      signer: { partial: () => "part" },
      silence: undefined,
      doubts: () => undefined,
    });
    const proofs: (readonly MapVersion[])[] = [];
    /** Comes about during the first proof. */
    const during: (() => void)[] = [];
    const options = {
      context: { separators: { anchor: externalAad } },
      standing,
      nowSeconds: () => NOW,
      maps: {
        prove: async (versions: readonly MapVersion[]) => {
          proofs.push(versions);
          during.shift()?.();
        },
      },
    } as unknown as MapProofOptions;
    return { options, rotate, proofs, during, versions: () => book.versions(1n, 0n) };
  }

  it("is given once all versions were proven, and a version that comes during a proof is proven too", async () => {
    const { options, rotate, proofs, during, versions } = world();
    rotate(1);
    rotate(2);
    const wanted = currentMap(options, 1, 0);
    during.push(() => rotate(3));
    expect(await signMap(options, wanted).catch(({ code }: { code: string }) => code)).to.equal("map-differs");
    expect(proofs.map(({ length }) => length)).to.deep.equal([2, 3]);
    expect(proofs[1]).to.deep.equal(versions());
    expect(await signMap(options, currentMap(options, 1, 0))).to.equal("part");
  });

  it("is not given where the proof fails", async () => {
    const { options, rotate } = world();
    rotate(1);
    const failing = { ...options, maps: { prove: () => Promise.reject(new Error("bad proof")) } };
    const error: unknown = await signMap(failing, currentMap(options, 1, 0)).catch((cause: unknown) => cause);
    expect(error).to.be.an("error").with.property("message", "bad proof");
  });
});

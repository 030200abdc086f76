/** Shards in a private IPFS network: the contract of all stores, and what its nodes do for one another, each in a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { silentLogger } from "../../src/runtime/log.js";
import { sha256 } from "../../src/shards/bytes.js";
import {
  IPFS_PACKAGES,
  type IpfsNode,
  formatNetworkKey,
  parseNetworkKey,
  startIpfsNode,
} from "../../src/store/ipfs-node.js";
import { type IpfsStore, openIpfsStore, shardTopic } from "../../src/store/ipfs-store.js";
import type { StoredShard } from "../../src/store/shard-store.js";
import { eventually } from "../e2e/waiting.js";
import { removeScratchFolders, scratchFolder } from "../runtime/scratch.js";
import { NETWORK, type Order, ipfsOptions } from "./ipfs-child.js";
import { keepsTheContract, shard } from "./shard-store-contract.js";

const CHILD = fileURLToPath(new URL("ipfs-child.ts", import.meta.url));
const PACKAGE = new URL("../../package.json", import.meta.url);
const COLLECTION = "1-0-1";
const { meshId } = ipfsOptions("", 0, []);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Changes what is on the disk of a shard. */
async function spoil(folder: string, collection: string, { bytes }: StoredShard): Promise<void> {
  const path = join(folder, `${collection}.pack`);
  const content = await readFile(path);
  for (let at = content.indexOf(bytes); at >= 0; at = content.indexOf(bytes)) content[at] = (content[at] as number) ^ 1;
  await writeFile(path, content);
}

function portOf(address: string): number {
  return Number(address.split("/")[4]);
}

describe("a holder's store in a private IPFS network", function () {
  this.timeout(60_000);
  after(removeScratchFolders);

  describe("by itself", () => {
    keepsTheContract(async () => {
      const folder = await scratchFolder();
      return {
        open: (quota) => openIpfsStore({ ...ipfsOptions(folder, 1, []), quota }),
        spoil: (collection, one) => spoil(folder, collection, one),
      };
    });
  });

  describe("among other processes that all know one of them only", () => {
    const children: ChildProcess[] = [];
    const kept = shard(1);
    let folder: string;
    let first: number;
    let store: IpfsStore;

    /** A process, and under which port its node is. */
    async function start(seed: number, ...peers: number[]): Promise<{ child: ChildProcess; port: number }> {
      const args = [await scratchFolder(), String(seed), ...peers.map(String)];
      const child = fork(CHILD, args, { execArgv: ["--import", "tsx"] });
      children.push(child);
      const [address] = (await once(child, "message")) as [string];
      return { child, port: portOf(address) };
    }
    async function tell(child: ChildProcess, order: Order): Promise<unknown> {
      child.send(order);
      return ((await once(child, "message")) as unknown[])[0];
    }
    /** A node that keeps nothing. */
    const stranger = (network: Uint8Array): Promise<IpfsNode> =>
      startIpfsNode({
        listen: { host: "127.0.0.1", port: 0 },
        peers: [{ host: "127.0.0.1", port: first }],
        keys: { seed: randomBytes(32), network },
        block: async () => undefined,
        log: silentLogger,
      });

    before(async () => {
      ({ port: first } = await start(10));
      const { child } = await start(11, first);
      await tell(child, { put: COLLECTION, id: hex(kept.id), bytes: hex(kept.bytes) });
      folder = await scratchFolder();
      store = await openIpfsStore(ipfsOptions(folder, 12, [first]));
      await store.put(COLLECTION, [kept, shard(2)]);
    });
    after(async () => {
      await store.close();
      for (const child of children) {
        const ended = once(child, "exit");
        child.disconnect();
        await ended;
      }
    });

    it("tells the hash table which nodes have a version of a map", async () => {
      const node = await stranger(NETWORK);
      const topic = shardTopic(meshId, COLLECTION);
      const announced = async (): Promise<readonly string[] | undefined> => {
        const found = await node.providers(topic);
        return found.length === 2 ? found : undefined;
      };
      const found = await eventually("both have announced it", announced);
      expect(found).to.include(store.addresses[0]?.split("/").at(-1));
      expect(await node.providers(shardTopic(meshId, "1-0-9"))).to.deep.equal([]);
      await node.close();
    });

    it("gets a good copy of a spoilt shard from another node, and keeps it", async () => {
      await spoil(folder, COLLECTION, kept);
      const found = await eventually("another node gives it", () => store.get(COLLECTION, kept.id));
      expect(found).to.deep.equal(kept);
      await store.close();
      store = await openIpfsStore({ ...ipfsOptions(folder, 12, []), peers: [] });
      expect(await store.get(COLLECTION, kept.id)).to.deep.equal(kept);
    });

    it("gives a shard by its CID to any node of the network that asks for the topic", async () => {
      const node = await stranger(NETWORK);
      const hash = sha256(kept.bytes);
      const fetched = await eventually("it is given", () => node.fetch(hash, shardTopic(meshId, COLLECTION)));
      expect(hex(fetched)).to.equal(hex(kept.bytes));
      await node.close();
    });

    it("gives nothing to whoever has not the network's key", async () => {
      const node = await stranger(new Uint8Array(32));
      expect(await node.fetch(sha256(kept.bytes), shardTopic(meshId, COLLECTION))).to.equal(undefined);
      await node.close();
    });

    it("gives a deleted version to nobody", async () => {
      const node = await stranger(NETWORK);
      const { child } = await start(13, first);
      const other = shard(3);
      const topic = shardTopic(meshId, "1-0-2");
      await tell(child, { put: "1-0-2", id: hex(other.id), bytes: hex(other.bytes) });
      const fetch = (): Promise<Uint8Array | undefined> => node.fetch(sha256(other.bytes), topic);
      await eventually("it is given", fetch);
      expect(await tell(child, { drop: "1-0-2" })).to.equal("dropped");
      expect(await tell(child, { get: "1-0-2", id: hex(other.id) })).to.equal("none");
      expect(await fetch()).to.equal(undefined);
      await node.close();
    });

    it("says in one sentence that its port is taken, and leaves its files closed", async () => {
      const listen = { host: "127.0.0.1", port: first };
      const options = { ...ipfsOptions(await scratchFolder(), 14, []), listen };
      const error: unknown = await openIpfsStore(options).catch((raised: unknown) => raised);
      expect(error).to.include({ code: "ipfs-not-started" });
      expect(String(error)).to.include(String(first));
    });
  });

  it("names the packages that it needs in the versions that it is tested with", () => {
    const { devDependencies, peerDependencies } = JSON.parse(readFileSync(PACKAGE, "utf8")) as Record<string, object>;
    const names = IPFS_PACKAGES.map((one) => one.split(/(?<!^)@/));
    expect(devDependencies).to.include(Object.fromEntries(names));
    expect(peerDependencies).to.include(Object.fromEntries(names));
  });

  it("reads the keys of private networks as IPFS writes them, and nothing else", () => {
    const text = formatNetworkKey(NETWORK);
    expect(text.split("\n").slice(0, 2)).to.deep.equal(["/key/swarm/psk/1.0.0/", "/base16/"]);
    expect(parseNetworkKey(text, "swarm.key")).to.deep.equal(NETWORK);
    expect(parseNetworkKey(text.replaceAll("\n", "\r\n"), "swarm.key")).to.deep.equal(NETWORK);
    for (const bad of [
      "",
      "x",
      text.slice(0, -3),
      text.replace("base16", "base64"),
      `${text}00`,
      text.replace("09", "0g"),
    ]) {
      expect(() => parseNetworkKey(bad, "swarm.key"), bad).to.throw("swarm.key is no key of a private IPFS network");
    }
  });
});

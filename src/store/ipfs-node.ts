/**
 * A node of a private IPFS network that gives blocks to its other nodes and gets blocks from them: libp2p over TCP, Bitswap 1.2, and the
 * distributed hash table that Kubo uses in local networks (Kademlia), so that Kubo's nodes with the same network key can take part. The
 * network key (`swarm.key`) keeps everybody else out before the first byte is understood. The packages are optional peer
 * dependencies, loaded when a node is started and not before.
 */
import { isIPv4, isIPv6 } from "node:net";

import type { Connection, Libp2p, PeerId } from "@libp2p/interface";
import type { CID } from "multiformats/cid";

import type { Endpoint } from "../net/endpoint.js";
import type { Logger } from "../runtime/log.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { cidOf } from "../shards/cid.js";

/** What has to be installed, as `npm install` takes it. */
export const IPFS_PACKAGES: readonly string[] = [
  "libp2p@3.3.11",
  "@chainsafe/libp2p-noise@17.0.0",
  "@chainsafe/libp2p-yamux@8.0.1",
  "@helia/bitswap@3.2.3",
  "@libp2p/crypto@5.1.23",
  "@libp2p/identify@4.1.14",
  "@libp2p/kad-dht@16.4.5",
  "@libp2p/ping@3.1.13",
  "@libp2p/pnet@3.0.27",
  "@libp2p/tcp@11.0.28",
  "@multiformats/multiaddr@13.0.3",
  "datastore-core@12.0.1",
  "multiformats@13.4.2",
];

/** Secrets of a node. */
export interface IpfsKeys {
  /** Of the node's own Ed25519 key, from which its peer id follows; 32 bytes. */
  readonly seed: Uint8Array;
  /** The private network's; 32 bytes. */
  readonly network: Uint8Array;
}

export interface IpfsNodeOptions {
  readonly listen: Endpoint;
  /** Other nodes, asked for more of them. One that is away is tried again. */
  readonly peers: readonly Endpoint[];
  readonly keys: IpfsKeys;
  /** A block that this node gives to others, by its SHA-256. */
  readonly block: (hash: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly log: Logger;
}

export interface IpfsNode {
  /** Multiaddresses under which others reach it, with its peer id. */
  readonly addresses: readonly string[];
  /** Tells the hash table, now and from then on, that what belongs to a topic (32 bytes) is here. */
  announce(topic: Uint8Array): void;
  withdraw(topic: Uint8Array): void;
  /** Peer ids of the other nodes that announced the topic, as the hash table knows them. */
  providers(topic: Uint8Array): Promise<readonly string[]>;
  /** The block with this hash, from a node that announced the topic. `undefined` if none gave it in time, or none is there. */
  fetch(hash: Uint8Array, topic: Uint8Array): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** As Kubo's hash table for local networks is called. */
const DHT_PROTOCOL = "/ipfs/lan/kad/1.0.0";
const FETCH_MILLISECONDS = 1_500;
const ANNOUNCE_MILLISECONDS = 30_000;
/** Between looks after peers that are away, and after what is not announced yet. */
const CARE_MILLISECONDS = 5_000;
/** New connections a second from one host; a machine may run many nodes. */
const CONNECTIONS_PER_HOST = 50;
const MAXIMUM_MESSAGE_BYTES = 1 << 20;
/** What the hash table's part and the peers that a node knows may take in memory: some hundred bytes each. */
const MAXIMUM_RECORDS = 20_000;

/** Of libp2p's content routing what is used; its packages bring two versions of the class of CIDs, whose objects both take. */
interface Routing {
  provide(cid: CID, options: { signal: AbortSignal }): Promise<void>;
  cancelReprovide(cid: CID): Promise<void>;
  findProviders(cid: CID, options?: { signal?: AbortSignal }): AsyncIterable<{ readonly id: PeerId }>;
}

type Packages = Awaited<ReturnType<typeof importPackages>>;

async function importPackages() {
  const [libp2p, tcp, noise, yamux, pnet, identify, ping, dht, keys, bitswap, cid, sha2, multiaddr, datastore] =
    await Promise.all([
      import("libp2p"),
      import("@libp2p/tcp"),
      import("@chainsafe/libp2p-noise"),
      import("@chainsafe/libp2p-yamux"),
      import("@libp2p/pnet"),
      import("@libp2p/identify"),
      import("@libp2p/ping"),
      import("@libp2p/kad-dht"),
      import("@libp2p/crypto/keys"),
      import("@helia/bitswap"),
      import("multiformats/cid"),
      import("multiformats/hashes/sha2"),
      import("@multiformats/multiaddr"),
      import("datastore-core/memory"),
    ] as const);
  return {
    ...libp2p,
    ...tcp,
    ...noise,
    ...yamux,
    ...pnet,
    ...identify,
    ...ping,
    ...dht,
    ...keys,
    ...bitswap,
    ...cid,
    ...sha2,
    ...multiaddr,
    ...datastore,
  };
}

/** That the packages are there. @throws SwarmkeepError `ipfs-missing` */
export async function expectIpfs(): Promise<void> {
  await loadIpfs();
}

async function loadIpfs(): Promise<Packages> {
  try {
    return await importPackages();
  } catch (cause) {
    throw new SwarmkeepError("a store in IPFS needs packages that are not installed", {
      kind: "environment",
      code: "ipfs-missing",
      advice: `Run: npm install ${IPFS_PACKAGES.join(" ")}`,
      cause,
    });
  }
}

/** @throws SwarmkeepError `ipfs-missing`, `ipfs-not-started` */
export async function startIpfsNode({ listen, peers, keys, block, log }: IpfsNodeOptions): Promise<IpfsNode> {
  const ipfs = await loadIpfs();
  const cids = (hash: Uint8Array): CID => ipfs.CID.parse(cidOf(hash));
  const libp2p = await started(ipfs, listen, keys);
  const routing = libp2p.contentRouting as unknown as Routing;
  /** Under which topics the blocks that are wanted now may be found. */
  const wanted = new Map<string, CID>();
  /** Who announced a topic, without this node. */
  const others = async function* (topic: CID, options?: { signal?: AbortSignal }) {
    for await (const provider of routing.findProviders(topic, options)) {
      if (!provider.id.equals(libp2p.peerId)) yield provider;
    }
  };
  const bitswap = ipfs.createBitswap(
    {
      libp2p,
      logger: libp2p.logger,
      getHasher: async () => ipfs.sha256,
      // Only what its interface needs here: what comes from others is kept by whoever asked for it.
      blockstore: givenBlocks(block) as never,
      routing: {
        async *findProviders(cid: CID, options?: { signal?: AbortSignal }) {
          const topic = wanted.get(String(cid));
          if (topic === undefined) return;
          for await (const provider of others(topic, options)) yield { ...provider, routing: DHT_PROTOCOL };
        },
      } as never,
    },
    { maxIncomingMessageSize: MAXIMUM_MESSAGE_BYTES },
  );
  await bitswap.start();

  const closing = new AbortController();
  const within = (milliseconds: number): AbortSignal =>
    AbortSignal.any([closing.signal, AbortSignal.timeout(milliseconds)]);
  const pending = new Map<string, CID>();
  const connected = new Map<string, Connection>();
  const dialMissing = (): Promise<unknown> =>
    Promise.all(
      peers.map(async (peer) => {
        const address = multiaddrOf(peer);
        if (connected.get(address)?.status === "open") return;
        try {
          connected.set(address, await libp2p.dial(ipfs.multiaddr(address), { signal: within(CARE_MILLISECONDS) }));
        } catch (error) {
          log.debug({ error, address }, "an IPFS node does not answer");
        }
      }),
    );
  const announcePending = async (): Promise<void> => {
    for (const [topic, cid] of pending) {
      if (libp2p.getPeers().length === 0) return;
      try {
        await routing.provide(cid, { signal: within(ANNOUNCE_MILLISECONDS) });
        pending.delete(topic);
      } catch (error) {
        log.debug({ error }, "not announced yet");
        return;
      }
    }
  };
  let care: Promise<void> | undefined;
  const lookAfter = (): void => {
    if (closing.signal.aborted) return;
    care ??= (async () => {
      await dialMissing();
      await announcePending();
    })().finally(() => (care = undefined));
  };
  const timer = setInterval(lookAfter, CARE_MILLISECONDS);
  libp2p.addEventListener("peer:identify", lookAfter);
  lookAfter();

  return {
    addresses: libp2p.getMultiaddrs().map(String),
    announce(topic) {
      const cid = cids(topic);
      pending.set(String(cid), cid);
      lookAfter();
    },
    withdraw(topic) {
      const cid = cids(topic);
      pending.delete(String(cid));
      // What others remember of it ends by itself, in two days at most.
      routing.cancelReprovide(cid).catch((error: unknown) => log.debug({ error }, "an announcement was not withdrawn"));
    },
    async providers(topic) {
      const found: string[] = [];
      for await (const { id } of others(cids(topic), { signal: within(CARE_MILLISECONDS) })) found.push(String(id));
      return found;
    },
    async fetch(hash, topic) {
      if (libp2p.getPeers().length === 0) return undefined;
      const cid = cids(hash);
      wanted.set(String(cid), cids(topic));
      try {
        return await bitswap.want(cid, { signal: within(FETCH_MILLISECONDS) });
      } catch (error) {
        log.debug({ error, cid: String(cid) }, "no IPFS node gave a block");
        return undefined;
      } finally {
        wanted.delete(String(cid));
      }
    },
    async close() {
      closing.abort(new Error("the node stops"));
      clearInterval(timer);
      libp2p.removeEventListener("peer:identify", lookAfter);
      await care;
      await bitswap.stop();
      await libp2p.stop();
    },
  };
}

/** Forgets all at the end, and takes no more records than a node needs: others of the network could fill the memory. */
function boundedRecords({ MemoryDatastore }: Packages) {
  const keys = new Set<string>();
  return new (class extends MemoryDatastore {
    override put(...[key, value, options]: Parameters<InstanceType<typeof MemoryDatastore>["put"]>) {
      const name = key.toString();
      if (!keys.has(name) && keys.size >= MAXIMUM_RECORDS) throw new RangeError(`${MAXIMUM_RECORDS} records are here`);
      keys.add(name);
      return super.put(key, value, options);
    }
    override delete(...[key, options]: Parameters<InstanceType<typeof MemoryDatastore>["delete"]>) {
      keys.delete(key.toString());
      return super.delete(key, options);
    }
  })();
}

async function started(ipfs: Packages, listen: Endpoint, { seed, network }: IpfsKeys): Promise<Libp2p> {
  try {
    return (await ipfs.createLibp2p({
      privateKey: await ipfs.generateKeyPairFromSeed("Ed25519", seed),
      addresses: { listen: [multiaddrOf(listen)] },
      datastore: boundedRecords(ipfs),
      transports: [ipfs.tcp()],
      connectionProtector: ipfs.preSharedKey({ psk: Buffer.from(formatNetworkKey(network)) }),
      connectionEncrypters: [ipfs.noise()],
      streamMuxers: [ipfs.yamux()],
      connectionManager: { inboundConnectionThreshold: CONNECTIONS_PER_HOST },
      services: {
        identify: ipfs.identify(),
        ping: ipfs.ping(),
        // Private networks have private addresses: they count.
        dht: ipfs.kadDHT({ protocol: DHT_PROTOCOL, clientMode: false, peerInfoMapper: ipfs.passthroughMapper }),
      },
    })) as Libp2p;
  } catch (cause) {
    const address = `${listen.host}:${listen.port}`;
    throw new SwarmkeepError(`the IPFS node cannot listen on ${address}`, {
      kind: "environment",
      code: "ipfs-not-started",
      advice: "Give --ipfs an address of this machine (an IP, not a name) and a port that nothing else has.",
      details: { address },
      cause,
    });
  }
}

function givenBlocks(block: IpfsNodeOptions["block"]) {
  return {
    async *get(cid: CID) {
      const bytes = isRawSha256(cid) ? await block(cid.multihash.digest) : undefined;
      // By this name Bitswap knows that there is none.
      if (bytes === undefined) throw Object.assign(new Error(`${cid} is not here`), { name: "NotFoundError" });
      yield bytes;
    },
  };
}

function isRawSha256({ code, multihash }: CID): boolean {
  return code === 0x55 && multihash.code === 0x12 && multihash.digest.length === 32;
}

function multiaddrOf({ host, port }: Endpoint): string {
  const kind = isIPv4(host) ? "ip4" : isIPv6(host) ? "ip6" : "dns";
  return `/${kind}/${host}/tcp/${port}`;
}

const NETWORK_KEY = /^\/key\/swarm\/psk\/1\.0\.0\/\r?\n\/base16\/\r?\n([0-9a-f]{64})\s*$/i;

/** The text of a `swarm.key`, as IPFS has it. */
export function formatNetworkKey(key: Uint8Array): string {
  return `/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key).toString("hex")}\n`;
}

/** The key in the text of a `swarm.key`. @param name of the file, for errors. @throws SwarmkeepError `ipfs-network` */
export function parseNetworkKey(text: string, name: string): Uint8Array {
  const [, digits] = NETWORK_KEY.exec(text) ?? [];
  if (digits !== undefined) return Uint8Array.from(Buffer.from(digits, "hex"));
  throw new SwarmkeepError(`${name} is no key of a private IPFS network`, {
    kind: "usage",
    code: "ipfs-network",
    advice: "It has three lines: /key/swarm/psk/1.0.0/, /base16/ and 64 hexadecimal digits.",
    details: { name },
  });
}

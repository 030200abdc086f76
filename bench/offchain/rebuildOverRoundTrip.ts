/** A device rebuilds its key from five holders over TLS: its entry first, then all shards at once, against one bare request to one of them. */
import { createHash } from "node:crypto";

import { type Client, createClient } from "../../src/net/client.js";
import { type RunningServer, startServer } from "../../src/net/server.js";
import { generateTlsKey, tlsIdentity } from "../../src/net/tls-identity.js";
import {
  decodeShardAnswer,
  decodeShardRequest,
  encodeShardAnswer,
  encodeShardRequest,
} from "../../src/protocol/shards.js";
import { silentLogger } from "../../src/runtime/log.js";
import { hmac } from "../../src/shards/bytes.js";
import { type KeySource, deviceRoot, nextChain } from "../../src/shards/derivation.js";
import { EntryTree, encodePlacedEntry, entryLeaf } from "../../src/shards/entry.js";
import { generateDevice } from "../../src/shards/generate.js";
import { fetchShards, withSeed } from "../../src/shards/reconstruct.js";
import { SCHEME } from "../../src/shards/splitting.js";
import { KEY_TYPE } from "../../src/statements/cose.js";
import type { OffchainFigure } from "../figure.js";
import { timeRatio } from "../ratio.js";

const HOLDERS = 5;
const PATH = { shards: "/v1/shards", bare: "/bare" } as const;
const meshId = new Uint8Array(32).fill(7);
const source: KeySource = { mac: (message) => hmac(new Uint8Array(32).fill(1), message), close: () => undefined };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export const rebuildOverRoundTrip: OffchainFigure = {
  operation: "rebuildOverRoundTrip",
  unit: "x one bare request over TLS: a key rebuilt from five holders",
  goal: undefined,
  best: undefined,
  source: undefined,
  measure,
};

async function measure(): Promise<number> {
  const context = { meshId, device: 0, version: 1 };
  const sharing = { scheme: SCHEME.shamir, threshold: 3, shards: 5 } as const;
  const oneTime = { count: 0, type: KEY_TYPE.ed25519 };
  const chain = await nextChain(source, meshId, 1);
  const made = await generateDevice(context, { source, chain, sharing, oneTime });
  const tree = new EntryTree(entryLeaf(made.entry));
  const placed = encodePlacedEntry({ entry: made.entry, position: 0, count: 1, path: tree.path(0) });
  const kept = new Map(made.shards.map(({ id, bytes }) => [hex(id), bytes])).set(hex(made.entryId), placed);
  const root = await deviceRoot(source, meshId, 0);

  const servers: RunningServer[] = [];
  const clients = new Map<string, Client>();
  for (let i = 0; i < HOLDERS; i++) {
    const identity = await tlsIdentity(await generateTlsKey());
    const server = await startServer({
      port: 0,
      identity,
      routes: [
        {
          method: "POST",
          path: PATH.shards,
          handle: ({ body }) => {
            const shards = decodeShardRequest(body).map((id) => kept.get(hex(id)) ?? null);
            return { body: encodeShardAnswer({ shards, count: 0, bytes: 0 }) };
          },
        },
        { method: "GET", path: PATH.bare, handle: () => ({ body: Uint8Array.of(0xf6) }) },
      ],
      log: silentLogger,
      limits: { requestsPerAddress: 1e9, eventLoopDelayMilliseconds: 60_000 },
    });
    servers.push(server);
    const endpoint = `127.0.0.1:${server.port}`;
    clients.set(
      endpoint,
      createClient({ endpoint: { host: "127.0.0.1", port: server.port }, trust: { kind: "unverified" } }),
    );
  }
  const holders = [...clients.keys()].map((endpoint) => ({
    tlsPin: new Uint8Array(createHash("sha256").update(endpoint).digest()),
    endpoint,
  }));
  const terms = {
    ...sharing,
    generation: 1,
    fleetId: 1,
    subject: 0,
    version: 1,
    replicas: 3,
    validFrom: 0,
    validUntil: 1,
    graceSeconds: 0,
    rotationSeconds: 1,
    root: tree.root(),
    holders,
  };
  const clientOf = (endpoint: string): Client => clients.get(endpoint) as Client;
  try {
    return await timeRatio({
      count: 20,
      async measured(count) {
        for (let i = 0; i < count; i++) {
          const fetched = await fetchShards(root, context, terms, async ({ endpoint }, id) => {
            const body = encodeShardRequest([id]);
            const answer = await clientOf(endpoint).request({ method: "POST", path: PATH.shards, body });
            return decodeShardAnswer(answer.body).shards[0] ?? undefined;
          });
          await withSeed(root, context, fetched, () => undefined);
        }
      },
      async unit(count) {
        for (let i = 0; i < count; i++) {
          await clientOf((holders[0] as { endpoint: string }).endpoint).request({ method: "GET", path: PATH.bare });
        }
      },
    });
  } finally {
    for (const client of clients.values()) client.close();
    await Promise.all(servers.map((server) => server.close(0)));
  }
}

/** Holders as the generator of shards sees them: which ones the ledger has, and what is delivered to and asked of each. */
import { type BaseWallet, getBytes, hexlify } from "ethers";

import { type Holder, decodeHolders, encodeHolders } from "../certificate/shard-map.js";
import { type Client, createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import { RemoteError } from "../net/error-body.js";
import { PATH } from "../protocol/api.js";
import {
  type MapName,
  type ShardAnswer,
  type ShardDelivery,
  contentHash,
  decodeShardAnswer,
  deliveryContent,
  encodeSignedContent,
  sampleContent,
} from "../protocol/shards.js";
import { systemClock } from "../runtime/clock.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { holdersOf } from "../shards/placement.js";
import { statementDigest } from "../statements/eip712.js";
import type { MeshLedger } from "./ledger.js";

/** For which a holder takes a request that the registrar signed. */
const LIFETIME_SECONDS = 600;
/** Of one delivery: it stays well under the megabyte that holders take. */
const DELIVERY_ROWS = 2_048;
const DELIVERY_BYTES = 700_000;
/** Bytes of CBOR around a shard. */
const ROW_OVERHEAD = 56;
const PROBE_MILLISECONDS = 3_000;
/** For a challenge: who takes longer is as good as away. */
const CHALLENGE_MILLISECONDS = 5_000;
const MAXIMUM_ANSWER_BYTES = 1 << 20;
/** How often a busy holder is asked, and the longest wait that it may wish for. */
const ATTEMPTS = 8;
const MAXIMUM_WAIT_SECONDS = 15;

export type ShardRow = ShardDelivery["shards"][number];

/** Who signs as the fleet's registrar, and the ledger on which it is that. */
export interface HolderAccess {
  readonly ledger: MeshLedger;
  readonly wallet: BaseWallet;
  readonly nowSeconds: () => number;
}

/** All holders that the ledger has: validators with an endpoint, and gateway-class devices that the fleet's registrar offered. */
export async function registeredHolders({ contracts, mesh }: MeshLedger, fleetId: number): Promise<readonly Holder[]> {
  const { registry, shards } = contracts;
  const holders = new Map<string, Holder>();
  const registered = await registry.queryFilter(registry.filters.ValidatorRegistered(), mesh.deployedBlock);
  for (const account of new Set(registered.map(({ args }) => args.account))) {
    const { tlsPin, endpoint } = await registry.validator(account);
    if (endpoint !== "") holders.set(tlsPin, { tlsPin: getBytes(tlsPin), endpoint });
  }
  const offers = new Map<bigint, Holder>();
  for (const { args } of await shards.queryFilter(shards.filters.HolderAdded(fleetId), mesh.deployedBlock)) {
    offers.set(args.index, { tlsPin: getBytes(args.tlsPin), endpoint: args.endpoint });
  }
  for (const { args } of await shards.queryFilter(shards.filters.HolderRemoved(fleetId), mesh.deployedBlock)) {
    offers.delete(args.index);
  }
  for (const holder of offers.values()) holders.set(hexlify(holder.tlsPin), holder);
  return decodeHolders(encodeHolders([...holders.values()]));
}

/** Those of some holders that answer now. */
export async function reachableHolders(holders: readonly Holder[]): Promise<readonly Holder[]> {
  const answered = await Promise.all(
    holders.map(async (holder) => {
      const client = clientOf(holder);
      const request = { method: "GET", path: PATH.status, timeoutMilliseconds: PROBE_MILLISECONDS } as const;
      try {
        await client.request(request);
        return true;
      } catch (error) {
        // One that is busy is there.
        return error instanceof RemoteError;
      } finally {
        client.close();
      }
    }),
  );
  return holders.filter((_, i) => answered[i]);
}

function clientOf({ endpoint, tlsPin: pin }: Holder): Client {
  const trust = { kind: "pin", pin } as const;
  return createClient({ endpoint: parseEndpoint(endpoint), trust, maximumAnswerBytes: MAXIMUM_ANSWER_BYTES });
}

export interface OpenHolders {
  readonly list: readonly Holder[];
  /** Gives each row to all holders of its id. @throws SwarmkeepError `holder-away` */
  deliver(name: MapName, replicas: number, rows: readonly ShardRow[]): Promise<void>;
  /** @throws SwarmkeepError `holder-away` */
  deliverTo(holder: Holder, name: MapName, rows: readonly ShardRow[]): Promise<void>;
  /** What a holder shows: shards by id, and how much it has of the version. */
  sample(holder: Holder, name: MapName, ids: readonly Uint8Array[]): Promise<ShardAnswer>;
  close(): void;
}

export function openHolders(access: HolderAccess, list: readonly Holder[]): OpenHolders {
  const { ledger, wallet, nowSeconds } = access;
  const clients = new Map<string, Client>();
  const openClient = (holder: Holder): Client => {
    const name = hexlify(holder.tlsPin);
    const client = clients.get(name) ?? clientOf(holder);
    clients.set(name, client);
    return client;
  };
  const sign = (fleetId: number, content: Uint8Array): Uint8Array => {
    const expiry = nowSeconds() + LIFETIME_SECONDS;
    const values = { fleetId, contentHash: contentHash(content), expiry };
    const digest = statementDigest(ledger.separator("shards"), "ShardDelivery", values);
    const signature = getBytes(wallet.signingKey.sign(digest).serialized);
    return encodeSignedContent({ content, expiry, signature });
  };
  const deliverTo: OpenHolders["deliverTo"] = async (holder, { fleetId, subject, version }, rows) => {
    for (const shards of portions(rows)) {
      const body = sign(fleetId, deliveryContent({ fleetId, subject, version, shards }));
      try {
        await patiently(() => openClient(holder).request({ method: "POST", path: PATH.shardDelivery, body }));
      } catch (cause) {
        throw notTaken(holder, cause);
      }
    }
  };
  return {
    list,
    deliverTo,
    async deliver(name, replicas, rows) {
      const byHolder = new Map<Holder, ShardRow[]>(list.map((holder) => [holder, []]));
      for (const row of rows) {
        for (const holder of holdersOf(row.id, list, replicas)) byHolder.get(holder)?.push(row);
      }
      await Promise.all([...byHolder].map(([holder, own]) => deliverTo(holder, name, own)));
    },
    async sample(holder, { fleetId, subject, version }, ids) {
      const body = sign(fleetId, sampleContent({ fleetId, subject, version, ids }));
      const timeoutMilliseconds = CHALLENGE_MILLISECONDS;
      const request = { method: "POST", path: PATH.shardSample, body, timeoutMilliseconds } as const;
      const answer = await patiently(() => openClient(holder).request(request));
      return decodeShardAnswer(answer.body);
    },
    close() {
      for (const client of clients.values()) client.close();
      clients.clear();
    },
  };
}

/** A holder that has more to do than it can says for how long to leave it alone. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      const wait = error instanceof RemoteError ? error.retryAfter : undefined;
      if (wait === undefined || attempt === ATTEMPTS) throw error;
      await systemClock.sleep(1_000 * Math.min(wait, MAXIMUM_WAIT_SECONDS));
    }
  }
}

function* portions(rows: readonly ShardRow[]): Generator<ShardRow[]> {
  let portion: ShardRow[] = [];
  let size = 0;
  for (const row of rows) {
    if (portion.length === DELIVERY_ROWS || size + row.bytes.length > DELIVERY_BYTES) {
      yield portion;
      [portion, size] = [[], 0];
    }
    portion.push(row);
    size += row.bytes.length + ROW_OVERHEAD;
  }
  if (portion.length > 0) yield portion;
}

function notTaken({ endpoint }: Holder, cause: unknown): SwarmkeepError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SwarmkeepError(`${endpoint} did not take its shards: ${why}`, {
    kind: "network",
    code: "holder-away",
    advice: "Run the command again: it goes on where it stopped, or begins anew without a holder that is away.",
    details: { holder: endpoint },
    cause,
  });
}

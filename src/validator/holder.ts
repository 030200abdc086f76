/**
 * A gateway-class device as a holder of shards: the part of a validator that keeps them (docs/protocol.md, section 20.8), by itself. It
 * reads the ledger as a validator does, keeps shards of the fleets whose registrars offered it there, and signs nothing.
 */
import { getBytes, hexlify } from "ethers";

import { g1FromEip2537, packG1 } from "../crypto/points.js";
import { equalBytes } from "../crypto/bytes.js";
import { type LedgerEvent, eventDecoder } from "../ledger/events.js";
import { Follower } from "../ledger/follower.js";
import { MeshReader } from "../ledger/mesh-reader.js";
import { Projection } from "../ledger/projection.js";
import { parseListen } from "../net/endpoint.js";
import { type RunningServer, startServer } from "../net/server.js";
import { PATH, encodeStatus } from "../protocol/api.js";
import { type Clock, seconds, systemClock } from "../runtime/clock.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import type { Logger } from "../runtime/log.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { knownAuthority } from "./authority.js";
import { type CalledRoute, type CallerStanding, routesWithCaller } from "./caller.js";
import { HistoryMark } from "./history-mark.js";
import type { OpenedHolder } from "./holder-folder.js";
import { Holding } from "./holding.js";
import { holderRoutes } from "./holder-routes.js";
import { meshContext } from "./mesh-context.js";
import { openEndpoints, openMeshSource } from "./mesh-source.js";
import { openShardStore } from "./shard-store.js";
import type { FinalisedBlock } from "./standing.js";

export interface HolderOptions extends OpenedHolder {
  readonly folder: DataFolder;
  readonly mesh: MeshFile;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface RunningHolder {
  readonly server: RunningServer;
  /** Ends when it is stopped, or rejects with what it cannot go on with. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** @throws SwarmkeepError, LedgerError: what keeps it from starting, in one sentence. */
export async function startHolder(options: HolderOptions): Promise<RunningHolder> {
  const { folder, settings, identity, ipfsKeys, mesh, log, clock = systemClock } = options;
  const cleanUp: (() => Promise<void> | void)[] = [];
  const abort = new AbortController();
  let ended: Promise<void> = Promise.resolve();
  const end = async (): Promise<void> => {
    abort.abort(new Error("the holder stops"));
    await ended.catch(() => undefined);
    for (const step of cleanUp.splice(0).reverse()) await step();
  };
  let stopped: Promise<void> | undefined;
  // Whoever asks again waits for the same end.
  const stop = (): Promise<void> => (stopped ??= end());
  try {
    const endpoints = openEndpoints(mesh);
    cleanUp.push(() => endpoints.forEach((endpoint) => endpoint.close()));
    const { source, addresses } = await openMeshSource(mesh, endpoints);
    const mark = new HistoryMark(folder.file("finalised.json"));
    await mark.check(source);
    const store = await openShardStore({
      folder,
      quota: settings.quotaBytes,
      ipfs: settings.ipfs && ipfsKeys && { settings: settings.ipfs, keys: ipfsKeys },
      meshId: mesh.meshId,
      log,
    });
    cleanUp.push(() => store.close());

    const context = meshContext(mesh.meshId, mesh.chainId, addresses);
    const projection = new Projection();
    const standing: CallerStanding & { finalised: FinalisedBlock | undefined } = {
      projection,
      finalised: undefined,
      committee: undefined,
    };
    const nowSeconds = (): number => seconds(clock);
    const pin = hexlify(identity.pin);
    const isOffered = (fleetId: number): boolean =>
      projection.shards.offered(BigInt(fleetId)).some(({ tlsPin }) => tlsPin.toLowerCase() === pin);
    const holding = new Holding({ context, standing, store, nowSeconds, isOffered });
    const calling = { context, standing, signatures: nativeSignatures, nowSeconds };
    const status: CalledRoute = {
      method: "GET",
      path: PATH.status,
      handle: () => ({
        body: encodeStatus({
          time: nowSeconds(),
          finalisedBlock: standing.finalised?.number ?? 0,
          blockTime: standing.finalised?.timestamp ?? 0,
          certificatePeriodSeconds: Number(projection.genesis?.parameters.certificatePeriodSeconds ?? 0n),
          generation: standing.committee?.generation ?? 0,
          epoch: 0,
          seat: 0,
          headNumber: 0,
        }),
      }),
    };
    const server = await startServer({
      ...parseListen(settings.listen),
      identity,
      routes: routesWithCaller([status, ...holderRoutes(holding)], calling),
      log,
    });
    cleanUp.push(() => server.close());

    const reader = new MeshReader(source, addresses);
    let asked: Uint8Array | undefined;
    /** Whose certificates devices show: the mesh's own, under the group keys in office. */
    const follow = async (finalised: FinalisedBlock): Promise<void> => {
      const generation = Number(projection.office?.generation ?? 0n);
      if (generation > 0 && standing.committee?.generation !== generation) {
        const { blsKey, edKey } = await reader.groupKeys(finalised);
        const keys = { bls: packG1(g1FromEip2537(getBytes(blsKey))), ed25519: getBytes(edKey) };
        standing.committee = { generation, keys };
      }
      const authority = knownAuthority(projection, generation)?.crossCertificate;
      if (authority !== undefined && !(asked !== undefined && equalBytes(asked, authority))) {
        asked = authority;
        server.renew({ key: identity.key, chain: [identity.certificate], clientAuthorities: [authority] });
      }
    };
    const follower = new Follower<LedgerEvent>({
      source,
      addresses: Object.values(addresses),
      cursor: { number: Math.max(0, mesh.deployedBlock - 1) },
      decode: eventDecoder(addresses),
      signal: abort.signal,
    });
    const run = async (): Promise<void> => {
      for await (const batch of follower) {
        for (const event of batch.events) projection.apply(event);
        standing.finalised = batch.through;
        if (!batch.upToDate) continue;
        try {
          await follow(batch.through);
          await mark.move(batch.through);
          const deleted = await holding.deleteExpired();
          if (deleted.length > 0) log.info({ deleted }, "expired shards deleted");
        } catch (error) {
          log.warn({ error }, "a step failed; it is tried again with the next block");
        }
      }
    };
    ended = run();
    ended.catch((error: unknown) =>
      log.fatal({ error }, "this holder follows the ledger no more: somebody has to look"),
    );
    return { server, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

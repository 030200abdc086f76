/**
 * The validator: one process that follows the ledger, takes part in ceremonies, signs what is due, and answers devices.
 * Everything that it promised is in its data folder; it may be killed at any moment and goes on where it was.
 */
import { hexlify } from "ethers";

import type { Bls } from "../crypto/bls.js";
import { type MeshAddresses, contractsAt } from "../ledger/contracts.js";
import { type LedgerEvent, eventDecoder } from "../ledger/events.js";
import { Follower, type FollowerHealth } from "../ledger/follower.js";
import { Projection } from "../ledger/projection.js";
import { TransactionSender } from "../ledger/sender.js";
import type { LedgerSource } from "../ledger/source.js";
import type { ServerLimits } from "../net/server.js";
import type { Health } from "../net/side-server.js";
import { blstBls } from "../runtime/blst.js";
import { type Clock, systemClock } from "../runtime/clock.js";
import type { DataFolder } from "../runtime/data-folder.js";
import type { Logger } from "../runtime/log.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { type Metrics, createMetrics } from "../runtime/metrics.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { type Parts, assemble } from "./assembly.js";
import type { HeadStore } from "./head-store.js";
import { HistoryMark } from "./history-mark.js";
import { LedgerWatch } from "./ledger-watch.js";
import { Listening } from "./listening.js";
import { EntryWatch, ensureRegistered } from "./membership.js";
import { meshContext } from "./mesh-context.js";
import { openEndpoints, openMeshSource } from "./mesh-source.js";
import type { ValidatorKeys, ValidatorSettings } from "./settings.js";
import { type FinalisedBlock, Standing } from "./standing.js";

export interface ValidatorOptions {
  readonly folder: DataFolder;
  readonly keys: ValidatorKeys;
  readonly settings: ValidatorSettings;
  readonly mesh: MeshFile;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly bls?: Bls;
  readonly limits?: Partial<ServerLimits>;
}

export interface RunningValidator {
  readonly account: string;
  readonly listening: Listening;
  /** Ends when the validator stops, or rejects with what it cannot go on with. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * The keys are wiped when it ends, also where it fails to start.
 * @throws SwarmkeepError, LedgerError: what keeps it from starting, in one sentence
 */
export async function startValidator(options: ValidatorOptions): Promise<RunningValidator> {
  const validator = new Validator(options);
  try {
    await validator.start();
  } catch (error) {
    // Or what was begun keeps the process alive.
    await validator.stop();
    throw error;
  }
  return validator;
}

class Validator implements RunningValidator {
  readonly account: string;
  readonly #options: ValidatorOptions;
  readonly #clock: Clock;
  readonly #standing = new Standing(new Projection());
  readonly #watch: LedgerWatch;
  readonly #stop = new AbortController();
  #listening: Listening | undefined;
  #ended: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #entry: EntryWatch | undefined;
  #cleanUp: (() => Promise<void> | void)[] = [];

  constructor(options: ValidatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#watch = new LedgerWatch(this.#standing.projection, this.#clock);
    this.account = options.keys.wallet.address;
  }

  get listening(): Listening {
    if (this.#listening === undefined) throw new RangeError("the validator has not been started");
    return this.#listening;
  }

  get ended(): Promise<void> {
    return this.#ended ?? Promise.resolve();
  }

  async start(): Promise<void> {
    const { folder, keys, settings, mesh, log, limits, bls = blstBls } = this.#options;
    const clock = this.#clock;
    const standing = this.#standing;
    const atEnd = (step: () => Promise<void> | void): void => void this.#cleanUp.push(step);
    atEnd(() => keys.sealer.wipe());

    const endpoints = openEndpoints(mesh);
    atEnd(() => endpoints.forEach((endpoint) => endpoint.close()));
    const { source, addresses } = await openMeshSource(mesh, endpoints);
    const mark = new HistoryMark(folder.file("finalised.json"));
    await mark.check(source);
    const [endpoint] = endpoints;
    const sender = new TransactionSender({ endpoint, wallet: keys.wallet });
    atEnd(() => sender.close());
    const context = meshContext(mesh.meshId, mesh.chainId, addresses);

    const metrics = createMetrics();
    const parts = await assemble({
      folder,
      keys,
      settings,
      mesh,
      context,
      addresses,
      source,
      sender,
      standing,
      bls,
      clock,
      metrics,
      log,
      onShown: (credentials) => this.#listening?.renew(credentials),
      atEnd,
    });
    const { stores, est, own, routes, presences } = parts;
    const { psk, files, heads } = stores;
    this.#listening = new Listening(est);
    await this.#listening.open({
      settings,
      identity: keys.tls,
      psk,
      routes,
      credentials: own.credentials,
      files,
      health: () => this.#health(heads),
      metrics,
      log,
      limits,
    });

    const { projection } = standing;
    const { registry } = contractsAt(addresses, endpoint.provider);
    const registered = { context, projection, registry, sender, keys, settings, bls, log };
    this.#entry = new EntryWatch(registered);
    const step = this.#stepOf(parts, source, mark, this.#entry, metrics);
    this.#ended = this.#follow(this.#follower(source, addresses), step, {
      expectAlone: () => presences.expectAlone(projection.member(this.account)),
      register: () => ensureRegistered(registered),
    }).catch(async (error: unknown) => {
      await mark.keepContradicted(error).catch((cause: unknown) => log.error({ error: cause }, "it is not on disk"));
      throw error;
    });
    atEnd(() => mark.close());
    this.#ended.catch(() => undefined);
  }

  /** Once, however often it is called: a signal stops it while its end does. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopOnce();
    return this.#stopped;
  }

  async #stopOnce(): Promise<void> {
    this.#stop.abort(new Error("the validator stops"));
    await this.#listening?.close();
    await this.#ended?.catch(() => undefined);
    const failures: unknown[] = [];
    for (const step of this.#cleanUp.reverse()) {
      // One that fails keeps no secret from being wiped.
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => failures.push(error));
    }
    this.#cleanUp = [];
    if (failures.length > 0) throw failures[0];
  }

  #follower(source: LedgerSource, addresses: MeshAddresses): Follower<LedgerEvent> {
    return new Follower<LedgerEvent>({
      source,
      addresses: Object.values(addresses),
      cursor: { number: Math.max(0, this.#options.mesh.deployedBlock - 1) },
      decode: eventDecoder(addresses),
      onHealth: (health) => this.#look(health),
      signal: this.#stop.signal,
    });
  }

  /** What is done with each finalised block, once its events are in the projection. */
  #stepOf(
    parts: Parts,
    source: LedgerSource,
    mark: HistoryMark,
    entry: EntryWatch,
    metrics: Metrics,
  ): (finalised: FinalisedBlock) => Promise<void> {
    const { log } = this.#options;
    const { stores, own, tenure, ceremony, rotation, measuring, holding } = parts;
    const { issued } = stores;
    const signed = metrics.gauge("swarmkeep_certificates_signed_count", "Certificates this validator helped to sign");
    const clockAhead = metrics.gauge(
      "swarmkeep_clock_ahead_seconds",
      "Seconds by which this machine's clock is ahead of the newest block's time: its age, where the clock is right",
    );
    const finalisedBlock = metrics.gauge("swarmkeep_finalised_block_number", "The last finalised block that was read");
    return async (finalised) => {
      const { genesis } = this.#standing.projection;
      if (genesis === undefined) return;
      // The oldest period that a request may still name (`judgeIssuance`), and one more.
      const { certificatePeriodSeconds } = genesis.parameters;
      const oldest = Math.floor((finalised.timestamp - CLOCK_SKEW_SECONDS) / Number(certificatePeriodSeconds));
      await issued.forgetBefore(oldest - 1);
      signed.set(issued.count);
      finalisedBlock.set(finalised.number);
      await this.#compareClock(source);
      entry.advance();
      clockAhead.set(this.#watch.clockAhead ?? 0);
      await mark.move(finalised);
      await ceremony.advance(finalised);
      await rotation.advance(finalised);
      await tenure.advance(finalised);
      own.advance(tenure.speaking?.signing, this.#stop.signal);
      await measuring.advance(finalised).catch((error: unknown) => {
        log.warn({ error }, "a step of the measurements failed; it is tried again with the next block");
      });
      const deleted = await holding.deleteExpired();
      if (deleted.length > 0) log.info({ deleted }, "expired shards deleted");
    };
  }

  async #follow(
    follower: Follower<LedgerEvent>,
    onBlock: (finalised: FinalisedBlock) => Promise<void>,
    first: { readonly expectAlone: () => Promise<void>; readonly register: () => Promise<void> },
  ): Promise<void> {
    const { log } = this.#options;
    const standing = this.#standing;
    let [isAlone, isRegistered] = [false, false];
    try {
      for await (const batch of follower) {
        for (const event of batch.events) standing.projection.apply(event);
        standing.finalised = batch.through;
        if (!batch.upToDate) continue;
        standing.silence = this.#watch.look(follower.health);
        if (!isAlone) {
          await first.expectAlone();
          isAlone = true;
        }
        if (!isRegistered) {
          isRegistered = true;
          // Not awaited: the ledger goes on being read while the transaction is on its way.
          first.register().catch((error: unknown) => {
            isRegistered = false;
            log.error({ error }, "not registered");
            if (error instanceof SwarmkeepError && error.code === "not-admitted") this.#stop.abort(error);
          });
        }
        await onBlock(batch.through).catch((error: unknown) => {
          log.warn({ error }, "a step failed; it is tried again with the next block");
        });
      }
    } catch (error) {
      standing.silence = error instanceof Error ? error.message : String(error);
      log.fatal({ error }, "this validator signs nothing any more: somebody has to look");
      throw error;
    }
    const reason: unknown = this.#stop.signal.reason;
    if (reason instanceof SwarmkeepError) throw reason;
  }

  /** Falls silent at once; it speaks again with a block whose events were read. */
  #look(health: FollowerHealth): void {
    const silence = this.#watch.look(health);
    if (silence === undefined || silence === this.#standing.silence) return;
    this.#standing.silence = silence;
    this.#options.log.warn({ error: health.error, finalised: health.finalised?.number }, `signing nothing: ${silence}`);
  }

  /** Of the newest block nothing else is believed, and it may be away. */
  async #compareClock(source: LedgerSource): Promise<void> {
    const before = this.#watch.clockWarning;
    this.#watch.compare(await source.newestTime().catch(() => undefined));
    const { clockWarning } = this.#watch;
    if (clockWarning !== undefined && before === undefined) this.#options.log.warn(clockWarning);
  }

  #health(heads: HeadStore): Health {
    const { finalised, committee, signer } = this.#standing;
    const silence = this.#standing.silence ?? this.#standing.doubts();
    const { clockAhead, clockWarning } = this.#watch;
    return {
      ok: silence === undefined,
      account: this.account,
      silence: silence ?? null,
      clockAheadSeconds: clockAhead === undefined ? null : Math.round(clockAhead),
      clockWarning: clockWarning ?? null,
      entryWarning: this.#entry?.warning ?? null,
      finalisedBlock: finalised?.number ?? null,
      finalisedTime: finalised?.timestamp ?? null,
      generation: committee?.generation ?? null,
      epoch: committee?.epoch ?? null,
      groupKey: committee === undefined ? null : hexlify(committee.keys.bls),
      seat: signer?.seat ?? null,
      head: heads.newest?.head.number ?? null,
      headSignedByBoth: heads.newest !== undefined && heads.newest.ed25519 !== null,
    };
  }
}

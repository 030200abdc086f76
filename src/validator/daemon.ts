/**
 * The validator: one process that follows the ledger, takes part in ceremonies, signs what is due, and answers devices.
 * Everything that it promised is in its data folder; it may be killed at any moment and goes on where it was.
 */
import { getBytes, hexlify } from "ethers";

import { ManifestNodes } from "../certificate/manifest-nodes.js";
import type { X509Trust } from "../certificate/x509-leaf.js";
import type { Bls } from "../crypto/bls.js";
import { CryptoError } from "../crypto/errors.js";
import { contractsAt } from "../ledger/contracts.js";
import { type LedgerEvent, eventDecoder } from "../ledger/events.js";
import { Follower, type FollowerHealth } from "../ledger/follower.js";
import { MeshReader } from "../ledger/mesh-reader.js";
import { Projection } from "../ledger/projection.js";
import { TransactionSender } from "../ledger/sender.js";
import { MemberServers } from "../net/member-servers.js";
import { type RunningPlainServer, startPlainServer } from "../net/plain-server.js";
import { type RunningServer, type ServerLimits, startServer } from "../net/server.js";
import { type RunningSideServer, startSideServer } from "../net/side-server.js";
import { TokenBuckets } from "../net/token-buckets.js";
import { FROST_KIND } from "../protocol/api.js";
import { Participation } from "../protocol/participation.js";
import { blstBls } from "../runtime/blst.js";
import { type Clock, seconds, systemClock } from "../runtime/clock.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import { openJournal } from "../runtime/journal.js";
import type { Logger } from "../runtime/log.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import { createMetrics } from "../runtime/metrics.js";
import { CLOCK_SKEW_SECONDS } from "../statements/cose.js";
import { SwarmkeepError } from "../statements/errors.js";
import { CeremonyRunner, TURN_SECONDS } from "./ceremony.js";
import { type Committee, seatOf } from "./committee.js";
import { countedPeers } from "./duties.js";
import { Following } from "./following.js";
import { formerKeys } from "./generations.js";
import { HeadMaker } from "./heads.js";
import { HeadStore } from "./head-store.js";
import { EstService } from "./est/service.js";
import { Holding } from "./holding.js";
import { HistoryMark } from "./history-mark.js";
import { Inheritance } from "./inheritance.js";
import { IssuedBook } from "./issued.js";
import { MeasuringRunner } from "./measuring.js";
import { MemberCertificates, memberTopic } from "./member-certificates.js";
import { EntryWatch, ensureRegistered } from "./membership.js";
import { meshContext } from "./mesh-context.js";
import type { LedgerSource } from "../ledger/source.js";
import { openEndpoints, openMeshSource } from "./mesh-source.js";
import type { InOfficeParts } from "./office.js";
import { registeredPeers } from "./peers.js";
import { PresenceBook } from "./presence-book.js";
import { Presences } from "./presence.js";
import { Probed } from "./probed.js";
import { probeMetrics } from "./probing.js";
import { PskStore } from "./psk-store.js";
import { RepairHelper } from "./repair-helper.js";
import { OwnRepair } from "./repairing.js";
import { validatorRoutes } from "./routes.js";
import { RotationRunner } from "./rotation.js";
import { parseListen } from "../net/endpoint.js";
import type { ValidatorKeys, ValidatorSettings } from "./settings.js";
import { openIpfsKeys, openShardStore } from "./shard-store.js";
import type { Signer } from "./signer.js";
import { type FinalisedBlock, Standing, notInOffice } from "./standing.js";
import { VoteRecord, Voting } from "./voting.js";
import { LedgerWatch } from "./ledger-watch.js";
import { MapProver } from "./map-prover.js";
import { WordProver } from "./word-prover.js";
import { X509Files } from "./x509-files.js";
import { fileRoutes } from "./x509-routes.js";

/** Bytes of shards that a validator keeps for devices, where its settings say nothing else. */
const SHARD_QUOTA_BYTES = 2 ** 30;
/** How often one device may ask for certificates. */
const DEVICE_RATE = { perSecond: 1, burst: 16, maximumKeys: 200_000 } as const;

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
  readonly server: RunningServer;
  readonly side: RunningSideServer | undefined;
  /** Certificate revocation lists over plain HTTP. */
  readonly plain: RunningPlainServer | undefined;
  /** Of EST, where the settings have a port for it. */
  readonly est: RunningServer | undefined;
  /** Ends when the validator stops, or rejects with what it cannot go on with. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** @throws SwarmkeepError, LedgerError: what keeps it from starting, in one sentence. */
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

/** What strangers are told of errors that lower layers throw. */
function explained(error: unknown): SwarmkeepError | undefined {
  if (!(error instanceof CryptoError)) return undefined;
  return new SwarmkeepError(error.message, {
    kind: "refused",
    code: `crypto-${error.code}`,
    advice: "Check what was sent against the protocol.",
    details: { culprits: error.culprits.join(", ") },
    cause: error,
  });
}

class Validator implements RunningValidator {
  readonly account: string;
  readonly #options: ValidatorOptions;
  readonly #clock: Clock;
  readonly #bls: Bls;
  readonly #standing = new Standing(new Projection());
  readonly #watch: LedgerWatch;
  readonly #stop = new AbortController();
  #server: RunningServer | undefined;
  #side: RunningSideServer | undefined;
  #plain: RunningPlainServer | undefined;
  #est: EstService | undefined;
  #office: InOfficeParts | undefined;
  /** While others are in office. */
  #following: Following | undefined;
  #ended: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #entry: EntryWatch | undefined;
  #cleanUp: (() => Promise<void> | void)[] = [];

  constructor(options: ValidatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#bls = options.bls ?? blstBls;
    this.#watch = new LedgerWatch(this.#standing.projection, this.#clock);
    this.account = options.keys.wallet.address;
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new RangeError("the validator has not been started");
    return this.#server;
  }

  get side(): RunningSideServer | undefined {
    return this.#side;
  }

  get plain(): RunningPlainServer | undefined {
    return this.#plain;
  }

  get est(): RunningServer | undefined {
    return this.#est?.server;
  }

  get ended(): Promise<void> {
    return this.#ended ?? Promise.resolve();
  }

  async start(): Promise<void> {
    const { folder, keys, settings, mesh, log } = this.#options;
    const endpoints = openEndpoints(mesh);
    const [first] = endpoints;
    this.#cleanUp.push(() => endpoints.forEach((endpoint) => endpoint.close()));
    const { source, addresses } = await openMeshSource(mesh, endpoints);
    const context = meshContext(mesh.meshId, mesh.chainId, addresses);
    const mark = new HistoryMark(folder.file("finalised.json"));
    await mark.check(source);
    const sender = new TransactionSender({ endpoint: first, wallet: keys.wallet });
    this.#cleanUp.push(() => sender.close());
    const standing = this.#standing;
    const { projection } = standing;

    const issuedJournal = await openJournal(await folder.folder("issued"));
    const votesJournal = await openJournal(await folder.folder("votes"));
    this.#cleanUp.push(
      () => issuedJournal.close(),
      () => votesJournal.close(),
    );
    const issued = await IssuedBook.open(issuedJournal);
    const record = await VoteRecord.open(votesJournal);
    const psk = await PskStore.open(await folder.folder("psk"), keys.sealer, context);
    const shardStore = await openShardStore({
      folder,
      quota: settings.shardQuotaBytes ?? SHARD_QUOTA_BYTES,
      ipfs: settings.ipfs && { settings: settings.ipfs, keys: await openIpfsKeys(folder, keys.sealer) },
      meshId: mesh.meshId,
      log,
    });
    this.#cleanUp.push(() => shardStore.close());
    const heads = await HeadStore.open(folder.file("head.cbor"), projection);
    const files = await X509Files.open(folder);
    const listPath = folder.file("committee-list.cbor");
    const checks = { bls: this.#bls, device: nativeSignatures };
    const metrics = createMetrics();
    const nowSeconds = (): number => seconds(this.#clock);

    const trust = (): X509Trust | undefined => {
      const { committee } = standing;
      if (committee === undefined) return undefined;
      const former = formerKeys(projection, committee.generation, nowSeconds());
      return { meshId: mesh.meshId, ...committee, former };
    };
    const own = await MemberCertificates.open({
      standing,
      trust,
      account: getBytes(keys.wallet.address),
      meshId: mesh.meshId,
      identity: keys.tls,
      path: folder.file("validator.der"),
      nowSeconds,
      log,
      onShown: (shown) => {
        this.#server?.renew(shown);
        this.#est?.renew(shown);
      },
    });
    const servers = new MemberServers({ trust, nowSeconds, signatures: checks.device, bareAfterEnd: true });
    const channel = { credentials: () => own.credentials, servers };

    const inheritance = new Inheritance({
      standing,
      issued,
      channel,
      account: this.account,
      path: folder.file("inherited"),
      clock: this.#clock,
      log,
    });
    const presences = new Presences({
      standing,
      book: await PresenceBook.open(folder.file("presence.cbor")),
      identity: keys.tls,
      account: this.account,
      separator: context.separators.anchor,
      channel,
      signatures: checks.device,
      clock: this.#clock,
      log,
    });
    /** What runs in office, while this process may sign. */
    const speaking = (): InOfficeParts | undefined =>
      standing.silence === undefined && standing.doubts() === undefined ? this.#office : undefined;
    const officeVoting = (): Voting | undefined => speaking()?.voting;
    const ceremony = new CeremonyRunner({
      context,
      standing,
      source,
      sender,
      sealer: keys.sealer,
      folder: await folder.folder("ceremonies"),
      identity: keys.tls,
      channel,
      record,
      officeVoting,
      bls: this.#bls,
      clock: this.#clock,
      log,
      onOffice: async (committee, signer, office) => {
        const takeover = projection.takeoverOf(office);
        const { timestamp } = await source.block(takeover?.blockNumber ?? 0);
        const earlier = takeover?.before;
        const before = earlier && { office: earlier, isDisputed: presences.wasDisputed(earlier) };
        await inheritance.begin(office, before, timestamp, signer !== undefined);
        standing.signer?.wipe();
        standing.committee = committee;
        standing.office = office;
        standing.signer = signer;
        leaveOffice();
        presences.begin(office, committee, signer !== undefined);
        const seat = seatOf(committee.accounts, this.account);
        // Without its share, for it was late or lost it, this member is of no use to the committee that it sits in.
        if (signer === undefined && seat !== undefined) ownRepair.begin(office, committee, seat);
        if (signer !== undefined) takeOffice(committee, signer);
        else
          this.#following = new Following({
            context,
            projection,
            committee,
            heads,
            listPath,
            checks,
            channel,
            log,
          });
      },
    });
    const rotation = new RotationRunner({
      context,
      standing,
      source,
      calls: ceremony.calls,
      voting: officeVoting,
      turnSeconds: TURN_SECONDS,
      log,
    });
    const measuring = new MeasuringRunner({
      context,
      standing,
      source,
      calls: ceremony.calls,
      sealer: keys.sealer,
      path: folder.file("report.sealed"),
      channel,
      office: () => this.#office,
      turnSeconds: TURN_SECONDS,
      metrics: probeMetrics(metrics),
      clock: this.#clock,
      log,
    });
    this.#cleanUp.push(() => {
      measuring.close();
      rotation.close();
      inheritance.close();
      presences.close();
      ceremony.close();
    });

    const repairs = new RepairHelper(standing, this.#clock);
    const ownRepair = new OwnRepair({
      channel,
      projection,
      clock: this.#clock,
      log,
      onRepaired: (office, shares) => ceremony.adopt(office.ceremony, shares),
    });
    this.#cleanUp.push(() => repairs.forget(true));

    const member = memberTopic({ standing, meshId: mesh.meshId, issued, nowSeconds });
    let start = 0;
    const leaveOffice = (): void => {
      ownRepair.close();
      repairs.forget(true);
      this.#office?.maker.close();
      this.#office?.peers.close();
      this.#office = undefined;
      this.#following?.close();
      this.#following = undefined;
    };
    const takeOffice = (committee: Committee, signer: Signer): void => {
      const others = [...committee.accounts.keys()].filter((seat) => seat !== signer.seat);
      const participation = new Participation(others);
      const registered = registeredPeers(projection, committee.accounts, signer.seat, channel);
      const peers = countedPeers(registered, participation);
      const { log: logger } = this.#options;
      const members = { committee, signer, peers, participation };
      const voting = new Voting({ ...members, record, bls: this.#bls, clock: this.#clock, log: logger });
      const maker = new HeadMaker({
        context,
        projection,
        source,
        sender,
        committee,
        signer,
        voting,
        peers,
        standing,
        heads,
        files,
        listPath,
        checks,
        clock: this.#clock,
        log: logger,
        postEvery: settings.postEvery ?? 1,
        start,
      });
      const topics = { ...maker.frost.topics, [FROST_KIND.member]: member, [FROST_KIND.standard]: est.topic };
      const signing = { committee, signer, peers, topics, clock: this.#clock, log: logger };
      this.#office = { peers, voting, maker, participation, signing };
    };
    this.#cleanUp.push(() => {
      leaveOffice();
      standing.signer?.wipe();
      psk.wipe();
      keys.sealer.wipe();
    });

    const reader = new MeshReader(source, addresses);
    const prover = new WordProver(reader, standing, nowSeconds);
    const devices = new TokenBuckets(DEVICE_RATE);
    const nodes = new ManifestNodes();
    const issuing = { context, standing, issued, inheritance, prover, checks, nodes, devices, nowSeconds };
    const holding = new Holding({ context, standing, store: shardStore, nowSeconds });
    const est = await EstService.open({
      ...issuing,
      folder,
      files,
      rootCertificate: mesh.rootCertificate,
      office: () => this.#inOffice(),
    });
    this.#est = est;
    this.#cleanUp.push(() => est.close());
    const { host, port } = parseListen(settings.listen);
    this.#server = await startServer({
      host,
      port,
      identity: keys.tls,
      preSharedKey: (identity) => psk.find(identity),
      routes: validatorRoutes({
        issuing,
        revoking: { context, standing, checks, sender, submitted: new Map(), nowSeconds },
        psk,
        inheritance,
        codes: est.codes,
        heads,
        holding,
        maps: new MapProver(reader),
        presences,
        repairs,
        probed: new Probed({ context, standing, identity: keys.tls, account: this.account }),
        files,
        topics: () => this.#office?.signing.topics ?? {},
        identity: keys.tls,
        rootCertificate: mesh.rootCertificate,
        listPath,
        approvals: await folder.folder("approvals"),
        nowSeconds,
        office: () => this.#inOffice(),
        activating: () => ceremony.voting,
        metrics,
      }),
      log,
      metrics,
      ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
      explain: explained,
    });
    this.#server.renew(own.credentials);
    const { limits } = this.#options;
    if (settings.estListen !== undefined) {
      const listening = { identity: keys.tls, log, metrics, limits, explain: explained };
      await est.listen({ listen: settings.estListen, ...listening });
      est.renew(own.credentials);
    }
    if (settings.sidePort !== undefined) {
      this.#side = await startSideServer({ port: settings.sidePort, metrics, health: () => this.#health(heads) });
    }
    if (settings.crlListen !== undefined) {
      this.#plain = await startPlainServer({ ...parseListen(settings.crlListen), routes: fileRoutes(files), log });
    }
    const signed = metrics.gauge("swarmkeep_certificates_signed_count", "Certificates this validator helped to sign");
    const clockAhead = metrics.gauge(
      "swarmkeep_clock_ahead_seconds",
      "Seconds by which this machine's clock is ahead of the newest block's time: its age, where the clock is right",
    );
    const finalisedBlock = metrics.gauge("swarmkeep_finalised_block_number", "The last finalised block that was read");

    const follower = new Follower<LedgerEvent>({
      source,
      addresses: Object.values(addresses),
      cursor: { number: Math.max(0, mesh.deployedBlock - 1) },
      decode: eventDecoder(addresses),
      onHealth: (health) => this.#look(health),
      signal: this.#stop.signal,
    });

    const { registry } = contractsAt(addresses, first.provider);
    const registered = { context, projection, registry, sender, keys, settings, bls: this.#bls, log };
    const entry = new EntryWatch(registered);
    this.#entry = entry;
    const onBlock = async (finalised: FinalisedBlock): Promise<void> => {
      const { genesis } = projection;
      if (genesis === undefined) return;
      if (start === 0) start = (await source.block(genesis.blockNumber)).timestamp;
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
      await speaking()?.maker.advance(finalised);
      own.advance(speaking()?.signing, this.#stop.signal);
      this.#following?.advance(finalised);
      await measuring.advance(finalised).catch((error: unknown) => {
        log.warn({ error }, "a step of the measurements failed; it is tried again with the next block");
      });
      const deleted = await holding.deleteExpired();
      if (deleted.length > 0) log.info({ deleted }, "expired shards deleted");
    };
    this.#ended = this.#follow(follower, onBlock, {
      expectAlone: () => presences.expectAlone(projection.member(this.account)),
      register: () => ensureRegistered(registered),
    }).catch(async (error: unknown) => {
      await mark.keepContradicted(error).catch((cause: unknown) => log.error({ error: cause }, "it is not on disk"));
      throw error;
    });
    this.#cleanUp.push(() => mark.close());
    this.#ended.catch(() => undefined);
  }

  /** Once, however often it is called: a signal stops it while its end does. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopOnce();
    return this.#stopped;
  }

  /** @throws SwarmkeepError `not-in-office` or `ledger-away` */
  #inOffice(): InOfficeParts {
    this.#standing.inOffice();
    if (this.#office !== undefined) return this.#office;
    throw notInOffice();
  }

  async #stopOnce(): Promise<void> {
    this.#stop.abort(new Error("the validator stops"));
    await this.#server?.close();
    await this.#side?.close();
    await this.#plain?.close();
    await this.#ended?.catch(() => undefined);
    for (const step of this.#cleanUp.reverse()) await step();
    this.#cleanUp = [];
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

  #health(heads: HeadStore): { ok: boolean; [field: string]: unknown } {
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

/**
 * The parts of a validator, and which of them knows which: opened from what is on disk, before the ledger is followed. What each is for
 * stands in its own file.
 */
import { getBytes } from "ethers";

import { ManifestNodes } from "../certificate/manifest-nodes.js";
import type { X509Trust } from "../certificate/x509-leaf.js";
import type { Bls } from "../crypto/bls.js";
import type { MeshAddresses } from "../ledger/contracts.js";
import { MeshReader } from "../ledger/mesh-reader.js";
import type { TransactionSender } from "../ledger/sender.js";
import type { LedgerSource } from "../ledger/source.js";
import { MemberServers } from "../net/member-servers.js";
import type { Route, ServerCredentials } from "../net/server.js";
import { TokenBuckets } from "../net/token-buckets.js";
import { FROST_KIND } from "../protocol/api.js";
import { type Clock, seconds } from "../runtime/clock.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { nativeSignatures } from "../runtime/device-signatures.js";
import type { Logger } from "../runtime/log.js";
import type { MeshFile } from "../runtime/mesh-file.js";
import type { Metrics } from "../runtime/metrics.js";
import { CeremonyRunner, TURN_SECONDS } from "./ceremony.js";
import { EstService } from "./est/service.js";
import { formerKeys } from "./generations.js";
import { Holding } from "./holding.js";
import { Inheritance } from "./inheritance.js";
import { MapProver } from "./map-prover.js";
import { MeasuringRunner } from "./measuring.js";
import { MemberCertificates, memberTopic } from "./member-certificates.js";
import type { MeshContext } from "./mesh-context.js";
import { Presences } from "./presence.js";
import { Probed } from "./probed.js";
import { probeMetrics } from "./probing.js";
import { RepairHelper } from "./repair-helper.js";
import { OwnRepair } from "./repairing.js";
import { RotationRunner } from "./rotation.js";
import { validatorRoutes } from "./routes.js";
import type { ValidatorKeys, ValidatorSettings } from "./settings.js";
import type { Standing } from "./standing.js";
import { type Stores, openStores } from "./stores.js";
import { Tenure } from "./tenure.js";
import { WordProver } from "./word-prover.js";

/** How often one device may ask for certificates. */
const DEVICE_RATE = { perSecond: 1, burst: 16, maximumKeys: 200_000 } as const;

export interface AssemblyOptions {
  readonly folder: DataFolder;
  readonly keys: ValidatorKeys;
  readonly settings: ValidatorSettings;
  readonly mesh: MeshFile;
  readonly context: MeshContext;
  readonly addresses: MeshAddresses;
  readonly source: LedgerSource;
  readonly sender: TransactionSender;
  readonly standing: Standing;
  readonly bls: Bls;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Is told what this validator shows of itself in handshakes, whenever that changes. */
  readonly onShown: (credentials: ServerCredentials) => void;
  /** Takes what has to be done when the validator ends, the last first. */
  readonly atEnd: (step: () => Promise<void> | void) => void;
}

export interface Parts {
  readonly stores: Stores;
  readonly own: MemberCertificates;
  readonly presences: Presences;
  readonly tenure: Tenure;
  readonly ceremony: CeremonyRunner;
  readonly rotation: RotationRunner;
  readonly measuring: MeasuringRunner;
  readonly holding: Holding;
  readonly est: EstService;
  /** What others may ask of it. */
  readonly routes: readonly Route[];
}

/** @throws SwarmkeepError naming the file that is damaged */
export async function assemble(options: AssemblyOptions): Promise<Parts> {
  const { folder, keys, settings, mesh, context, addresses, source, sender, standing } = options;
  const { bls, clock, metrics, log, atEnd } = options;
  const { projection } = standing;
  const account = keys.wallet.address;
  const identity = keys.tls;
  const checks = { bls, device: nativeSignatures };
  const nowSeconds = (): number => seconds(clock);
  const stores = await openStores({ folder, keys, settings, context, projection, log, atEnd });
  const { issued, record, files, heads, listPath } = stores;

  const trust = (): X509Trust | undefined => {
    const { committee } = standing;
    if (committee === undefined) return undefined;
    return { meshId: mesh.meshId, ...committee, former: formerKeys(projection, committee.generation, nowSeconds()) };
  };
  const own = await MemberCertificates.open({
    standing,
    trust,
    account: getBytes(account),
    meshId: mesh.meshId,
    identity,
    path: folder.file("validator.der"),
    nowSeconds,
    log,
    onShown: options.onShown,
  });
  const servers = new MemberServers({ trust, nowSeconds, signatures: checks.device, bareAfterEnd: true });
  const channel = { credentials: () => own.credentials, servers };

  const inheritance = new Inheritance({
    standing,
    issued,
    channel,
    account,
    path: folder.file("inherited"),
    clock,
    log,
  });
  const presences = new Presences({
    standing,
    book: stores.presence,
    identity,
    account,
    separator: context.separators.anchor,
    channel,
    signatures: checks.device,
    clock,
    log,
  });
  const repairs = new RepairHelper(standing, clock);
  const ownRepair = new OwnRepair({
    channel,
    projection,
    clock,
    log,
    onRepaired: (office, shares) => ceremony.adopt(office.ceremony, shares),
  });

  const ceremonies = await folder.folder("ceremonies");
  const approvals = await folder.folder("approvals");
  const reader = new MeshReader(source, addresses);
  const prover = new WordProver(reader, standing, nowSeconds);
  const devices = new TokenBuckets(DEVICE_RATE);
  const nodes = new ManifestNodes();
  const issuing = { context, standing, issued, inheritance, prover, checks, nodes, devices, nowSeconds };
  const { rootCertificate } = mesh;
  const est = await EstService.open({
    ...issuing,
    folder,
    files,
    rootCertificate,
    office: () => tenure.expectOffice(),
  });
  const tenure = new Tenure({
    context,
    standing,
    source,
    sender,
    stores,
    account,
    channel,
    inheritance,
    presences,
    repairs,
    ownRepair,
    topics: {
      [FROST_KIND.member]: memberTopic({ standing, meshId: mesh.meshId, issued, inheritance, nowSeconds }),
      [FROST_KIND.standard]: est.topic,
    },
    checks,
    bls,
    clock,
    log,
    postEvery: settings.postEvery ?? 1,
  });

  const officeVoting = () => tenure.speaking?.voting;
  const ceremony = new CeremonyRunner({
    context,
    standing,
    source,
    sender,
    sealer: keys.sealer,
    folder: ceremonies,
    identity,
    channel,
    record,
    officeVoting,
    bls,
    clock,
    log,
    onOffice: (committee, signer, office) => tenure.change(committee, signer, office),
  });
  const { calls } = ceremony;
  const turnSeconds = TURN_SECONDS;
  const rotation = new RotationRunner({ context, standing, source, calls, voting: officeVoting, turnSeconds, log });
  const measuring = new MeasuringRunner({
    context,
    standing,
    source,
    calls,
    sealer: keys.sealer,
    path: folder.file("report.sealed"),
    channel,
    office: () => tenure.office,
    turnSeconds,
    metrics: probeMetrics(metrics),
    clock,
    log,
  });
  // The last first: who is asked, then what runs in office, then the runners that it uses.
  atEnd(() => {
    measuring.close();
    rotation.close();
    inheritance.close();
    presences.close();
    ceremony.close();
  });
  atEnd(() => {
    tenure.leave();
    standing.signer?.wipe();
  });
  atEnd(() => est.close());

  const holding = new Holding({ context, standing, store: stores.shards, quota: stores.shardQuota, nowSeconds });
  const routes = validatorRoutes({
    issuing,
    revoking: { context, standing, checks, sender, submitted: new Map(), nowSeconds },
    psk: stores.psk,
    inheritance,
    codes: est.codes,
    heads,
    holding,
    maps: new MapProver(reader),
    presences,
    repairs,
    probed: new Probed({ context, standing, identity, account }),
    files,
    topics: () => tenure.office?.signing.topics ?? {},
    identity,
    rootCertificate,
    listPath,
    approvals,
    nowSeconds,
    office: () => tenure.expectOffice(),
    activating: () => ceremony.voting,
    metrics,
  });
  return { stores, own, presences, tenure, ceremony, rotation, measuring, holding, est, routes };
}

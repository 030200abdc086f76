/** What a validator has in its data folder, besides its keys: everything that it promised, and copies of what others signed. */
import type { Projection } from "../ledger/projection.js";
import type { DataFolder } from "../runtime/data-folder.js";
import { openJournal } from "../runtime/journal.js";
import type { Logger } from "../runtime/log.js";
import type { ShardStore } from "../store/shard-store.js";
import { HeadStore } from "./head-store.js";
import { IssuedBook } from "./issued.js";
import type { MeshContext } from "./mesh-context.js";
import { PresenceBook } from "./presence-book.js";
import { PskStore } from "./psk-store.js";
import type { ValidatorKeys, ValidatorSettings } from "./settings.js";
import { openIpfsKeys, openShardStore } from "./shard-store.js";
import { VoteRecord } from "./voting.js";
import { X509Files } from "./x509-files.js";

/** Bytes of shards that a validator keeps for devices, where its settings say nothing else. */
const SHARD_QUOTA_BYTES = 2 ** 30;

export interface StoresOptions {
  readonly folder: DataFolder;
  readonly keys: ValidatorKeys;
  readonly settings: ValidatorSettings;
  readonly context: MeshContext;
  readonly projection: Projection;
  readonly log: Logger;
  /** Takes what has to be done when the validator ends, also where a later store cannot be opened. */
  readonly atEnd: (step: () => Promise<void> | void) => void;
}

export interface Stores {
  /** The certificates that it helped to issue. */
  readonly issued: IssuedBook;
  /** The votes that it gave. */
  readonly record: VoteRecord;
  /** Pre-shared keys of devices. */
  readonly psk: PskStore;
  /** Shards of devices' keys. */
  readonly shards: ShardStore;
  /** Bytes that these take at most. */
  readonly shardQuota: number;
  /** The newest head of the revocation list. */
  readonly heads: HeadStore;
  /** The numbers of its own presence, and the newest of the others. */
  readonly presence: PresenceBook;
  /** Published for TLS software: authorities and revocation lists. */
  readonly files: X509Files;
  /** File of the signed committee list. */
  readonly listPath: string;
}

/** @throws SwarmkeepError naming the file that is damaged */
export async function openStores(options: StoresOptions): Promise<Stores> {
  const { folder, keys, settings, context, projection, log, atEnd } = options;
  const issuedJournal = await openJournal(await folder.folder("issued"));
  atEnd(() => issuedJournal.close());
  const votesJournal = await openJournal(await folder.folder("votes"));
  atEnd(() => votesJournal.close());
  const psk = await PskStore.open(await folder.folder("psk"), keys.sealer, context);
  atEnd(() => psk.wipe());
  const shardQuota = settings.shardQuotaBytes ?? SHARD_QUOTA_BYTES;
  const shards = await openShardStore({
    folder,
    quota: shardQuota,
    ipfs: settings.ipfs && { settings: settings.ipfs, keys: await openIpfsKeys(folder, keys.sealer) },
    meshId: context.meshId,
    log,
  });
  atEnd(() => shards.close());
  return {
    issued: await IssuedBook.open(issuedJournal),
    record: await VoteRecord.open(votesJournal),
    psk,
    shards,
    shardQuota,
    heads: await HeadStore.open(folder.file("head.cbor"), projection),
    presence: await PresenceBook.open(folder.file("presence.cbor")),
    files: await X509Files.open(folder),
    listPath: folder.file("committee-list.cbor"),
  };
}

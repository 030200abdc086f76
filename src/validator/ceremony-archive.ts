/**
 * Key ceremonies as the ledger has them, each replayed into an engine together with what this member keeps of it on disk.
 * The one of the committee in office says who that is; the one under way is taken part in.
 */
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { ZeroAddress, getBytes } from "ethers";

import { g1FromEip2537 } from "../crypto/points.js";
import { CeremonyFeed } from "../ledger/ceremony-feed.js";
import { g1Bytes } from "../ledger/points.js";
import type { Office } from "../ledger/projection.js";
import type { LedgerSource } from "../ledger/source.js";
import { CeremonyMember, type Incumbents } from "../protocol/ceremony/engine.js";
import { type CeremonyState, decodeState, encodeState, wipeState } from "../protocol/ceremony/state.js";
import { eraseFile, replaceErasing } from "../runtime/atomic-file.js";
import { failpoint } from "../runtime/failpoint.js";
import type { Sealer } from "../runtime/sealed-file.js";
import { SwarmkeepError } from "../statements/errors.js";
import type { MeshContext } from "./mesh-context.js";
import type { Standing } from "./standing.js";

export interface ArchiveOptions {
  readonly context: MeshContext;
  readonly standing: Standing;
  readonly source: LedgerSource;
  readonly sealer: Sealer;
  /** Folder for the state of ceremonies. */
  readonly folder: string;
  /** This member's. */
  readonly account: string;
  /** Seconds by which members wait for one another before they advance a ceremony. */
  readonly turnSeconds: number;
}

export interface Replayed {
  readonly id: bigint;
  readonly member: CeremonyMember;
  /** Events already given to the engine. */
  fed: number;
  /** What is on disk. */
  stored: CeremonyState | undefined;
}

const SEALED = /^([0-9]{1,20})\.sealed$/;

export class CeremonyArchive {
  readonly #options: ArchiveOptions;
  readonly #feed: CeremonyFeed;
  readonly #open = new Map<bigint, Replayed>();

  constructor(options: ArchiveOptions) {
    this.#options = options;
    this.#feed = new CeremonyFeed(options.source, options.context.addresses);
  }

  /** A ceremony, fed with all of its events that the projection has. @throws CeremonyError, and those of files */
  async replayed(id: bigint): Promise<Replayed> {
    const found = this.#open.get(id) ?? (await this.#begin(id));
    this.#open.set(id, found);
    const events = this.#options.standing.projection.ceremonies.get(id) ?? [];
    while (found.fed < events.length) {
      const event = events[found.fed];
      if (event === undefined) break;
      found.member.apply(await this.#feed.translate(event));
      found.fed += 1;
    }
    return found;
  }

  /** Puts what a step gave on disk, before anything else that it asks for. */
  async keep(replayed: Replayed, state: CeremonyState): Promise<void> {
    const before = replayed.stored;
    if (state === before) return;
    failpoint("ceremony.before-persist");
    const encoded = encodeState(state);
    try {
      // The state before may hold what is to be gone when the ceremony is over.
      await replaceErasing(this.#path(replayed.id), this.#options.sealer.seal(purpose(replayed.id), encoded));
    } finally {
      encoded.fill(0);
    }
    failpoint("ceremony.after-persist");
    replayed.stored = state;
    if (before !== undefined) wipeState(before, state);
  }

  /** Erases what this member keeps of all other ceremonies than these, from memory and from the disk. */
  async eraseAllBut(kept: ReadonlySet<bigint>): Promise<readonly bigint[]> {
    const { folder } = this.#options;
    const old = (await readdir(folder))
      .flatMap((name) => SEALED.exec(name)?.[1] ?? [])
      .map(BigInt)
      .filter((ceremony) => !kept.has(ceremony));
    for (const ceremony of old) {
      failpoint("ceremony.before-erase");
      await eraseFile(this.#path(ceremony));
      failpoint("ceremony.after-erase");
    }
    for (const [ceremony, { stored }] of this.#open) {
      if (kept.has(ceremony)) continue;
      if (stored !== undefined) wipeState(stored);
      this.#open.delete(ceremony);
    }
    return old;
  }

  close(): void {
    for (const { stored } of this.#open.values()) if (stored !== undefined) wipeState(stored);
    this.#open.clear();
  }

  #path(id: bigint): string {
    return join(this.#options.folder, `${id}.sealed`);
  }

  async #begin(id: bigint): Promise<Replayed> {
    const { context, standing, sealer, account, turnSeconds } = this.#options;
    const bytes = await sealer.readIfPresent(this.#path(id), purpose(id));
    const stored = bytes === undefined ? undefined : decodeState(bytes);
    bytes?.fill(0);
    const started = standing.projection.ceremonies.get(id)?.[0];
    const office = started === undefined ? undefined : standing.projection.officeAt(started.blockNumber);
    const incumbents = office === undefined ? undefined : await this.#incumbents(id, office);
    const member = new CeremonyMember(
      {
        account,
        ceremony: id,
        meshId: context.meshId,
        chainId: context.chainId,
        contract: getBytes(context.addresses.ceremony),
        office: { generation: office?.generation ?? 0n, epoch: office?.epoch ?? 0n },
        ...(incumbents === undefined ? {} : { incumbents }),
        random: (length) => randomBytes(length),
        advanceDelay: turnSeconds,
      },
      stored,
    );
    return { id, member, fed: 0, stored };
  }

  /** The committee that hands over in ceremony `id`. What it deals with is needed only while the ceremony is under way. */
  async #incumbents(id: bigint, office: Office): Promise<Incumbents> {
    const accounts = office.committee.filter((account) => account !== ZeroAddress);
    const keys = {
      bls: g1FromEip2537(g1Bytes(office.blsKey)).toBytes(),
      ed25519: getBytes(office.edKey),
      verificationKeys: [],
    };
    if (this.#isOver(id)) return { accounts, keys };
    const running = await this.replayed(office.ceremony);
    const outcome = running.member.outcome();
    if (outcome === undefined) {
      throw new SwarmkeepError(`ceremony ${office.ceremony} put a committee into office and has no outcome`, {
        kind: "environment",
        code: "ceremony-incomplete",
        advice: "Ask another ledger endpoint: events of the ceremony are missing.",
      });
    }
    return {
      accounts,
      keys: outcome,
      // They may be repaired later.
      get shares() {
        return running.stored?.held?.shares;
      },
    };
  }

  #isOver(id: bigint): boolean {
    const { projection } = this.#options.standing;
    const events = projection.ceremonies.get(id) ?? [];
    return events.some(({ name }) => name === "Activated") || [...projection.ceremonies.keys()].at(-1) !== id;
  }
}

function purpose(id: bigint): string {
  return `ceremony ${id}`;
}

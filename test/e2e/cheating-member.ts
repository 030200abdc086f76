/**
 * A member of a real mesh that cheats in its key ceremony: it reads the ledger and answers as the engine says, but for what
 * its `Cheat` changes. Everything is signed by its own registered account.
 */
import { randomBytes } from "node:crypto";

import { getBytes } from "ethers";

import { bytesToNumberBE } from "../../src/crypto/bytes.js";
import { type Dealing, encodeDealing, parseDealing } from "../../src/crypto/dealing.js";
import { openShare } from "../../src/crypto/opening.js";
import { CeremonyFeed } from "../../src/ledger/ceremony-feed.js";
import { addressesOf } from "../../src/ledger/contracts.js";
import { Endpoint } from "../../src/ledger/endpoint.js";
import { LedgerError } from "../../src/ledger/errors.js";
import { type LedgerEvent, eventDecoder } from "../../src/ledger/events.js";
import { Follower } from "../../src/ledger/follower.js";
import { Projection } from "../../src/ledger/projection.js";
import { TransactionSender } from "../../src/ledger/sender.js";
import { LedgerSource } from "../../src/ledger/source.js";
import type { CeremonyEffect } from "../../src/protocol/ceremony/effects.js";
import { CeremonyMember } from "../../src/protocol/ceremony/engine.js";
import { blstBls } from "../../src/runtime/blst.js";
import { openDataFolder } from "../../src/runtime/data-folder.js";
import { silentLogger } from "../../src/runtime/log.js";
import { callOf } from "../../src/validator/ceremony-calls.js";
import { ensureRegistered } from "../../src/validator/membership.js";
import { meshContext } from "../../src/validator/mesh-context.js";
import { openKeys, readSettings } from "../../src/validator/settings.js";
import type { LocalMesh } from "./harness.js";
import type { ValidatorProcess } from "./validator-process.js";
import { PASSPHRASE } from "./waiting.js";

type Deal = Extract<CeremonyEffect, { name: "deal" }>;

export interface Cheat {
  /** Dealings in place of the honest one, sent one after another; `others` are those that the ledger has. */
  deals(honest: Dealing, others: readonly Dealing[], seat: number): readonly Uint8Array[];
  /** Whether it accuses a dealer that gave it a good share. */
  readonly accuses: boolean;
}

export interface RunningCheat {
  readonly account: string;
  /** Names of the contracts' errors that its calls were refused with. */
  readonly refusals: string[];
  stop(): Promise<void>;
}

export async function startCheat(mesh: LocalMesh, { place }: ValidatorProcess, cheat: Cheat): Promise<RunningCheat> {
  const folder = await openDataFolder(place.folder, "validator");
  const keys = await openKeys(folder, PASSPHRASE);
  const settings = await readSettings(place.folder);
  const { chainId, meshId, anchor } = mesh.mesh;
  const endpoint = new Endpoint({ url: mesh.node.url, chainId });
  const addresses = await addressesOf(anchor, endpoint.provider);
  const context = meshContext(meshId, chainId, addresses);
  const source = new LedgerSource({ endpoints: [endpoint], ownNode: true, finalityBlocks: 1 });
  const sender = new TransactionSender({ endpoint, wallet: keys.wallet, pollMs: 250 });
  const projection = new Projection();
  const feed = new CeremonyFeed(source, addresses);
  const stop = new AbortController();
  const refusals: string[] = [];
  const sent = new Set<string>();

  async function send(effect: CeremonyEffect): Promise<void> {
    const call = callOf(effect);
    if (call === undefined || sent.has(call.data)) return;
    sent.add(call.data);
    try {
      await sender.send({ to: addresses.ceremony, ...call, signal: stop.signal });
    } catch (error) {
      if (error instanceof LedgerError) refusals.push(String(error.details["error"] ?? error.code));
    }
  }

  async function carryOut(
    member: CeremonyMember,
    effect: CeremonyEffect,
    secret: Uint8Array | undefined,
  ): Promise<void> {
    const { view } = member;
    if (effect.name === "deal") {
      const others = [...view.dealings.values()];
      // Whoever wants to copy has to wait for somebody to copy from.
      if (others.length === 0 || dealt.has(effect.attempt)) return;
      dealt.add(effect.attempt);
      const honest = parseDealing(effect.dealing, view.kind, view.n, view.t);
      for (const dealing of cheat.deals(honest, others, effect.seat)) {
        const changed: Deal = { ...effect, dealing };
        await send(changed);
      }
    } else if (effect.name === "acknowledge" && view.phase === "complain" && cheat.accuses && secret !== undefined) {
      const { ceremony, attempt, receiver } = effect;
      const accused = [...view.dealings.keys()].find((seat) => seat !== receiver && !view.disqualified.has(seat));
      if (accused === undefined) return;
      const of = { meshId, contract: getBytes(addresses.ceremony), ceremony, attempt };
      const dealing = view.dealings.get(accused) as Dealing;
      const opening = openShare(of, accused, dealing, receiver, bytesToNumberBE(secret), "ed25519", randomBytes);
      if (accusedIn.has(attempt)) return;
      accusedIn.add(attempt);
      await send({ name: "complain", ceremony, attempt, dealer: accused, receiver, defect: "ed25519", opening });
    } else {
      await send(effect);
    }
  }
  const dealt = new Set<number>();
  const accusedIn = new Set<number>();

  const run = async (): Promise<void> => {
    const follower = new Follower<LedgerEvent>({
      source,
      addresses: Object.values(addresses),
      cursor: { number: mesh.mesh.deployedBlock - 1 },
      decode: eventDecoder(addresses),
      signal: stop.signal,
      pollMs: 250,
    });
    let member: CeremonyMember | undefined;
    let fed = 0;
    let registered = false;
    for await (const { events, through, upToDate } of follower) {
      for (const event of events) projection.apply(event);
      if (!upToDate) continue;
      if (!registered) {
        registered = true;
        const { registry } = mesh.ledger.contracts;
        const settled = { keys, settings, bls: blstBls, log: silentLogger };
        await ensureRegistered({ context, projection, registry, sender, ...settled });
      }
      const [id, ceremony = []] = [...projection.ceremonies].at(-1) ?? [];
      if (id === undefined) continue;
      member ??= new CeremonyMember({
        account: sender.address,
        ceremony: id,
        meshId,
        chainId,
        contract: getBytes(addresses.ceremony),
        office: { generation: 0n, epoch: 0n },
        random: randomBytes,
        advanceDelay: 1_000,
      });
      for (; fed < ceremony.length; fed++) member.apply(await feed.translate(ceremony[fed] as (typeof ceremony)[0]));
      const { state, effects } = member.step(through.timestamp);
      for (const effect of effects) await carryOut(member, effect, state.receivingSecret);
    }
  };
  const ended = run();
  ended.catch(() => undefined);
  return {
    account: sender.address,
    refusals,
    async stop() {
      stop.abort(new Error("the test is over"));
      await ended.catch(() => undefined);
      sender.close();
      source.close();
      keys.sealer.wipe();
      await folder.close();
    },
  };
}

/** The dealing with one bit of one receiver's share changed: bit 0 of its G1 share (byte 31), or of its Ed25519 share (63). */
export function withBadShare(dealing: Dealing, receiver: number, byte: 31 | 63): Uint8Array {
  const sealedShares = dealing.sealedShares.map((sealed, i) => {
    const changed = sealed.slice();
    if (i === receiver - 1) changed[byte] = (changed[byte] ?? 0) ^ 1;
    return changed;
  });
  return encodeDealing({ ...dealing, sealedShares });
}

/** Members and a ledger, run against each other in an order that the test chooses; crashes, lag, silence and cheating. */
import { concatBytes, equalBytes, type Randomness } from "../../../src/crypto/bytes.js";
import { encodeDealing, makeDealing, parseDealing, type Dealing } from "../../../src/crypto/dealing.js";
import { ed, g1, type GroupName } from "../../../src/crypto/group.js";
import { openShare } from "../../../src/crypto/opening.js";
import { verificationRoot, type CeremonyKind } from "../../../src/crypto/outcome.js";
import { assembleSignature, type PartialSignature } from "../../../src/crypto/threshold-bls.js";
import type { CeremonyEffect } from "../../../src/protocol/ceremony/effects.js";
import { CeremonyMember, type Incumbents } from "../../../src/protocol/ceremony/engine.js";
import {
  decodeState,
  encodeState,
  wipeState,
  type CeremonyState,
  type HeldShares,
} from "../../../src/protocol/ceremony/state.js";
import { blstBls } from "../../../src/runtime/blst.js";
import { quorumOf } from "../../../src/statements/quorum.js";
import { EIGHT_TORSION, seeded } from "../../crypto/ceremony-fixture.js";
import { Ledger } from "./ledger.js";

/** How a member departs from the protocol. */
export type Behaviour =
  | "honest"
  | "silent"
  | "never-deals"
  | "bad-g1-share"
  | "bad-ed25519-share"
  | "garbage-share"
  | "wrong-commitment"
  | "malformed-g1"
  | "malformed-ed25519"
  | "small-order"
  | "copied-key"
  | "false-complaint"
  /** Deals another constant than its own share. */
  | "other-constant";

export interface WorldSetup {
  readonly n: number;
  readonly kind?: CeremonyKind;
  readonly ceremony?: bigint;
  /** Candidates in order; the first n are invited. */
  readonly behaviours: readonly Behaviour[];
  /** Resharing: committee in office, and each one's shares. Accounts are the world's too. */
  readonly incumbents?: Incumbents;
  readonly incumbentShares?: ReadonlyMap<string, Incumbents["shares"]>;
  /** By seat, from 1 at index 0, of those in office who are no candidates. */
  readonly incumbentBehaviours?: readonly Behaviour[];
  /** Number of the first candidate, so that committees need not share members. */
  readonly firstAccount?: number;
  readonly seed: string;
  /** Chance in percent that a member is restarted between writing its state and sending. */
  readonly crashes?: number;
  /** Restart a member whenever its state has changed on disk, before it sends anything. */
  readonly crashAtEveryState?: boolean;
}

export function accountOf(index: number): string {
  return `0x${(0xa0 + index).toString(16).repeat(20)}`;
}

interface Player {
  readonly account: string;
  readonly behaviour: Behaviour;
  engine: CeremonyMember;
  /** The disk. */
  stored: Uint8Array | undefined;
  /** What was stored, as it is in memory. */
  state: CeremonyState | undefined;
  read: number;
  signature: { effect: Extract<CeremonyEffect, { name: "sign-activation" }>; partial: PartialSignature } | undefined;
  complained: boolean;
}

export class World {
  readonly ledger: Ledger;
  readonly players: Player[];
  readonly #setup: WorldSetup;
  readonly #random: Randomness;
  readonly meshId = new Uint8Array(32).fill(7);
  readonly contract = new Uint8Array(20).fill(8);

  constructor(setup: WorldSetup) {
    this.#setup = setup;
    this.#random = seeded(setup.seed);
    const candidates = setup.behaviours.map((_, i) => accountOf((setup.firstAccount ?? 0) + i));
    const inOffice = setup.incumbents?.accounts ?? [];
    this.ledger = new Ledger({
      kind: setup.kind ?? "generation",
      n: setup.n,
      candidates,
      incumbents: inOffice,
      verificationRoot: setup.incumbents && verificationRoot(setup.incumbents.keys.verificationKeys),
      meshId: this.meshId,
      contract: this.contract,
      ceremony: setup.ceremony ?? 1n,
    });
    const extra = inOffice.filter((account) => !candidates.includes(account));
    this.players = [...candidates, ...extra].map((account, i) => ({
      account,
      behaviour: setup.behaviours[i] ?? setup.incumbentBehaviours?.[inOffice.indexOf(account)] ?? "honest",
      engine: this.#start(account),
      stored: undefined,
      state: undefined,
      read: 0,
      signature: undefined,
      complained: false,
    }));
  }

  /** Runs until the committee is in office, or gives up. */
  run(maximumRounds = 400): void {
    for (let round = 0; round < maximumRounds && this.ledger.phase !== "active"; round++) this.round();
    // Everybody sees the end.
    for (const player of this.players) if (player.behaviour !== "silent") this.#turn(player, false);
  }

  round(): void {
    const order = this.players.map((player) => ({ player, key: this.#percent() })).sort((a, b) => a.key - b.key);
    for (const { player } of order) {
      if (player.behaviour !== "silent" && this.#percent() < 80) this.#turn(player, true);
    }
    this.#activate();
    this.ledger.now += 11;
  }

  /** Shares that honest members hold, by seat. */
  held(): Map<number, HeldShares> {
    const held = new Map<number, HeldShares>();
    for (const player of this.players) {
      const state = player.stored && decodeState(player.stored);
      if (state?.held) held.set(state.held.seat, state.held);
    }
    return held;
  }

  restart(player: Player): void {
    player.engine = this.#start(player.account, player.stored);
    player.state = undefined;
    player.read = 0;
  }

  #turn(player: Player, mayCrash: boolean): void {
    const { events } = this.ledger;
    while (player.read < events.length) player.engine.apply(events[player.read++] as (typeof events)[0]);
    const { state, effects } = player.engine.step(this.ledger.now);
    const before = player.stored;
    player.stored = encodeState(state);
    // As whoever writes it to a disk does.
    if (player.state !== undefined && player.state !== state) wipeState(player.state, state);
    player.state = state;
    const changed = before === undefined || !equalBytes(before, player.stored);
    if (mayCrash && changed && this.#setup.crashAtEveryState) return this.restart(player);
    if (mayCrash && this.#percent() < (this.#setup.crashes ?? 0)) return this.restart(player);
    for (const effect of [...effects].map((own) => this.#corrupt(player, own))) {
      if (effect === undefined) continue;
      if (effect.name === "sign-activation") {
        const share = decodeState(player.stored).held?.shares.g1 as Uint8Array;
        const partial = { seat: effect.receiver, signature: blstBls.sign(share, effect.digest) };
        player.signature = { effect, partial };
      } else {
        this.ledger.submit(player.account, effect);
      }
    }
  }

  /** Members exchange partial signatures, and one of them activates. */
  #activate(): void {
    const signed = this.players.flatMap((player) => {
      const { signature } = player;
      return signature && signature.effect.attempt === this.ledger.attempt ? [signature] : [];
    });
    const { t } = quorumOf(this.#setup.n);
    const ready = signed.find(({ effect }) => effect.ready);
    if (ready === undefined || signed.length < t) return;
    const { outcome, digest } = ready.effect;
    const verificationKeys = new Map(outcome.verificationKeys.map((key) => [key.seat, key.g1]));
    const key = { groupKey: outcome.bls, t, verificationKeys };
    const partials = signed.map(({ partial }) => partial);
    this.ledger.activate(ready.effect, assembleSignature(blstBls, key, digest, partials).signature);
  }

  #start(account: string, stored?: Uint8Array): CeremonyMember {
    const { incumbents, incumbentShares, ceremony = 1n } = this.#setup;
    const shares = incumbentShares?.get(account);
    return new CeremonyMember(
      {
        account,
        ceremony,
        meshId: this.meshId,
        chainId: 31337n,
        contract: this.contract,
        office: { generation: 0n, epoch: 0n },
        ...(incumbents && { incumbents: shares ? { ...incumbents, shares } : incumbents }),
        random: this.#random,
      },
      stored && decodeState(stored),
    );
  }

  /** What a cheat sends instead. */
  #corrupt(player: Player, effect: CeremonyEffect): CeremonyEffect | undefined {
    const { behaviour } = player;
    if (effect.name === "deal") {
      if (behaviour === "never-deals") return undefined;
      const { kind, n, t } = player.engine.view;
      if (behaviour === "other-constant") return { ...effect, dealing: this.#dealOther(player, effect) };
      const dealing = corruptDealing(behaviour, parseDealing(effect.dealing, kind, n, t), effect.seat, player.engine);
      return { ...effect, dealing: encodeDealing(dealing) };
    }
    if (
      effect.name === "acknowledge" &&
      player.engine.view.phase === "complain" &&
      behaviour === "false-complaint" &&
      !player.complained
    ) {
      player.complained = true;
      return this.#falseComplaint(player, effect);
    }
    return effect;
  }

  /** An honest dealing in all but what it deals. */
  #dealOther({ engine }: Player, { ceremony, attempt, seat }: Extract<CeremonyEffect, { name: "deal" }>): Uint8Array {
    const context = { meshId: this.meshId, contract: this.contract, ceremony, attempt };
    const { t } = engine.view;
    const receivers = engine.view.receivingKeys();
    const constants = { g1: 5n, ed25519: 6n };
    return makeDealing({ context, dealer: seat, t, receivers, constants, random: this.#random });
  }

  #falseComplaint(player: Player, effect: Extract<CeremonyEffect, { name: "acknowledge" }>): CeremonyEffect {
    const { view } = player.engine;
    const stored = decodeState(player.stored as Uint8Array).receivingSecret as Uint8Array;
    const secret = BigInt(`0x${Buffer.from(stored).toString("hex")}`);
    const [dealer, dealing] = [...view.dealings].find(([seat]) => seat !== effect.receiver) as [number, Dealing];
    const { ceremony, attempt, receiver } = effect;
    const context = { meshId: this.meshId, contract: this.contract, ceremony, attempt };
    const defect: GroupName = "ed25519";
    const opening = openShare(context, dealer, dealing, receiver, secret, defect, this.#random);
    return { name: "complain", ceremony, attempt, dealer, receiver, defect, opening };
  }

  #percent(): number {
    const [high, low] = this.#random(2) as unknown as [number, number];
    return ((high * 256 + low) / 65536) * 100;
  }
}

function corruptDealing(behaviour: Behaviour, dealing: Dealing, seat: number, engine: CeremonyMember): Dealing {
  const victim = seat % engine.view.seated.length;
  const changeShare = (change: (sealed: Uint8Array) => Uint8Array): Dealing => ({
    ...dealing,
    sealedShares: dealing.sealedShares.map((sealed, i) => (i === victim ? change(sealed) : sealed)),
  });
  const flipLast = (bytes: Uint8Array, at: number) =>
    concatBytes(bytes.subarray(0, at), Uint8Array.of((bytes[at] as number) ^ 1), bytes.subarray(at + 1));
  const replace = (list: readonly Uint8Array[], by: Uint8Array) => list.map((own, i) => (i === 1 ? by : own));
  switch (behaviour) {
    case "bad-g1-share":
      return changeShare((sealed) => flipLast(sealed, 31));
    case "bad-ed25519-share":
      return changeShare((sealed) => flipLast(sealed, 63));
    case "garbage-share":
      return changeShare((sealed) => sealed.map((byte) => byte ^ 0xa5));
    case "wrong-commitment":
      return { ...dealing, edCommitments: replace(dealing.edCommitments, ed.base.toBytes()) };
    case "malformed-g1":
      return { ...dealing, g1Commitments: replace(dealing.g1Commitments, new Uint8Array(48).fill(0xff)) };
    case "malformed-ed25519":
      return { ...dealing, edCommitments: replace(dealing.edCommitments, new Uint8Array(32).fill(0xff)) };
    case "small-order":
      return {
        ...dealing,
        edCommitments: dealing.edCommitments.map((own) => ed.decode(own).add(EIGHT_TORSION).toBytes()),
      };
    case "copied-key":
      return { ...dealing, ephemeralKey: [...engine.view.dealings.values()][0]?.ephemeralKey ?? g1.base };
    default:
      return dealing;
  }
}

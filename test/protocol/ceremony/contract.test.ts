import { expect } from "chai";
import { getBytes, hexlify, type Interface, type LogDescription, type TransactionResponse } from "ethers";

import { encodeDealing, parseDealing } from "../../../src/crypto/dealing.js";
import type { GroupName } from "../../../src/crypto/group.js";
import { g1FromEip2537 } from "../../../src/crypto/points.js";
import { assembleSignature } from "../../../src/crypto/threshold-bls.js";
import type { CeremonyEffect } from "../../../src/protocol/ceremony/effects.js";
import { CeremonyMember } from "../../../src/protocol/ceremony/engine.js";
import { bitmapOf, seatsOf, type CeremonyEvent } from "../../../src/protocol/ceremony/events.js";
import { decodeState, encodeState, type CeremonyState } from "../../../src/protocol/ceremony/state.js";
import { blstBls } from "../../../src/runtime/blst.js";
import {
  Defect,
  deployMesh,
  g1Struct,
  g1StructOf,
  g2StructOf,
  openingStruct,
  Phase,
  STAKE,
  type CeremonyMesh,
  type Member,
} from "../../contracts/ceremony-fixture.js";
import { flip, seeded } from "../../crypto/ceremony-fixture.js";

const ZERO = `0x${"00".repeat(20)}`;
const DEFECTS: readonly GroupName[] = ["g1", "ed25519"];

/** A log of the contract as the engine takes it. */
function translate(log: LogDescription, input: LogDescription["args"] | undefined): CeremonyEvent {
  const { args, name } = log;
  const of = { ceremony: args["ceremony"] as bigint, attempt: Number(args["attempt"] ?? 0n) };
  const bytes = (field: string) => getBytes(args[field] as string);
  const number = (field: string) => Number(args[field]);
  const deadline = number("deadline");
  switch (name) {
    case "CeremonyStarted": {
      const kind = number("kind") === 0 ? "generation" : "resharing";
      return { name, ceremony: of.ceremony, kind, seats: number("seats"), threshold: number("threshold") };
    }
    case "Invited": {
      const accounts = (args["accounts"] as string[]).map((account) => (account === ZERO ? undefined : account));
      return { name, ...of, accounts, deadline };
    }
    case "Accepted": {
      const { xHi, xLo, yHi, yLo } = args["key"] as Record<"xHi" | "xLo" | "yHi" | "yLo", bigint>;
      const key = getBytes(`0x${[xHi, xLo, yHi, yLo].map((word) => word.toString(16).padStart(64, "0")).join("")}`);
      return { name, ...of, account: args["account"] as string, key };
    }
    case "Seated":
      return { name, ...of, accounts: [...(args["accounts"] as string[])], deadline };
    case "Dealt": {
      const hashes = { ephemeralHash: bytes("ephemeralHash"), g1Hash: bytes("g1Hash"), edHash: bytes("edHash") };
      const dealing = getBytes(input?.["dealing"] as string);
      return { name, ...of, dealer: number("dealer"), dealing, ...hashes, sealedRoot: bytes("sealedRoot") };
    }
    case "Dealings":
      return { name, ...of, dealt: seatsOf(args["dealt"] as bigint), deadline };
    case "ComplaintUpheld":
    case "ComplaintRefuted": {
      const defect = DEFECTS[number("defect")] as GroupName;
      return { name, ...of, dealer: number("dealer"), receiver: number("receiver"), defect };
    }
    case "CommitmentMalformed": {
      const defect = DEFECTS[number("defect")] as GroupName;
      return { name, ...of, dealer: number("dealer"), defect, index: number("index") };
    }
    case "Closed": {
      const counted = seatsOf(args["counted"] as bigint);
      return { name, ...of, counted, qualifiedHash: bytes("qualifiedHash"), deadline };
    }
    case "Acknowledged":
      return { name, ...of, receiver: number("receiver"), outcomeHash: bytes("outcomeHash") };
    case "AttemptFailed":
      return { name, ...of };
    case "Activated": {
      const { generation, epoch } = args as unknown as Record<"generation" | "epoch", bigint>;
      return { name, ...of, generation, epoch, outcomeHash: bytes("outcomeHash") };
    }
    default:
      throw new Error(`unknown event ${name}`);
  }
}

async function readEvents(mesh: CeremonyMesh): Promise<CeremonyEvent[]> {
  const { interface: abi, target } = mesh.ceremony as unknown as { interface: Interface; target: string };
  const { provider } = mesh.chain.ethers;
  const logs = await provider.getLogs({ address: target, fromBlock: 0 });
  return Promise.all(
    logs.map(async (log) => {
      const parsed = abi.parseLog(log) as LogDescription;
      const sent = parsed.name === "Dealt" ? await provider.getTransaction(log.transactionHash) : null;
      return translate(parsed, sent ? abi.parseTransaction(sent)?.args : undefined);
    }),
  );
}

type Signing = Extract<CeremonyEffect, { name: "sign-activation" }>;

/** Calls the contract. A call that another member was faster with reverts: that is expected. */
async function send(mesh: CeremonyMesh, member: Member, effect: Exclude<CeremonyEffect, Signing>): Promise<void> {
  const contract = mesh.as(member);
  const call = (): Promise<TransactionResponse> => {
    if (effect.name === "advance") return contract.advance(effect.ceremony);
    const { ceremony, attempt } = effect;
    switch (effect.name) {
      case "accept":
        return contract.accept(ceremony, attempt, effect.seat, g1Struct(g1FromEip2537(effect.key)));
      case "deal": {
        const path = effect.opening.map((node) => hexlify(node));
        return contract.deal(ceremony, attempt, effect.seat, effect.dealing, path);
      }
      case "complain": {
        const { dealer, receiver, defect, opening } = effect;
        return contract.complain(ceremony, attempt, dealer, receiver, Defect[defect], openingStruct(opening));
      }
      case "malformed": {
        const { kind, ...rest } = effect.malformation;
        return contract.malformed(ceremony, attempt, effect.dealer, Defect[kind], rest);
      }
      case "acknowledge": {
        const { receiver, dealings, outcomeHash } = effect;
        return contract.acknowledge(ceremony, attempt, receiver, bitmapOf(dealings), outcomeHash);
      }
    }
  };
  try {
    await (await call()).wait();
  } catch (error) {
    if (!/NoDealing|DealingsChanged|PhaseLasts|WrongPhase|WrongAttempt/.test(String(error))) throw error;
  }
}

/** Lets engines of all members take part until the committee is in office; `cheat` changes what one of them deals. */
async function run(mesh: CeremonyMesh, cheat?: { index: number; change: (dealing: Uint8Array) => Uint8Array }) {
  await mesh.ceremony.startKeyGeneration();
  const random = seeded("engines");
  const stored = new Map<Member, CeremonyState>();
  const signed = new Map<number, { effect: Signing; signature: Uint8Array }>();
  const { t } = mesh.quorum;
  let seen = 0;

  for (let round = 0; round < 30 && (await mesh.status()).phase !== Phase.Active; round++) {
    for (const [index, member] of mesh.members.entries()) {
      // Every turn starts from the disk and the ledger alone.
      const setup = {
        account: member.wallet.address,
        ceremony: mesh.id,
        meshId: mesh.meshId,
        chainId: 31337n,
        contract: mesh.context.contract,
        office: { generation: 0n, epoch: 0n },
        random,
      };
      const before = stored.get(member);
      const engine = new CeremonyMember(setup, before && decodeState(encodeState(before)));
      for (const event of await readEvents(mesh)) engine.apply(event);
      const now = await mesh.chain.networkHelpers.time.latest();
      const { state, effects } = engine.step(now);
      stored.set(member, state);
      for (const effect of effects) {
        if (effect.name === "sign-activation") {
          const signature = blstBls.sign(state.held?.shares.g1 as Uint8Array, effect.digest);
          signed.set(effect.receiver, { effect, signature });
        } else if (effect.name === "deal" && cheat?.index === index) {
          await send(mesh, member, { ...effect, dealing: cheat.change(effect.dealing) });
        } else {
          await send(mesh, member, effect);
        }
      }
    }
    const ready = [...signed.values()].find(({ effect }) => effect.ready)?.effect;
    if (ready !== undefined && signed.size >= t) {
      const keys = new Map(ready.outcome.verificationKeys.map((key) => [key.seat, key.g1]));
      const key = { groupKey: ready.outcome.bls, t, verificationKeys: keys };
      const partials = [...signed].map(([seat, { signature }]) => ({ seat, signature }));
      const { signature } = assembleSignature(blstBls, key, ready.digest, partials);
      const outcome = {
        verificationRoot: hexlify(ready.verificationRoot),
        blsKey: g1StructOf(ready.outcome.bls),
        edKey: hexlify(ready.outcome.ed25519),
      };
      await (await mesh.ceremony.activate(mesh.id, ready.attempt, outcome, g2StructOf(signature))).wait();
      expect(await mesh.groupKeys.edKey()).to.equal(outcome.edKey);
    }
    // Nothing happened: only the deadline can end this phase.
    const happened = (await readEvents(mesh)).length;
    if (happened === seen) await mesh.passDeadline();
    seen = happened;
  }
  expect((await mesh.status()).phase).to.equal(Phase.Active);
  return { held: [...stored.values()].filter(({ held }) => held !== undefined).length, signed: signed.size };
}

describe("key ceremony engine against the KeyCeremony contract", () => {
  it("puts a committee of four into office, every member restarted at every turn", async () => {
    const mesh = await deployMesh(4);
    expect(await run(mesh)).to.deep.equal({ held: 4, signed: 4 });
    for (const member of mesh.members) expect(await mesh.stakeOf(member)).to.equal(STAKE);
  });

  const cheats: readonly [string, (dealing: Uint8Array) => Uint8Array][] = [
    ["a bad G1 share", (bytes) => spoil(bytes, (parsed) => flip(parsed.sealedShares[0] as Uint8Array, 31))],
    ["a bad Ed25519 share", (bytes) => spoil(bytes, (parsed) => flip(parsed.sealedShares[1] as Uint8Array, 63))],
    [
      "a G1 commitment that is no point",
      (bytes) => spoil(bytes, (parsed) => flip(parsed.g1Commitments[1] as Uint8Array, 47)),
    ],
    [
      "an Ed25519 commitment out of range",
      (bytes) => spoil(bytes, (parsed) => (parsed.edCommitments[2] as Uint8Array).fill(0xff)),
    ],
  ];
  for (const [name, change] of cheats) {
    it(`slashes the dealer of ${name} alone, and goes on without it`, async () => {
      const mesh = await deployMesh(4);
      await run(mesh, { index: 2, change });
      const stakes = await Promise.all(mesh.members.map((member) => mesh.stakeOf(member)));
      expect(stakes.map((stake) => stake < STAKE)).to.deep.equal([false, false, true, false]);
    });
  }
});

function spoil(bytes: Uint8Array, change: (dealing: ReturnType<typeof parseDealing>) => void): Uint8Array {
  const dealing = parseDealing(bytes, "generation", 4, 3);
  change(dealing);
  return encodeDealing(dealing);
}

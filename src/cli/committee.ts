/** `swarmkeep committee ...`: who is in office, who will be, and why. */
import type { Command } from "commander";

import type { Projection } from "../ledger/projection.js";
import { drawInputsOf, readRotationHistory } from "../operator/rotation-history.js";
import { type Explanation, explainDraw } from "../protocol/draw-explanation.js";
import { SwarmkeepError } from "../runtime/errors.js";
import { type CommandContext, type Printable, action, parseCount } from "./command.js";
import { meshFileOf, parseAddress, withLedger } from "./sessions.js";

interface ShowOptions {
  readonly mesh?: string;
}

interface ExplainOptions extends ShowOptions {
  readonly epoch: string;
  readonly validator?: string;
}

export function register(group: Command): void {
  group
    .command("show")
    .description("show the committee in office, the turn under way, and what candidates weigh")
    .option("--mesh <file>", "mesh.json; by default that of the operator's folder")
    .action(action<ShowOptions>(show));
  group
    .command("explain")
    .description("replay the draw of an epoch off the ledger, and say why members were drawn or not")
    .requiredOption("--epoch <number>", "of the committee that was drawn")
    .option("--validator <address>", "this one alone")
    .option("--mesh <file>", "mesh.json; by default that of the operator's folder")
    .action(action<ExplainOptions>(explain));
}

async function historyOf(context: CommandContext, { mesh }: ShowOptions): Promise<Projection> {
  const file = await meshFileOf(context, mesh);
  return withLedger(file, readRotationHistory);
}

async function show(context: CommandContext, options: ShowOptions): Promise<void> {
  const projection = await historyOf(context, options);
  const { office, rotation, measurement } = projection;
  const { latest } = rotation;
  const seatOf = (account: string): number => (office?.committee.indexOf(account) ?? -1) + 1;
  const candidates = projection.members().map(({ account, state, stake, jailedUntil }, rank) => ({
    account,
    state: jailedUntil === 0n ? state : "jailed",
    seat: seatOf(account) || null,
    stake,
    quality: measurement.qualityOf(rank),
    reputation: measurement.scoreOf(account),
    weight: rotation.weightOf(rank),
  }));
  const turn =
    latest === undefined
      ? null
      : {
          epoch: latest.epoch,
          seats: latest.seats,
          frozenAtBlock: latest.frozenIn,
          beacon: latest.beacon?.value ?? null,
        };
  const facts = { epoch: office?.epoch ?? null, generation: office?.generation ?? null, turn, candidates };
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd([44, 10, 6, 9, 12, 8][i] ?? 0))
      .join("")
      .trimEnd();
  context.print(
    facts,
    [
      office === undefined
        ? "no committee yet"
        : `epoch ${office.epoch}, generation ${office.generation}, ${office.committee.length} seats`,
      turn === null
        ? "no turn yet"
        : `last turn: to epoch ${turn.epoch}, ${turn.seats} seats, frozen in block ${turn.frozenAtBlock}, beacon ${turn.beacon ?? "not posted yet"}`,
      line(["candidate", "state", "seat", "quality", "reputation", "weight"]),
      ...candidates.map(({ account, state, seat, quality, reputation, weight }) =>
        line([account, state, ...[seat ?? "-", quality, reputation, weight].map(String)]),
      ),
    ].join("\n"),
  );
}

async function explain(context: CommandContext, options: ExplainOptions): Promise<void> {
  const epoch = BigInt(parseCount(options.epoch, "--epoch"));
  const validator = options.validator === undefined ? undefined : parseAddress(options.validator, "--validator");
  const inputs = drawInputsOf(await historyOf(context, options), epoch);
  const all = explainDraw(inputs);
  const asked = validator === undefined ? all : all.filter(({ account }) => account === validator);
  if (validator !== undefined && asked.length === 0) {
    throw new SwarmkeepError(`${validator} was no candidate when epoch ${epoch} was drawn`, {
      kind: "usage",
      code: "no-candidate",
      advice: "See who was: swarmkeep committee explain without --validator.",
      details: { validator, epoch: String(epoch) },
    });
  }
  context.print(
    { epoch, seats: inputs.seats, beacon: inputs.beacon, candidates: asked.map(printable) },
    asked.map(({ words }) => words).join("\n"),
  );
}

/** Amounts are wei, factors 256ths. */
function printable({ step, weighedBy, made, ...facts }: Explanation): Printable {
  const { stake, quality, reputation } = weighedBy ?? {};
  const { units, qualityFactor, reputationFactor } = made ?? {};
  const weighed = { stake, quality, reputation, units, qualityFactor, reputationFactor };
  return { ...facts, ...weighed, draw: step === undefined ? null : { ...step } };
}

/**
 * What an attacker with a share of the weight gets of the committees that the draw makes (docs/threat-model.md): the exact
 * probabilities beside what comes of so many draws by the very function that validators replay draws with.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

import { type Admission, committeeOdds, cumulative } from "../protocol/committee-odds.js";
import { drawMembers } from "../protocol/sortition.js";
import { quorumOf } from "../statements/quorum.js";
import { renderChart } from "./chart.js";

export interface SybilOptions {
  /** Shares of the weight, 0 to 1. */
  readonly shares: readonly number[];
  readonly seats: readonly number[];
  /** Draws in the time that the cumulative figures are of. */
  readonly epochs: number;
  /** Operators of equal weight in permissioned mode. In open mode there are {@link OPEN_CANDIDATES}. */
  readonly candidates: number;
  /** Simulated draws a row; 0 for exact figures alone. */
  readonly draws: number;
  readonly seed: string;
}

export interface SybilRow {
  readonly mode: Admission["mode"];
  readonly seats: number;
  /** Of the weight, after rounding to whole candidates. */
  readonly share: number;
  /** f + 1 and t. */
  readonly haltSeats: number;
  readonly captureSeats: number;
  readonly halt: number;
  readonly capture: number;
  /** Fractions of the simulated draws; undefined without any. */
  readonly haltDrawn: number | undefined;
  readonly captureDrawn: number | undefined;
  /** At least once in `epochs` draws. */
  readonly haltCumulative: number;
  readonly captureCumulative: number;
}

/** So many names that a draw without replacement is as good as one with it. */
const OPEN_CANDIDATES = 2_000;

/** @throws RangeError for shares, sizes and numbers of candidates that cannot be. */
export function simulateSybil(options: SybilOptions): SybilRow[] {
  const { shares, seats, epochs, candidates } = options;
  const rows: SybilRow[] = [];
  for (const mode of ["open", "permissioned"] as const) {
    for (const n of seats) {
      const { f, t } = quorumOf(n);
      for (const asked of shares) {
        const admission: Admission = mode === "open" ? { mode } : { mode, candidates };
        const share = mode === "open" ? asked : Math.round(asked * candidates) / candidates;
        const { halt, capture } = committeeOdds(n, share, admission);
        const drawn = seatsDrawn(options, mode === "open" ? OPEN_CANDIDATES : candidates, n, share);
        rows.push({
          mode,
          seats: n,
          share,
          haltSeats: f + 1,
          captureSeats: t,
          halt,
          capture,
          haltDrawn: drawn && atLeast(drawn, f + 1),
          captureDrawn: drawn && atLeast(drawn, t),
          haltCumulative: cumulative(halt, epochs),
          captureCumulative: cumulative(capture, epochs),
        });
      }
    }
  }
  return rows;
}

/** Seats of the attacker in each simulated draw. */
function seatsDrawn(
  { draws, seed }: SybilOptions,
  candidates: number,
  n: number,
  share: number,
): readonly number[] | undefined {
  if (draws === 0) return undefined;
  const bad = Math.round(share * candidates);
  const weights = Array.from({ length: candidates }, () => 1_000);
  return Array.from({ length: draws }, (_, i) => {
    const beacon = sha256(utf8ToBytes(`${seed}/${candidates}/${n}/${bad}/${i}`));
    return drawMembers(weights, beacon, 0, n).filter((leaf) => leaf < bad).length;
  });
}

function atLeast(seats: readonly number[], least: number): number {
  return seats.filter((count) => count >= least).length / seats.length;
}

/** For people: a row for each committee and share. */
export function describeSybil(rows: readonly SybilRow[], { epochs, draws }: SybilOptions): string {
  const table = rows.map((row) => [
    row.mode,
    String(row.seats),
    `${(100 * row.share).toFixed(1)}%`,
    `${row.haltSeats}`,
    probability(row.halt),
    row.haltDrawn === undefined ? "" : probability(row.haltDrawn),
    probability(row.haltCumulative),
    `${row.captureSeats}`,
    probability(row.capture),
    row.captureDrawn === undefined ? "" : probability(row.captureDrawn),
    probability(row.captureCumulative),
  ]);
  const head = [
    "admission",
    "seats",
    "share",
    "f+1",
    "halt",
    "drawn",
    `in ${epochs}`,
    "t",
    "capture",
    "drawn",
    `in ${epochs}`,
  ];
  const widths = head.map((title, i) => Math.max(title.length, ...table.map((cells) => (cells[i] as string).length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join("  ");
  const note =
    draws === 0
      ? "Exact probabilities in one epoch and at least once in all of them."
      : `Exact probabilities in one epoch and at least once in all of them; "drawn" is the fraction of ${draws} simulated draws.`;
  return [line(head), ...table.map(line), "", note].join("\n");
}

function probability(value: number): string {
  if (value === 0) return "0";
  return value < 0.001 ? value.toExponential(1) : value.toPrecision(2);
}

const PLOT_SEATS = [4, 7, 10, 13, 16, 19, 22, 25, 28, 31] as const;
const LEAST_SHOWN = 1e-12;

/**
 * Probabilities over the size of the committee, one line a share: of either outcome, in either admission mode, in one epoch and at
 * least once in all of them.
 */
export function sybilCharts({
  shares,
  epochs,
  candidates,
}: Pick<SybilOptions, "shares" | "epochs" | "candidates">): { name: string; svg: string }[] {
  const outcomes = { capture: "t seats (capture)", halt: "f + 1 seats (halt)" } as const;
  const modes = {
    open: { admission: { mode: "open" }, words: "open admission" },
    permissioned: {
      admission: { mode: "permissioned", candidates },
      words: `${candidates} operators of equal weight`,
    },
  } as const;
  const spans = { "": [epochs, `at least once in ${epochs} draws`], "-epoch": [1, "in one draw"] } as const;
  return (["capture", "halt"] as const).flatMap((outcome) =>
    (["open", "permissioned"] as const).flatMap((mode) =>
      (["", "-epoch"] as const).map((suffix) => {
        const { admission, words } = modes[mode];
        const [draws, span] = spans[suffix];
        const sizes = PLOT_SEATS.filter((n) => mode === "open" || n <= candidates);
        return {
          name: `sybil-${outcome}-${mode}${suffix}.svg`,
          svg: renderChart({
            title: `${outcomes[outcome]} ${span}, ${words}`,
            x: { label: "seats of the committee", from: 4, to: 31, ticks: PLOT_SEATS },
            y: {
              label: "probability",
              logarithmic: true,
              from: LEAST_SHOWN,
              to: 1,
              ticks: [1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12],
            },
            series: shares.map((share) => ({
              name: `${(100 * share).toFixed(0)}% of the weight`,
              points: sizes.map((n) => [n, cumulative(committeeOdds(n, share, admission)[outcome], draws)] as const),
            })),
          }),
        };
      }),
    ),
  );
}

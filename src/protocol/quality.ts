/**
 * From what a member measured of the candidates to their quality, class 0 to 15 (docs/protocol.md, section 15.2). Classes are coarse, so
 * that honest members who measured at other times and from other places mostly agree, and whoever wants to be a class better
 * has to be twice as fast, or there more often. How long the work took counts against the median of all who did it at the same
 * moment: a slow prober, or a day on which all are slow, sinks nobody.
 */
import { CLASSES } from "../statements/classes.js";

/** What one member has measured of one candidate. Times are in milliseconds, of answered probes. */
export interface Measures {
  readonly asked: number;
  readonly answered: number;
  /** Of round trips. */
  readonly latencies: readonly number[];
  /** Of the work, round trip and all. */
  readonly works: readonly number[];
}

/** The slowest round trip that still has the full points; twice as long costs a point each. */
const BEST_LATENCY_MILLISECONDS = 64;
/** The work may take twice the median for the full points; twice as long costs a point each. */
const BEST_WORK_RATIO = 2;
/** A third of the best class each: being there, latency, work. */
const POINTS = CLASSES.best / 3;

/** The lower one of the middle; undefined of none. */
export function lowerMedian(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** Full points up to `best`, one less up to twice that, and so on to none. */
function points(value: number, best: number): number {
  if (value <= best) return POINTS;
  return Math.max(0, POINTS - Math.ceil(Math.log2(value / best)));
}

/** @param usualWork median of the work of all candidates, milliseconds. */
export function qualityOf({ asked, answered, latencies, works }: Measures, usualWork: number): number {
  const latency = lowerMedian(latencies);
  const work = lowerMedian(works);
  if (answered === 0 || latency === undefined || work === undefined) return 0;
  const whenThere =
    POINTS + points(latency, BEST_LATENCY_MILLISECONDS) + points(work, BEST_WORK_RATIO * Math.max(1, usualWork));
  return Math.max(1, Math.floor((whenThere * answered) / asked));
}

/** Of each candidate by its number, 0 for those that were never asked or never answered. */
export function qualitiesOf(measured: ReadonlyMap<number, Measures>): Map<number, number> {
  const usual = lowerMedian([...measured.values()].flatMap(({ works }) => lowerMedian(works) ?? [])) ?? 0;
  return new Map([...measured].map(([rank, measures]) => [rank, qualityOf(measures, usual)]));
}

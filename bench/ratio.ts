/**
 * How many times as long one thing takes as another on this machine, now. Both are measured in turns, so that whatever else
 * the machine does hits both, and the median of the turns' ratios is taken, so that one bad turn does not count.
 */

export interface RatioOptions {
  /** What is measured: `count` times, one after another or in flight at once, as it is used. */
  readonly measured: (count: number) => Promise<void> | void;
  readonly unit: (count: number) => Promise<void> | void;
  /** How often each is done in one turn. */
  readonly count: number;
  readonly turns?: number;
}

/** Warm up the compiler and its caches, and are thrown away. */
export const WARM_UP_TURNS = 3;

/** Time of one measured thing over time of one unit. */
export async function timeRatio({ measured, unit, count, turns = 15 }: RatioOptions): Promise<number> {
  const ratios: number[] = [];
  for (let turn = -WARM_UP_TURNS; turn < turns; turn++) {
    const inUnits = (await seconds(() => measured(count))) / (await seconds(() => unit(count)));
    if (turn >= 0) ratios.push(inUnits);
  }
  return median(ratios);
}

export async function seconds(work: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  if (low === undefined || high === undefined) throw new RangeError("there is no median of no values");
  return (low + high) / 2;
}

/** A figure of this project: one operation, what it takes, what it must not exceed, and the best that is known elsewhere. */

export interface Figure {
  readonly operation: string;
  /** Undefined where there is none. */
  readonly goal: number | undefined;
  /** The best known elsewhere, in the same unit; undefined where nobody has published one. */
  readonly best: number | undefined;
  /** Where `best` is from, or what others do instead. */
  readonly source: string | undefined;
  measure(): Promise<number>;
}

/** Gas of a whole transaction, from its receipt, unless the figure says otherwise. */
export type GasFigure = Figure;

export interface OffchainFigure extends Figure {
  readonly unit: string;
  /** A program that has to be installed to measure it; it is not measured without. */
  readonly requires?: string;
}

/** A row of bench/results/gas.json. */
export interface GasRow {
  readonly operation: string;
  readonly gas: number;
  readonly goal: number | null;
  readonly best: number | null;
  readonly source: string | null;
}

/** A row of bench/results/offchain.json. */
export interface OffchainRow extends Omit<GasRow, "gas"> {
  readonly value: number;
  readonly unit: string;
}

/** Of these, more is better. */
const AT_LEAST: ReadonlySet<string> = new Set(["issuedPerSecondOverBareSign", "renewedPerSecondOverBareSign"]);

export function isAtLeast(operation: string): boolean {
  return AT_LEAST.has(operation);
}

/** Whether a measured value keeps a goal. */
export function meetsGoal(operation: string, value: number, goal: number | null): boolean {
  if (goal === null) return true;
  return isAtLeast(operation) ? value >= goal : value <= goal;
}

/** What the mesh costs: gas by day and purpose. */
import type { Manifest } from "../../manifest.js";
import type { TransactionLine } from "../../lines.js";

export const manifest: Manifest = { name: "gas", title: "Gas", order: 60, paths: ["/gas"] };

export interface GasShare {
  readonly purpose: string;
  readonly transactions: number;
  readonly gas: number;
  /** Wei, as text. */
  readonly wei: string;
}

export interface GasDay {
  /** Start of the day (UTC), seconds since 1970. */
  readonly start: number;
  readonly gas: number;
  readonly shares: readonly GasShare[];
}

export interface GasReport {
  /** Newest first; days without a transaction are left out. */
  readonly days: readonly GasDay[];
  readonly today: GasDay;
  /** The most expensive transactions of the newest day. */
  readonly largest: readonly TransactionLine[];
}

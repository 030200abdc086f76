/** Transactions that concern the mesh: what each did, in words. */
import type { EventLine, TransactionLine } from "../../lines.js";
import type { Args } from "../../json.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "transactions",
  title: "Transactions",
  order: 80,
  paths: ["/transactions", "/transactions/:hash"],
};

export interface EventWithArgs extends EventLine {
  readonly args: Args;
}

export interface TransactionDetail extends TransactionLine {
  readonly args: Args;
  readonly events: readonly EventWithArgs[];
}

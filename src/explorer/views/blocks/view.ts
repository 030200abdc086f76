/** Blocks of the chain. */
import type { TransactionLine, EventLine } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = { name: "blocks", title: "Blocks", order: 70, paths: ["/blocks", "/blocks/:id"] };

export interface BlockLine {
  readonly number: number;
  readonly hash: string;
  readonly parent: string;
  readonly time: number;
  readonly gasUsed: number;
  readonly gasLimit: number;
  /** All of the block, those that concern the mesh, and the mesh's events. */
  readonly transactions: number;
  readonly ours: number;
  readonly events: number;
}

export interface BlockDetail extends BlockLine {
  readonly ourTransactions: readonly TransactionLine[];
  readonly ourEvents: readonly EventLine[];
}

/** An account or contract: what it is here, and all that it did or was named in. */
import type { EventLine, TransactionLine } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = { name: "addresses", title: "Address", paths: ["/addresses/:address"] };

export interface AddressDetail {
  readonly address: string;
  /** What the mesh knows it as. */
  readonly roles: readonly {
    readonly role: "contract" | "validator" | "registrar";
    readonly name: string;
    readonly path: string;
  }[];
}

/** Asked of the node. */
export interface AddressState {
  /** Wei. */
  readonly balance: string;
  readonly nonce: number;
  /** Bytes of code; 0 for an account. */
  readonly codeLength: number;
}

export type HistoryLine = { readonly order: number } & (
  | { readonly source: "event"; readonly event: EventLine }
  | { readonly source: "transaction"; readonly transaction: TransactionLine }
);

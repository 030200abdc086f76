/** The mesh's contracts, and read access to them. */
import type { Json } from "../../json.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "contracts",
  title: "Contracts",
  order: 100,
  paths: ["/contracts", "/contracts/:name"],
};

export interface ContractLine {
  readonly name: string;
  readonly title: string;
  readonly address: string;
  readonly events: number;
}

export interface Parameter {
  readonly name: string;
  readonly type: string;
}

export interface ReadFunction {
  /** `name(type,...)`, by which it is called. */
  readonly signature: string;
  readonly name: string;
  readonly inputs: readonly Parameter[];
  readonly outputs: readonly Parameter[];
}

export interface ContractDetail extends ContractLine {
  readonly reads: readonly ReadFunction[];
  /** Events, errors and functions that change something, as the ABI writes them. */
  readonly writes: readonly string[];
  readonly emits: readonly string[];
  readonly errors: readonly string[];
}

export interface ReadAnswer {
  readonly block: number;
  readonly values: Readonly<Record<string, Json>>;
}

/** Certificates: what somebody pastes or drops is decoded and verified in the browser; the server gives what to trust. */
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";

export const manifest: Manifest = {
  name: "certificates",
  title: "Certificates",
  order: 50,
  paths: ["/certificates"],
};

/** The keys of one generation as the ledger has them. */
export interface GenerationKeys {
  readonly generation: number;
  /** 48 bytes, hexadecimal without `0x`, as all bytes here. */
  readonly bls: string;
  /** 32 bytes. */
  readonly ed25519: string;
  readonly office: Source;
  /** The root CA's certificate of these keys, DER, where it is on the ledger. */
  readonly crossCertificate?: {
    readonly der: string;
    readonly notBefore: number;
    readonly notAfter: number;
    readonly source: Source;
  };
}

export interface Trust {
  readonly chainId: string;
  readonly meshId: string;
  readonly anchor: string;
  readonly registry: string;
  readonly revocationList: string;
  /** The root CA's P-256 key, SEC 1 compressed, as the anchor has it. */
  readonly rootKey: string;
  /** Newest first; empty before the first committee. */
  readonly generations: readonly GenerationKeys[];
}

/** The distributed revocation list: its heads, what changed it, and a proof for any device. */
import type { Source } from "../../lines.js";
import type { Manifest } from "../../manifest.js";
import type { Sentence } from "../../sentence.js";

export const manifest: Manifest = { name: "revocation", title: "Revocation", order: 40, paths: ["/revocation"] };

export interface HeadLine {
  readonly number: number;
  readonly root: string;
  readonly words: number;
  /** Seconds since 1970. */
  readonly issued: number;
  readonly expires: number;
  readonly blockNumber: number;
  readonly source: Source;
}

export interface ChangeLine {
  readonly id: number;
  readonly kind: "revoked" | "held" | "released";
  readonly devices: Sentence;
  readonly count: number;
  readonly reason: string;
  readonly source: Source;
}

export interface RevocationSummary {
  readonly head?: HeadLine;
  /** Devices that are refused now: revoked, or held. */
  readonly revoked: number;
  readonly held: number;
  readonly headSeconds: number;
  readonly headLifetimeSeconds: number;
}

export interface Proof {
  readonly index: number;
  readonly head: HeadLine;
  /** The protocol's revocation proof (docs/protocol.md, section 6), in hexadecimal. */
  readonly proof: string;
  readonly listed: boolean;
}

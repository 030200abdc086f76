/** What runs while a committee is in office and this validator sits in it. */
import type { Participation } from "../protocol/participation.js";
import { type HeadMaker } from "./heads.js";
import type { FrostSigning } from "./frost-signing.js";
import type { Peers } from "./peers.js";
import type { Voting } from "./voting.js";

export interface InOfficeParts {
  readonly peers: Peers;
  readonly voting: Voting;
  readonly maker: HeadMaker;
  /** What the other members were seen to do. */
  readonly participation: Participation;
  /** For Ed25519 signatures of the swarm: `signByCommittee(office.signing, ...)`. */
  readonly signing: FrostSigning;
}

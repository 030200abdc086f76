import { drlProofBytes } from "./drlProof.js";

export const drlProofBytes1048576 = drlProofBytes(1_048_576, 620);

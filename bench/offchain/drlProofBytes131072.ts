import { drlProofBytes } from "./drlProof.js";

export const drlProofBytes131072 = drlProofBytes(131_072, 520);

/** Numbers of probes and of what is reported of them (docs/protocol.md, section 15). */
export const PROBE = {
  /** Bytes of a challenge, of the work's result and of what each step signs on. */
  challenge: 32,
  /** Cost of scrypt (RFC 7914): 2 MiB and some milliseconds. */
  work: { n: 2_048, r: 8, p: 1 },
  /** Signatures, each over the one before. */
  steps: 8,
} as const;

export const REPORT = {
  /** Candidates in a sample, four bits each in a word (`contracts/Measurement.sol`). */
  sample: 64,
  /** Bits of a class. */
  classBits: 4,
  bestClass: 15,
} as const;

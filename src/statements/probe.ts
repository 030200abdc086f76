/** Numbers of a probe (docs/protocol.md, section 15.1). */
export const PROBE = {
  /** Bytes of a challenge, of the work's result and of what each step signs on. */
  challenge: 32,
  /** Cost of scrypt (RFC 7914): 2 MiB and some milliseconds. */
  work: { n: 2_048, r: 8, p: 1 },
  /** Signatures, each over the one before. */
  steps: 8,
} as const;

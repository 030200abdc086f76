/** When to try again, and when to renew: always with jitter, so that a fleet that was cut off does not come back as one. */
const FIRST_MILLISECONDS = 500;
const LONGEST_MILLISECONDS = 60_000;
const HANDOVER_MILLISECONDS = 1_000;

/**
 * Milliseconds before attempt `attempt` + 1: at least half of a wait that doubles from half a second up to a minute.
 * @param random in [0, 1)
 */
export function backoffMilliseconds(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_MILLISECONDS, FIRST_MILLISECONDS * 2 ** Math.min(attempt, 20));
  return (longest * (1 + random)) / 2;
}

/**
 * Milliseconds to wait out while committees hand over, which takes some seconds: about one.
 * @param random in [0, 1)
 */
export function handoverMilliseconds(random: number): number {
  return HANDOVER_MILLISECONDS * (0.5 + random);
}

/** A tenth of the lifetime, over which renewals are spread. */
const RENEWAL_SPREAD = 0.1;

/**
 * When to renew a certificate, seconds since 1970: after two thirds of its lifetime, and up to a tenth of it earlier.
 * Draw `random` once per certificate.
 * @param random in [0, 1)
 */
export function renewalTime(
  { notBefore, expires }: { readonly notBefore: number; readonly expires: number },
  random: number,
): number {
  return Math.floor(notBefore + (expires - notBefore) * (2 / 3 - RENEWAL_SPREAD * random));
}

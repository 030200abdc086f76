/** Times as people read them. */

/** Seconds since 1970 in UTC (ISO 8601). A clock that says no time is told as it is. */
export function when(seconds: number): string {
  const time = new Date(1_000 * seconds);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString().replace(".000Z", "Z");
}

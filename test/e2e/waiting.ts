/** Waiting for what comes about in other processes, and names that all of these tests share. */
export const PASSPHRASE = "an end to end test";

/**
 * Looks until `look` gives something, and returns it.
 * @throws Error naming `what`, and the last error of `look`, after `seconds`.
 */
export async function eventually<T>(what: string, look: () => Promise<T | undefined>, seconds = 90): Promise<T> {
  const deadline = performance.now() + 1000 * seconds;
  let last: unknown = "it was not so yet";
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`it did not come about in ${seconds} s that ${what}: ${String(last)}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

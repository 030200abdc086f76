/** Waiting for what comes about in other processes, and names that all of these tests share. */
import { createServer } from "node:net";

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

/** Ports of loopback that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/**
 * Ports of loopback for servers that start later.
 *
 * A port that the system gives for 0 comes from the range it also takes the near end of each outgoing connection from, so
 * it may be gone by the time its server starts, and at any start after. These lie below that range on every common system
 * (from 32768 on Linux, see ip(7); from 49152 where RFC 6335 section 6 is followed), and in a row: two programs that choose
 * at the same moment then rarely choose the same.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { type Server, createServer } from "node:net";

/** The first and, not included, the last. `fetch` refuses 10080 (WHATWG Fetch, port blocking), the last one that it does. */
const RANGE = [11_000, 32_768] as const;
const ATTEMPTS = 100;

/**
 * `count` ports in a row that nothing listens on now. `first` chooses where a row begins, in [low, high).
 * @throws Error if no row was found in a hundred attempts
 */
export async function freePorts(
  count: number,
  first: (low: number, high: number) => number = randomInt,
): Promise<number[]> {
  const [low, high] = RANGE;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const start = first(low, high - count + 1);
    const ports = Array.from({ length: count }, (_, index) => start + index);
    if (await areFree(ports)) return ports;
  }
  throw new Error(`no ${count} ports in a row are free between ${low} and ${high - 1}`);
}

/** The port, if nothing listens on it now; else another one. */
export async function portOrFree(port: number): Promise<number> {
  if (await areFree([port])) return port;
  const [other = 0] = await freePorts(1);
  return other;
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  const attempts = await Promise.allSettled(ports.map(listenOn));
  const servers = attempts.flatMap((attempt) => (attempt.status === "fulfilled" ? [attempt.value] : []));
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return servers.length === ports.length;
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

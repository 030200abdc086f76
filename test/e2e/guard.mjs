/**
 * Outlives the test process and kills what it leaves: it is told on standard input which processes run (`+pid`, `-pid`), and
 * kills those that are left when that ends, however the tests ended.
 */
import { createInterface } from "node:readline";

const running = new Set();
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) running.add(pid);
  else running.delete(pid);
}
for (const pid of running) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** A process with a store in the private IPFS network of the tests. Arguments: its folder, and the ports of its peers. */
import { fileURLToPath } from "node:url";

import { silentLogger } from "../../src/runtime/log.js";
import { type IpfsStoreOptions, openIpfsStore } from "../../src/store/ipfs-store.js";

/** What the process is told; it answers each with what came of it. */
export type Order =
  | { readonly put: string; readonly id: string; readonly bytes: string }
  | { readonly get: string; readonly id: string }
  | { readonly drop: string };

/** Of the network that all nodes of the tests are in. */
export const NETWORK = new Uint8Array(32).fill(9);

export function ipfsOptions(folder: string, seed: number, peers: readonly number[]): IpfsStoreOptions {
  return {
    folder,
    quota: 1 << 20,
    listen: { host: "127.0.0.1", port: 0 },
    peers: peers.map((port) => ({ host: "127.0.0.1", port })),
    keys: { seed: new Uint8Array(32).fill(seed), network: NETWORK },
    meshId: new Uint8Array(32).fill(7),
    log: silentLogger,
  };
}

async function main(folder: string, seed: string, ...peers: string[]): Promise<void> {
  const store = await openIpfsStore(ipfsOptions(folder, Number(seed), peers.map(Number)));
  process.on("message", (order: Order) => {
    void (async () => {
      if ("put" in order) {
        const bytes = Uint8Array.from(Buffer.from(order.bytes, "hex"));
        await store.put(order.put, [{ id: Uint8Array.from(Buffer.from(order.id, "hex")), device: 1, bytes }]);
        process.send?.("kept");
      } else if ("get" in order) {
        const found = await store.get(order.get, Uint8Array.from(Buffer.from(order.id, "hex")));
        process.send?.(found === undefined ? "none" : Buffer.from(found.bytes).toString("hex"));
      } else {
        await store.drop(order.drop);
        process.send?.("dropped");
      }
    })();
  });
  process.once("disconnect", () => void store.close());
  process.send?.(store.addresses[0]);
}

// The test runner loads every file of this folder; only the process that was started for it does anything.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder = "", seed = "", ...peers] = process.argv;
  void main(folder, seed, ...peers);
}

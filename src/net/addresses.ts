/** Limits by the address of whoever connects. */
import type { Server, Socket } from "node:net";

/** What counts as one address: the whole of an IPv4 one, the /64 of an IPv6 one, since a /64 is one subscriber's. */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.replace(/%.*$/, "").split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array.from({ length: zeros }, () => "0"), ...last].slice(0, 4).join(":");
}

export interface Connections {
  /** Open connections, those in a handshake included. */
  count(): number;
  /** Ends them all at once. */
  destroyAll(): void;
}

/** Lets no address have more than `perAddress` connections to `server`: further ones are closed before the handshake. */
export function limitConnections(server: Server, perAddress: number, refused: () => void): Connections {
  const open = new Set<Socket>();
  const counts = new Map<string, number>();
  server.prependListener("connection", (socket: Socket) => {
    const key = addressKey(socket.remoteAddress);
    const count = counts.get(key) ?? 0;
    if (count >= perAddress) {
      refused();
      socket.destroy();
      return;
    }
    counts.set(key, count + 1);
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      const left = (counts.get(key) ?? 1) - 1;
      if (left === 0) counts.delete(key);
      else counts.set(key, left);
    });
  });
  return {
    count: () => open.size,
    destroyAll: () => {
      for (const socket of open) socket.destroy();
    },
  };
}

/**
 * Channel bindings (RFC 9266, `tls-exporter`): 32 bytes that both ends of one TLS connection know and no other
 * connection has. What a device signs together with them counts on that connection only: it can be neither replayed
 * nor relayed by a machine in the middle.
 */
import type { TLSSocket } from "node:tls";

export const CHANNEL_BINDING_LENGTH = 32;
const LABEL = "EXPORTER-Channel-Binding";

const known = new WeakMap<TLSSocket, Uint8Array>();

/** The channel binding of a connection whose handshake is over. */
export function channelBinding(socket: TLSSocket): Uint8Array {
  let binding = known.get(socket);
  if (binding === undefined) {
    binding = Uint8Array.from(socket.exportKeyingMaterial(CHANNEL_BINDING_LENGTH, LABEL, Buffer.alloc(0)));
    known.set(socket, binding);
  }
  return binding;
}

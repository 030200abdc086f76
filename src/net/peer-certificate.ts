/** The certificate at the other end of a TLS connection. */
import type { TLSSocket } from "node:tls";

/** By connection: after the handshake of TLS 1.3 nobody shows another one, since nobody here asks for that. */
const shown = new WeakMap<TLSSocket, Uint8Array>();

/**
 * What the peer has shown and whose key it has used in the handshake, DER, the same object for one connection; undefined where it
 * has shown none. Can be asked again and again: `getPeerX509Certificate` gives a client under Node 20 the certificate the first
 * time only.
 */
export function peerCertificate(socket: TLSSocket): Uint8Array | undefined {
  const known = shown.get(socket);
  if (known !== undefined) return known;
  // Null once the connection has ended.
  const { raw } = (socket.getPeerCertificate() ?? {}) as { readonly raw?: Uint8Array };
  if (raw === undefined) return undefined;
  const certificate = Uint8Array.from(raw);
  shown.set(socket, certificate);
  return certificate;
}

/** The certificate at the other end of a TLS connection. */
import type { TLSSocket } from "node:tls";

/**
 * What the peer has shown and whose key it has used in the handshake, DER; undefined where it has shown none. Can be asked again and
 * again: `getPeerX509Certificate` gives a client under Node 20 the certificate the first time only.
 */
export function peerCertificate(socket: TLSSocket): Uint8Array | undefined {
  const { raw } = socket.getPeerCertificate() as { readonly raw?: Uint8Array };
  return raw === undefined ? undefined : Uint8Array.from(raw);
}

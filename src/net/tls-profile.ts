/**
 * What both ends agree on about TLS: version 1.3 alone, and the cipher suites with SHA-256, since that is the hash that
 * an external pre-shared key is bound to (RFC 8446, section 4.2.11). The key exchange is always ephemeral
 * (`psk_dhe_ke`): OpenSSL refuses `psk_ke` unless told otherwise. There is no early data.
 */
export const TLS_PROFILE = {
  minVersion: "TLSv1.3",
  maxVersion: "TLSv1.3",
  ciphers: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
} as const;

/** What OpenSSL takes as an identity in a handshake, in bytes. */
export const MAXIMUM_PSK_IDENTITY = 128;
/** Shorter keys could be found by trying. */
export const MINIMUM_PSK_LENGTH = 16;

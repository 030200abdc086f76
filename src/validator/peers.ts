/** The other members of the committee, as the registry says how to reach them. */
export interface Peers {
  /** Their seats. */
  readonly seats: readonly number[];
  /** Posts a CBOR body to a member, whose TLS key is the registered one. @throws SwarmkeepError of kind `network` or `refused` */
  post(seat: number, path: string, body: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>;
}

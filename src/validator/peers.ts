/**
 * The other members of a committee, reached as the registry says: at their endpoint, by their registered TLS key and the swarm's
 * certificate for it (`MemberServers`). To them this validator shows its own, by which they know it (`caller.ts`).
 */
import { getBytes } from "ethers";

import type { Projection } from "../ledger/projection.js";
import { type Client, type ClientCredentials, createClient } from "../net/client.js";
import { parseEndpoint } from "../net/endpoint.js";
import type { MemberServers } from "../net/member-servers.js";
import { SwarmkeepError } from "../statements/errors.js";

export interface Peers {
  /** Their seats. */
  readonly seats: readonly number[];
  /** Posts a CBOR body to a member. @throws SwarmkeepError of kind `network` or `refused` */
  post(
    seat: number,
    path: string,
    body: Uint8Array,
    signal?: AbortSignal,
    maximumAnswerBytes?: number,
  ): Promise<Uint8Array>;
  /** What a member has at `path`. @throws SwarmkeepError of kind `network` or `refused` */
  get(
    seat: number,
    path: string,
    options?: { readonly signal?: AbortSignal; readonly maximumAnswerBytes?: number },
  ): Promise<Uint8Array>;
  close(): void;
}

/** How members know one another. */
export interface MemberChannel {
  /** What this validator shows of itself. */
  readonly credentials: () => ClientCredentials;
  readonly servers: MemberServers;
}

const TIMEOUT_MILLISECONDS = 5_000;

/**
 * @param accounts by seat, this member's own included.
 * @param own the seat that is not a peer.
 */
export function registeredPeers(
  projection: Projection,
  accounts: ReadonlyMap<number, string>,
  own: number | undefined,
  { credentials, servers }: MemberChannel,
): Peers {
  const clients = new Map<number, { readonly name: string; readonly client: Client }>();

  function clientOf(seat: number): Client {
    const account = accounts.get(seat);
    const contact = account === undefined ? undefined : projection.member(account)?.contact;
    if (account === undefined || contact === undefined) {
      throw new SwarmkeepError(`nobody is registered for seat ${seat}`, {
        kind: "network",
        code: "peer-unknown",
        advice: "Wait until its holder registers; up to f members may be away.",
      });
    }
    // A member may move or change its key: then the registry names another one.
    const name = `${contact.endpoint} ${contact.tlsPin}`;
    const known = clients.get(seat);
    if (known?.name === name) return known.client;
    known?.client.close();
    const client = createClient({
      endpoint: parseEndpoint(contact.endpoint),
      trust: { kind: "pin", pin: getBytes(contact.tlsPin), judge: servers.judgeOf(getBytes(account)) },
      credentials,
      timeoutMilliseconds: TIMEOUT_MILLISECONDS,
    });
    clients.set(seat, { name, client });
    return client;
  }

  return {
    seats: [...accounts.keys()].filter((seat) => seat !== own),
    async post(seat, path, body, signal, maximumAnswerBytes) {
      const answer = await clientOf(seat).request({
        method: "POST",
        path,
        body,
        ...(signal === undefined ? {} : { signal }),
        ...(maximumAnswerBytes === undefined ? {} : { maximumAnswerBytes }),
      });
      return answer.body;
    },
    async get(seat, path, options = {}) {
      return (await clientOf(seat).request({ method: "GET", path, ...options })).body;
    },
    close() {
      for (const { client } of clients.values()) client.close();
      clients.clear();
    },
  };
}

/**
 * Signing sessions of FROST (RFC 9591): between the two rounds a signer keeps the secret nonces of its commitments, in
 * memory only. A session is taken once, so no nonce is used twice; a restart forgets all of them, which costs the asker
 * a new first round and nothing else (docs/protocol.md, section 7).
 */
export interface Session<Nonces> {
  /** The bytes to sign, built by this member itself in the first round. */
  readonly message: Uint8Array;
  readonly nonces: Nonces;
}

export interface SessionBookOptions<Nonces> {
  /** 16 random bytes. */
  readonly randomId: () => Uint8Array;
  readonly nowMilliseconds: () => number;
  /** Overwrites nonces that were not used. */
  readonly wipe: (nonces: Nonces) => void;
  readonly capacity?: number;
  /** Sessions that one asker may have open; its oldest goes when it opens more. */
  readonly capacityOfEach?: number;
  readonly lifetimeMilliseconds?: number;
}

const DEFAULT_CAPACITY = 16_384;
const DEFAULT_CAPACITY_OF_EACH = 8;
const DEFAULT_LIFETIME_MILLISECONDS = 30_000;

export class SessionBook<Nonces> {
  readonly #options: SessionBookOptions<Nonces>;
  readonly #sessions = new Map<string, Session<Nonces> & { readonly until: number; readonly asker: string }>();
  /** Ids of open sessions by who asked for them, the oldest first. */
  readonly #askers = new Map<string, Set<string>>();

  constructor(options: SessionBookOptions<Nonces>) {
    this.#options = options;
  }

  /**
   * Opens a session and gives its id, 16 bytes. The oldest session goes when there are too many.
   * @param asker whose session it is: nobody can push out the sessions of all others.
   */
  open(session: Session<Nonces>, asker: string): Uint8Array {
    const now = this.#options.nowMilliseconds();
    for (const [id, old] of this.#sessions) {
      if (old.until > now && this.#sessions.size < (this.#options.capacity ?? DEFAULT_CAPACITY)) break;
      this.#remove(id);
      this.#options.wipe(old.nonces);
    }
    const own = this.#askers.get(asker) ?? new Set();
    const [oldest] = own;
    if (oldest !== undefined && own.size >= (this.#options.capacityOfEach ?? DEFAULT_CAPACITY_OF_EACH)) {
      const old = this.#remove(oldest);
      if (old !== undefined) this.#options.wipe(old.nonces);
    }
    const id = this.#options.randomId();
    const until = now + (this.#options.lifetimeMilliseconds ?? DEFAULT_LIFETIME_MILLISECONDS);
    this.#sessions.set(key(id), { ...session, until, asker });
    this.#askers.set(asker, own.add(key(id)));
    return id;
  }

  /** Takes a session, once. Undefined if it is unknown, used or too old. */
  take(id: Uint8Array): Session<Nonces> | undefined {
    const session = this.#remove(key(id));
    if (session === undefined) return undefined;
    if (session.until > this.#options.nowMilliseconds()) return session;
    this.#options.wipe(session.nonces);
    return undefined;
  }

  #remove(id: string): (Session<Nonces> & { readonly until: number }) | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    this.#sessions.delete(id);
    const own = this.#askers.get(session.asker);
    own?.delete(id);
    if (own?.size === 0) this.#askers.delete(session.asker);
    return session;
  }
}

function key(id: Uint8Array): string {
  return id.join(",");
}

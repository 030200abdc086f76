/** How often each of many callers may do something, in bounded memory. */

export interface TokenBucketOptions {
  /** Tokens that come back each second. */
  readonly perSecond: number;
  /** Tokens that a caller starts with and can have at most. */
  readonly burst: number;
  /** Callers remembered at once; the one not seen for longest is forgotten first. */
  readonly maximumKeys?: number;
  /** Milliseconds; any clock that does not go backwards. */
  readonly now?: () => number;
}

export class TokenBuckets {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #maximumKeys: number;
  readonly #now: () => number;
  /** In the order of use, the oldest first. */
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor({ perSecond, burst, maximumKeys = 10_000, now = () => performance.now() }: TokenBucketOptions) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#maximumKeys = maximumKeys;
    this.#now = now;
  }

  /** The whole seconds to wait until `key` has `cost` tokens, 0 if it has; nothing is taken. */
  wait(key: string, cost = 1): number {
    const bucket = this.#buckets.get(key);
    const tokens = bucket === undefined ? this.#burst : this.#filled(bucket, this.#now());
    return tokens >= cost ? 0 : Math.max(1, Math.ceil((cost - tokens) / this.#perSecond));
  }

  /** Takes `cost` tokens of `key`. 0 if there were enough; otherwise nothing is taken, and the whole seconds to wait. */
  take(key: string, cost = 1): number {
    const at = this.#now();
    const last = this.#buckets.get(key);
    const tokens = last === undefined ? this.#burst : this.#filled(last, at);
    const enough = tokens >= cost;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: enough ? tokens - cost : tokens, at });
    if (this.#buckets.size > this.#maximumKeys) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return enough ? 0 : Math.max(1, Math.ceil((cost - tokens) / this.#perSecond));
  }

  #filled(bucket: { readonly tokens: number; readonly at: number }, at: number): number {
    return Math.min(this.#burst, bucket.tokens + (Math.max(0, at - bucket.at) / 1000) * this.#perSecond);
  }
}

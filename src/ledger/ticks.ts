/**
 * Ticks: the clock by which all members make the same heads and checkpoints (docs/protocol.md, section 3.7).
 * Tick k is at T_k = start + k * tickSeconds; its reference block B(k) is the last block with timestamp <= T_k, known once a
 * finalised block is later than T_k. Nothing here reads a wall clock.
 */

export interface TickParameters {
  /** Timestamp of the genesis block of the mesh, seconds. */
  readonly start: number;
  readonly tickSeconds: number;
  /** A multiple of `tickSeconds`. */
  readonly headSeconds: number;
  readonly headLifetimeSeconds: number;
}

/** What of a block matters here. */
export interface TimedBlock {
  readonly number: number;
  /** Seconds since 1970; never less than that of an earlier block. */
  readonly timestamp: number;
}

/** T_k in seconds. */
export function tickTime(parameters: TickParameters, k: number): number {
  return parameters.start + k * parameters.tickSeconds;
}

/** The last tick at or before `time`; 0 or less before the first. */
export function tickAt(parameters: TickParameters, time: number): number {
  return Math.floor((time - parameters.start) / parameters.tickSeconds);
}

/** The last tick whose reference block is known by a finalised block: T_k is before its timestamp. */
export function lastKnownTick(parameters: TickParameters, finalised: TimedBlock): number {
  return tickAt(parameters, finalised.timestamp - 1);
}

/** Whether a head (and a checkpoint) is made at tick k whatever happened. */
export function isScheduled(parameters: TickParameters, k: number): boolean {
  return k >= 1 && (k * parameters.tickSeconds) % parameters.headSeconds === 0;
}

/** `issued` and `expires` of head k, seconds. */
export function headTimes(parameters: TickParameters, k: number): { issued: number; expires: number } {
  const issued = tickTime(parameters, k);
  return { issued, expires: issued + parameters.headLifetimeSeconds };
}

export interface DueHead {
  readonly number: number;
  /** B(number). */
  readonly blockNumber: number;
  readonly scheduled: boolean;
}

/** Reference blocks kept in memory; a day of ticks of 30 seconds. */
const CACHE_SIZE = 2880;

/** Finds reference blocks. Reads blocks that are finalised, so that what it keeps never changes. */
export class TickClock {
  readonly parameters: TickParameters;
  readonly #genesisBlock: number;
  readonly #read: (blockNumber: number) => Promise<TimedBlock>;
  readonly #cache = new Map<number, number>();

  /**
   * @param genesisBlock number of the block that holds genesis, whose timestamp is `start`: it is B(0).
   * @param read gives a finalised block by number.
   */
  constructor(parameters: TickParameters, genesisBlock: number, read: (blockNumber: number) => Promise<TimedBlock>) {
    this.parameters = parameters;
    this.#genesisBlock = genesisBlock;
    this.#read = read;
  }

  /**
   * The number of B(k), k >= 0, by binary search.
   * @throws RangeError if `finalised` is not later than T_k: B(k) is not known yet.
   */
  async referenceBlock(k: number, finalised: TimedBlock): Promise<number> {
    const time = tickTime(this.parameters, k);
    if (k < 0 || finalised.timestamp <= time) {
      throw new RangeError(`the reference block of tick ${k} is not known at block ${finalised.number}`);
    }
    const cached = this.#cache.get(k);
    if (cached !== undefined) return cached;
    // Invariant: the block `low` is at or before T_k, the block `high` is after it.
    let low = this.#genesisBlock;
    let high = finalised.number;
    const below = this.#cache.get(k - 1);
    const above = this.#cache.get(k + 1);
    if (below !== undefined) low = Math.max(low, below);
    // The block behind B(k + 1) exists and is after T_(k + 1).
    if (above !== undefined) high = Math.min(high, above + 1);
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      const block = await this.#read(middle);
      if (block.timestamp <= time) low = middle;
      else high = middle;
    }
    this.#remember(k, low);
    return low;
  }

  /**
   * The newest head that is due, or undefined if there is none after `after`.
   * @param after number of the last head known to be made; ticks up to it are not looked at.
   * @param changed whether the effective list or the allocated index count differs between two blocks (first < second).
   */
  async newestDueHead(
    after: number,
    finalised: TimedBlock,
    changed: (fromBlock: number, toBlock: number) => boolean | Promise<boolean>,
  ): Promise<DueHead | undefined> {
    for (let k = lastKnownTick(this.parameters, finalised); k > Math.max(after, 0); k--) {
      const blockNumber = await this.referenceBlock(k, finalised);
      if (isScheduled(this.parameters, k)) return { number: k, blockNumber, scheduled: true };
      const before = await this.referenceBlock(k - 1, finalised);
      if (before !== blockNumber && (await changed(before, blockNumber))) {
        return { number: k, blockNumber, scheduled: false };
      }
    }
    return undefined;
  }

  #remember(k: number, blockNumber: number): void {
    this.#cache.set(k, blockNumber);
    if (this.#cache.size > CACHE_SIZE) {
      const oldest = this.#cache.keys().next();
      if (!oldest.done) this.#cache.delete(oldest.value);
    }
  }
}

/** A value that changes with blocks, and what it was at any of them. Two members ask about the same block and get the same. */
export class History<T> {
  readonly #versions: { readonly block: number; readonly value: T }[] = [];

  /** Sets the value from `block` on. Blocks never go back; within a block the last value stands. */
  set(block: number, value: T): void {
    const last = this.#versions.at(-1);
    if (last !== undefined && block < last.block) {
      throw new RangeError(`block ${block} comes after block ${last.block}: events are applied in order`);
    }
    if (last?.block === block) this.#versions.pop();
    this.#versions.push({ block, value });
  }

  /** The value after all of `block`; undefined before the first. */
  at(block: number): T | undefined {
    let low = 0;
    let high = this.#versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#versions[middle]?.block ?? 0) <= block) low = middle + 1;
      else high = middle;
    }
    return this.#versions[low - 1]?.value;
  }

  /** The values up to `block`, each with the block since which it stood, the last one first. */
  *before(block: number): Generator<{ readonly block: number; readonly value: T }> {
    for (let at = this.#versions.length - 1; at >= 0; at--) {
      const version = this.#versions[at];
      if (version !== undefined && version.block <= block) yield version;
    }
  }

  /** All values in order. */
  values(): readonly T[] {
    return this.#versions.map(({ value }) => value);
  }

  get latest(): T | undefined {
    return this.#versions.at(-1)?.value;
  }
}

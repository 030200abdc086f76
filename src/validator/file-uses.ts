/** How much of each file is in use, where each has several things and newer files take the place of single ones. */
import { rm } from "node:fs/promises";

export class FileUses {
  readonly #uses = new Map<string, number>();

  /** One more thing of a file is used, or one less; 0 makes it known. */
  count(path: string, by: number): void {
    this.#uses.set(path, (this.#uses.get(path) ?? 0) + by);
  }

  /** Deletes the files of which nothing is used. */
  async removeUnused(): Promise<void> {
    for (const [path, uses] of this.#uses) {
      if (uses > 0) continue;
      this.#uses.delete(path);
      await rm(path, { force: true });
    }
  }
}

/**
 * The highest number that was seen of something which must not go back, in a file: taking this machine's power away must not let an older
 * one pass.
 */
import { readIfPresent, writeAtomically } from "./atomic-file.js";

export class HighMark {
  readonly #path: string;
  #value: number;
  /** One after another: a lower one must not be written last. */
  #last: Promise<void> = Promise.resolve();

  private constructor(path: string, value: number) {
    this.#path = path;
    this.#value = value;
  }

  /** @param damaged the error for a file that holds no number. @throws that, and those of files */
  static async open(path: string, damaged: (cause: unknown) => Error): Promise<HighMark> {
    const content = await readIfPresent(path, 4_096);
    if (content === undefined) return new HighMark(path, 0);
    try {
      const { highest } = JSON.parse(new TextDecoder().decode(content)) as { highest: unknown };
      if (!Number.isSafeInteger(highest)) throw new TypeError("no number");
      return new HighMark(path, highest as number);
    } catch (cause) {
      throw damaged(cause);
    }
  }

  /** 0 before the first. */
  get value(): number {
    return this.#value;
  }

  /** Is on disk when it returns. A number that is no higher changes nothing. */
  raise(to: number): Promise<void> {
    const raised = this.#last.then(() => this.#raise(to));
    this.#last = raised.catch(() => undefined);
    return raised;
  }

  async #raise(to: number): Promise<void> {
    if (to <= this.#value) return;
    await writeAtomically(this.#path, `${JSON.stringify({ highest: to })}\n`);
    this.#value = to;
  }
}

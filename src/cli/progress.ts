/** What a person sees while something takes time: one line per step, with how long it took. */
export interface Progress {
  /** Runs one step and prints its line; `detail` of the result says what came out. */
  step<T>(name: string, work: () => Promise<{ readonly detail: string; readonly value: T }>): Promise<T>;
  /** A line of plain text. */
  say(text: string): void;
  /** The running step is given up: it and what follows from that end as stopped, and did not fail. */
  giveUp(): void;
}

const NAME_WIDTH = 12;
const DETAIL_WIDTH = 94;

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`.padStart(7);
}

/** Progress on a stream; on a terminal the running step is shown too. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  const terminal = stream.isTTY;
  let givenUp = false;
  const mark = (symbol: string, colour: number): string => (terminal ? `\u001b[${colour}m${symbol}\u001b[0m` : symbol);
  return {
    async step(name, work) {
      const begun = performance.now();
      if (terminal) stream.write(`  · ${name.padEnd(NAME_WIDTH)} …`);
      const line = (symbol: string, colour: number, detail: string): string =>
        `${terminal ? "\r\u001b[K" : ""}  ${mark(symbol, colour)} ${name.padEnd(NAME_WIDTH)} ${detail.padEnd(DETAIL_WIDTH)} ${seconds(performance.now() - begun)}\n`;
      try {
        const { detail, value } = await work();
        stream.write(line("✓", 32, detail));
        return value;
      } catch (error) {
        stream.write(givenUp ? line("·", 33, "stopped") : line("✗", 31, "failed"));
        throw error;
      }
    },
    say(text) {
      stream.write(`${text}\n`);
    },
    giveUp() {
      givenUp = true;
    },
  };
}

/** Progress for `--json`: a JSON object per step on one line. */
export function jsonProgressOn(stream: NodeJS.WriteStream): Progress {
  return {
    async step(name, work) {
      const begun = performance.now();
      const { detail, value } = await work();
      const milliseconds = Math.round(performance.now() - begun);
      stream.write(`${JSON.stringify({ step: name, detail, milliseconds })}\n`);
      return value;
    },
    say() {},
    giveUp() {},
  };
}

/**
 * News for open pages, as server-sent events: status changes, and which events the new blocks had. A page asks again for what it
 * shows; the news say that it has to. One direction is all that is needed, and browsers connect again by themselves.
 */
import type { ServerResponse } from "node:http";

import type { IndexStatus, News } from "./status.js";
import type { IndexedEvent } from "./view.js";

const MAXIMUM_LISTENERS = 256;
/** Proxies close what is silent. */
const BEAT_MILLISECONDS = 15_000;

export class Live {
  readonly #listeners = new Set<ServerResponse>();
  readonly #beat: NodeJS.Timeout;

  constructor() {
    this.#beat = setInterval(() => this.#send(": still here\n\n"), BEAT_MILLISECONDS);
    this.#beat.unref();
  }

  get isFull(): boolean {
    return this.#listeners.size >= MAXIMUM_LISTENERS;
  }

  /** Takes over the answer to a request. */
  add(response: ServerResponse, status: IndexStatus): void {
    response.write(`retry: 1000\n\n${line({ status, events: [] })}`);
    this.#listeners.add(response);
    response.once("close", () => this.#listeners.delete(response));
  }

  tell(status: IndexStatus, events: readonly IndexedEvent[]): void {
    this.#send(line({ status, events: [...new Set(events.map(({ name }) => name))] }));
  }

  close(): void {
    clearInterval(this.#beat);
    for (const listener of this.#listeners) listener.end();
  }

  #send(text: string): void {
    for (const listener of this.#listeners) {
      // Who does not read is let go: it comes back and asks for everything anew.
      if (listener.writableLength > 1 << 20) listener.destroy();
      else listener.write(text);
    }
  }
}

function line(news: News): string {
  return `data: ${JSON.stringify(news)}\n\n`;
}

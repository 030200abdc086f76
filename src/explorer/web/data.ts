/** What pages ask the server, kept fresh by its news: a page shows what it has while it asks again. */
import { signal } from "./signal.js";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import type { Page } from "../lines.js";
import type { IndexStatus, News } from "../status.js";

export class ApiError extends Error {
  readonly code: string;
  readonly advice: string;

  constructor(code: string, message: string, advice: string) {
    super(message);
    this.code = code;
    this.advice = advice;
  }
}

const AWAY = new ApiError(
  "server-away",
  "The explorer's server does not answer",
  "Start it again; this page goes on by itself.",
);

/** @throws ApiError */
export async function ask<T>(path: string, body?: unknown, stop?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      ...(stop === undefined ? {} : { signal: stop }),
      ...(body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw AWAY;
  }
  const answer = (await response.json().catch(() => undefined)) as
    T | { error: { code: string; message: string; advice: string } } | undefined;
  if (response.ok) return answer as T;
  const { code, message, advice } = (answer as { error: ApiError } | undefined)?.error ?? AWAY;
  throw new ApiError(code, message, advice);
}

/** The index's status as the server tells it; undefined before the first word, `away` while the server is. */
export const status = signal<IndexStatus | undefined>(undefined);
export const serverAway = signal(false);
/** Names of views that this mesh has. */
export const presentViews = signal<ReadonlySet<string> | undefined>(undefined);
/** Counts news that had blocks, and news that had events. */
export const blocks = signal(0);
export const events = signal(0);

/** Listens for ever. */
export function listen(): void {
  const source = new EventSource("/api/live");
  source.addEventListener("open", () => {
    serverAway.set(false);
    askViews();
  });
  source.addEventListener("error", () => serverAway.set(true));
  source.addEventListener("message", ({ data }) => {
    const news = JSON.parse(data as string) as News;
    const before = status.get();
    status.set(news.status);
    const isNew = before?.phase !== news.status.phase || before.resets !== news.status.resets;
    if (isNew) askViews();
    blocks.set(blocks.get() + 1);
    if (news.events.length > 0 || isNew) events.set(events.get() + 1);
  });
}

function askViews(): void {
  ask<{ views: string[] }>("/status").then(
    ({ views }) => presentViews.set(new Set(views)),
    () => undefined,
  );
}

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly error: ApiError | undefined;
}

/** Which news make a page ask again. */
export type Freshness = "blocks" | "events" | "never";

/** Pages do not ask more often than this. */
const PAUSE_MILLISECONDS = 700;

/**
 * The server's answer at `path`, asked again at news; undefined while nothing was answered. News that come meanwhile wait for the
 * answer: one that takes longer than the next block would never be seen otherwise.
 */
export function useData<T>(path: string | undefined, freshness: Freshness = "events"): Loaded<T> {
  const [value, setValue] = useState<{ path: string; value: T } | undefined>();
  const [error, setError] = useState<{ path: string; error: ApiError } | undefined>();
  const askAgain = useRef(() => {});
  useEffect(() => {
    if (path === undefined) return;
    const stop = new AbortController();
    let isAsking = false;
    let isOld = false;
    const keepFresh = async (): Promise<void> => {
      isOld = true;
      if (isAsking) return;
      isAsking = true;
      while (isOld && !stop.signal.aborted) {
        isOld = false;
        try {
          const found = await ask<T>(path, undefined, stop.signal);
          setValue({ path, value: found });
          setError(undefined);
        } catch (failure) {
          if (failure instanceof ApiError) setError({ path, error: failure });
        }
      }
      isAsking = false;
    };
    askAgain.current = () => void keepFresh();
    void keepFresh();
    return () => {
      stop.abort();
      askAgain.current = () => {};
    };
  }, [path]);
  useNews(freshness, () => askAgain.current());
  return {
    value: value?.path === path ? value?.value : undefined,
    error: error?.path === path ? error?.error : undefined,
  };
}

/** Calls `work` soon after news, at most once in a while. */
export function useNews(freshness: Freshness, work: () => void): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    if (freshness === "never") return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = (freshness === "blocks" ? blocks : events).listen(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        latest.current();
      }, PAUSE_MILLISECONDS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [freshness]);
}

export interface List<T> {
  readonly items: readonly T[] | undefined;
  readonly error: ApiError | undefined;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly more: () => void;
}

/** A paged list that grows as it is read. Its beginning is asked again at news, as long as no further page was read. */
export function useList<T>(path: string, freshness: Freshness = "events"): List<T> {
  const first = useData<Page<T>>(path, freshness);
  const [rest, setRest] = useState<{
    readonly path: string;
    readonly first: Page<T>;
    readonly items: readonly T[];
    readonly next: number | undefined;
  }>();
  const [isLoading, setLoading] = useState(false);
  const [error, setError] = useState<ApiError>();
  const grown = rest?.path === path ? rest : undefined;
  const page = grown?.first ?? first.value;
  const next = grown === undefined ? page?.next : grown.next;
  const more = useCallback(() => {
    if (isLoading || next === undefined || page === undefined) return;
    setLoading(true);
    ask<Page<T>>(`${path}${path.includes("?") ? "&" : "?"}cursor=${next}`).then(
      (found) => {
        setRest({ path, first: page, items: [...(grown?.items ?? []), ...found.items], next: found.next });
        setError(undefined);
        setLoading(false);
      },
      (failure: unknown) => {
        if (failure instanceof ApiError) setError(failure);
        setLoading(false);
      },
    );
  }, [path, next, page, grown, isLoading]);
  return {
    items: page === undefined ? undefined : [...page.items, ...(grown?.items ?? [])],
    error: error ?? (page === undefined ? first.error : undefined),
    hasMore: next !== undefined,
    isLoading,
    more,
  };
}

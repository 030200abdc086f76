/** Small parts that all pages share: times, links, facts, states of loading. Whatever comes from the chain is text, never markup. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Json } from "../json.js";
import type { Source } from "../lines.js";
import type { LinkKind, Sentence } from "../sentence.js";
import { type ApiError, ask, presentViews } from "./data.js";
import { capital, clock, count, short, span, words } from "./format.js";
import { now, zone } from "./settings.js";
import { useSignal } from "./signal.js";

const PATHS: Readonly<Record<LinkKind, string>> = {
  address: "/addresses/",
  validator: "/validators/",
  block: "/blocks/",
  transaction: "/transactions/",
  device: "/devices/",
  fleet: "/fleets/",
  grant: "/grants/",
  ceremony: "/ceremonies/",
  epoch: "/epochs/",
  contract: "/contracts/",
  shards: "/shards/",
};

export function Link({
  kind,
  value,
  label,
}: {
  kind: LinkKind;
  value: string;
  label?: string | undefined;
}): JSX.Element {
  const isHex = value.startsWith("0x");
  const parts = (isHex ? value.toLowerCase() : value).split("/").map(encodeURIComponent);
  const href = `${PATHS[kind]}${parts.join("/")}`;
  return (
    <a href={href} class={isHex && label === undefined ? "mono" : undefined} title={isHex ? value : undefined}>
      {label ?? (isHex ? short(value) : value)}
    </a>
  );
}

/** A sentence with its links. */
export function Words({ parts }: { parts: Sentence }): JSX.Element {
  return (
    <>
      {parts.map((part) =>
        typeof part === "string" ? (
          part
        ) : part.kind === "epoch" && presentViews.get()?.has("draws") !== true ? (
          (part.label ?? part.value)
        ) : (
          <Link {...part} />
        ),
      )}
    </>
  );
}

/** A moment: the reader's time or UTC, with the other one to be read on demand. */
export function Time({ at, ago = false }: { at: number; ago?: boolean }): JSX.Element {
  const chosen = useSignal(zone);
  const time = useSignal(now);
  const other = chosen === "utc" ? "local" : "utc";
  const date = new Date(1000 * at);
  const iso = Number.isNaN(date.getTime()) ? undefined : date.toISOString();
  return (
    <time dateTime={iso} title={`${clock(at, other)}${other === "local" ? " local time" : ""}`}>
      {ago ? `${span(time - at)} ${at > time ? "from now" : "ago"}` : clock(at, chosen)}
    </time>
  );
}

/** Counts down to a deadline. */
export function Countdown({ to }: { to: number }): JSX.Element {
  const time = useSignal(now);
  const left = to - time;
  return <span class={left < 0 ? "late" : undefined}>{left < 0 ? `${span(left)} ago` : `in ${span(left)}`}</span>;
}

/** What is shown when it is asked for, and not rendered before. */
export function Folded({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="folded" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {isOpen ? children : null}
    </details>
  );
}

/** Where a fact comes from. */
export function From({ source }: { source: Source }): JSX.Element {
  return (
    <span class="from">
      <Link kind="transaction" value={source.hash} /> <span class="quiet">in block</span>{" "}
      <Link kind="block" value={String(source.block)} />
      <span class="quiet">
        , <Time at={source.time} ago />
      </span>
    </span>
  );
}

export function Copy({ text, label = "Copy" }: { text: string; label?: string }): JSX.Element {
  const [done, setDone] = useState(false);
  const copy = (): void => {
    void navigator.clipboard?.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1_500);
    });
  };
  return (
    <button type="button" class="small" onClick={copy}>
      {done ? "Copied" : label}
    </button>
  );
}

/** A whole value that may be long, with a button to copy it. */
export function Hex({ value }: { value: string }): JSX.Element {
  return (
    <span class="hex">
      <code>{value}</code> <Copy text={value} />
    </span>
  );
}

export function Badge({
  tone,
  children,
}: {
  tone: "good" | "warning" | "bad" | "note";
  children: ComponentChildren;
}): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function Card({
  title,
  children,
  id,
  aside,
}: {
  title: string;
  children: ComponentChildren;
  id?: string;
  aside?: ComponentChildren;
}): JSX.Element {
  const heading = id ?? title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return (
    <section class="card" aria-labelledby={heading}>
      <div class="card-head">
        <h2 id={heading}>{title}</h2>
        {aside === undefined ? null : <div class="aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** Names and values. */
export function Facts({
  list,
}: {
  list: readonly (readonly [string, ComponentChildren] | false | undefined)[];
}): JSX.Element {
  return (
    <dl class="facts">
      {list.map((fact) =>
        fact === false || fact === undefined ? null : (
          <div key={fact[0]}>
            <dt>{fact[0]}</dt>
            <dd>{fact[1]}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

export function Loading({ what = "" }: { what?: string }): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="sr">Loading {what}</span>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <p class="empty">{children}</p>;
}

export function Failed({ error }: { error: ApiError }): JSX.Element {
  return (
    <div class="failed" role="alert">
      <strong>{capital(error.message)}.</strong> {error.advice}
    </div>
  );
}

/** What was loaded, or how it stands with that. */
export function Loaded<T>({
  of,
  what,
  children,
}: {
  of: { value: T | undefined; error: ApiError | undefined };
  what?: string;
  children: (value: T) => ComponentChildren;
}): JSX.Element {
  if (of.value !== undefined) return <>{children(of.value)}</>;
  if (of.error !== undefined) return <Failed error={of.error} />;
  return <Loading what={what ?? ""} />;
}

export function Title({ children, kind }: { children: ComponentChildren; kind?: string }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${heading.current?.textContent ?? ""} · Swarmkeep explorer`;
  });
  return (
    <h1 tabIndex={-1} ref={heading}>
      {kind === undefined ? null : <span class="kind">{kind} </span>}
      {children}
    </h1>
  );
}

/** A decoded value: lists and structs indented, times and amounts with their units where their name says so. */
export function Value({ value, name = "" }: { value: Json; name?: string }): JSX.Element {
  if (value === null || value === undefined) return <span class="quiet">none</span>;
  if (Array.isArray(value)) {
    const list = value as readonly Json[];
    if (list.length === 0) return <span class="quiet">empty list</span>;
    return (
      <ol class="values" start={0}>
        {list.map((item, i) => (
          <li key={i}>
            <Value value={item} name={name} />
          </li>
        ))}
      </ol>
    );
  }
  if (typeof value === "object") return <Arguments args={value as Readonly<Record<string, Json>>} />;
  const text = String(value);
  if (/^0x[0-9a-fA-F]{40}$/.test(text)) return <Link kind="address" value={text} label={text} />;
  if (text.startsWith("0x")) return <code class="break">{text}</code>;
  if (TIMES.has(name) && /^\d{9,11}$/.test(text)) return <Time at={Number(text)} />;
  if (name.endsWith("Seconds")) return <span title={`${text} s`}>{span(Number(text))}</span>;
  if (WEI.has(name) && /^\d+$/.test(text)) return <span title={`${text} wei`}>{amount(text)}</span>;
  // Coordinates of points and bitmaps: nobody reads 78 decimal digits.
  if (/^\d{21,}$/.test(text)) return <code class="break">{`0x${BigInt(text).toString(16)}`}</code>;
  if (/^\d{5,15}$/.test(text)) return <span>{count(text)}</span>;
  return <span class="break">{text}</span>;
}

/** Arguments that are times or wei, whatever contract they are of. */
const TIMES: ReadonlySet<string> = new Set([
  "deadline",
  "expiry",
  "issued",
  "expires",
  "withdrawable",
  "start",
  "notBefore",
  "notAfter",
  "validFrom",
  "validUntil",
  "until",
]);
const WEI: ReadonlySet<string> = new Set(["stake", "amount", "minimumStake", "totalStake", "totalBurnt", "balance"]);

function amount(wei: string): string {
  const value = BigInt(wei);
  const fraction = (value % 10n ** 18n).toString().padStart(18, "0").replace(/0+$/, "");
  return `${value / 10n ** 18n}${fraction === "" ? "" : `.${fraction}`} ETH`;
}

export function Arguments({ args }: { args: Readonly<Record<string, Json>> }): JSX.Element {
  const entries = Object.entries(args);
  if (entries.length === 0) return <span class="quiet">none</span>;
  return (
    <dl class="args">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{words(name)}</dt>
          <dd>
            <Value value={value} name={name} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Asks for the node's own words when it is opened. */
export function Raw({ path, title = "Raw, as the node gives it" }: { path: string; title?: string }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState<string>();
  const toggle = (event: Event): void => {
    const { open } = event.currentTarget as HTMLDetailsElement;
    setOpen(open);
    if (!open || text !== undefined) return;
    ask(path).then(
      (answer) => setText(JSON.stringify(answer, undefined, 2)),
      (error: unknown) => setText(String(error instanceof Error ? error.message : error)),
    );
  };
  return (
    <details class="raw" onToggle={toggle}>
      <summary>{title}</summary>
      {text !== undefined ? (
        <>
          <Copy text={text} />
          {/* Long lines scroll: the keyboard has to reach them. */}
          <pre tabIndex={0}>{text.slice(0, 200_000)}</pre>
        </>
      ) : isOpen ? (
        <Loading what="raw data" />
      ) : null}
    </details>
  );
}

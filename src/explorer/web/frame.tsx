/** The frame of every page: search, menu, how the index stands, and the page itself. */
import type { FunctionComponent, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { IndexStatus } from "../status.js";
import { presentViews, serverAway, status } from "./data.js";
import { capital, count, short, span } from "./format.js";
import { usePlace } from "./navigation.js";
import { Empty, Failed, Loading } from "./parts.js";
import { type Match, type PageModule, VIEWS, matchPath } from "./registry.js";
import { Search } from "./search.js";
import { now, theme, zone } from "./settings.js";
import { useSignal } from "./signal.js";

const MENU = VIEWS.filter(({ manifest }) => manifest.order !== undefined).toSorted(
  (a, b) => (a.manifest.order ?? 0) - (b.manifest.order ?? 0),
);

export function Frame(): JSX.Element {
  const { pathname } = usePlace();
  const match = matchPath(pathname);
  const [isMenuOpen, setMenuOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    setMenuOpen(false);
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    scrollTo(0, 0);
    // Whoever hears the page is told that it is another one.
    main.current?.focus({ preventScroll: true });
  }, [pathname]);
  useEffect(() => {
    // Each page names itself.
    if (match === undefined) document.title = "Swarmkeep explorer";
  }, [match]);
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="top">
        <a href="/" class="brand">
          <img src={new URL("./icon.svg", import.meta.url).href} alt="" width="26" height="26" />
          <span>Swarmkeep</span>
        </a>
        <Search />
        <div class="choices">
          <ZoneChoice />
          <ThemeChoice />
          <button
            type="button"
            class="menu-button"
            aria-expanded={isMenuOpen}
            aria-controls="menu"
            onClick={() => setMenuOpen(!isMenuOpen)}
          >
            Menu
          </button>
        </div>
      </header>
      <div class="body">
        <Menu current={match} isOpen={isMenuOpen} />
        <main id="main" ref={main} tabIndex={-1}>
          <StatusBar />
          <View match={match} />
        </main>
      </div>
    </>
  );
}

function Menu({ current, isOpen }: { current: Match | undefined; isOpen: boolean }): JSX.Element {
  const present = useSignal(presentViews);
  const state = useSignal(status);
  return (
    <nav id="menu" class={isOpen ? "menu open" : "menu"} aria-label="Views">
      <ul>
        {MENU.filter(({ manifest }) => present?.has(manifest.name) ?? true).map(({ manifest }) => (
          <li key={manifest.name}>
            <a
              href={manifest.paths[0]}
              aria-current={current?.view.manifest.name === manifest.name ? "page" : undefined}
            >
              {manifest.title}
            </a>
          </li>
        ))}
      </ul>
      {state === undefined ? null : (
        <p class="where quiet">
          Chain {state.chainId}
          <br />
          Anchor{" "}
          <a href="/contracts/anchor" title={state.anchor}>
            {short(state.anchor, 4)}
          </a>
          <br />
          <span title={state.node}>{state.node}</span>
        </p>
      )}
    </nav>
  );
}

const HEADINGS: Readonly<Record<IndexStatus["phase"], string>> = {
  connecting: "Asking the node",
  indexing: "Reading the chain",
  live: "Live",
  "rpc-gone": "The node does not answer",
  "wrong-network": "The node serves another chain",
  "no-mesh": "There is no mesh here",
};

/** How the index stands. Quiet while all is well; says what is wrong and what is shown meanwhile where it is not. */
function StatusBar(): JSX.Element {
  const state = useSignal(status);
  const isAway = useSignal(serverAway);
  if (isAway) {
    return (
      <div class="status bad" role="alert" data-phase="server-away">
        <strong>The explorer's server does not answer.</strong> What is shown may be old. This page goes on by itself
        when the server is back.
      </div>
    );
  }
  if (state === undefined)
    return (
      <div class="status note" role="status" data-phase="connecting">
        Connecting …
      </div>
    );
  const { phase, problem, block, head, resets, reorganisations } = state;
  if (phase === "live") {
    return (
      <div class="status live" role="status" data-phase="live">
        <span class="dot" aria-hidden="true" /> Live at block <a href={`/blocks/${block}`}>{count(block)}</a>
        <Age at={state.blockTime} />
        {resets > 0 ? <span class="quiet"> · the chain was begun anew, and the index with it</span> : null}
        {reorganisations > 0 ? <span class="quiet"> · {reorganisations} reorganisations followed</span> : null}
      </div>
    );
  }
  if (phase === "indexing" || phase === "connecting") {
    const share = head > 0 ? Math.max(0, block) / head : 0;
    return (
      <div class="status note" role="status" data-phase={phase}>
        <strong>{HEADINGS[phase]}</strong>
        {phase === "indexing" ? ` block ${count(Math.max(0, block))} of ${count(head)}` : " …"}
        {phase === "indexing" ? <progress value={share} max={1} aria-label="Index" /> : null}
      </div>
    );
  }
  return (
    <div class="status bad" role="alert" data-phase={phase}>
      <strong>{HEADINGS[phase]}.</strong>{" "}
      {problem === undefined ? "" : `${capital(problem.message)}. ${problem.advice}`}{" "}
      {block >= 0 ? `What is shown is as of block ${count(block)}.` : ""}
    </div>
  );
}

function Age({ at }: { at: number }): JSX.Element {
  const time = useSignal(now);
  return <span class="quiet">, {span(Math.max(0, time - at))} old</span>;
}

function ZoneChoice(): JSX.Element {
  const chosen = useSignal(zone);
  const next = chosen === "local" ? "utc" : "local";
  return (
    <button
      type="button"
      class="small"
      onClick={() => zone.set(next)}
      aria-label={`Times are ${chosen === "utc" ? "in UTC" : "local"}: show them ${next === "utc" ? "in UTC" : "local"}`}
    >
      {chosen === "utc" ? "UTC" : "Local"}
    </button>
  );
}

const THEMES = ["system", "light", "dark"] as const;
const SYMBOLS = { system: "◐", light: "☀", dark: "☾" } as const;

function ThemeChoice(): JSX.Element {
  const chosen = useSignal(theme);
  const next = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length] ?? "system";
  return (
    <button
      type="button"
      class="small"
      onClick={() => theme.set(next)}
      aria-label={`Colours: ${chosen}; change to ${next}`}
      title={`Colours: ${chosen}`}
    >
      <span aria-hidden="true">{SYMBOLS[chosen]}</span>
    </button>
  );
}

/** The page of a view, loaded when it is first opened. */
function View({ match }: { match: Match | undefined }): JSX.Element {
  const present = useSignal(presentViews);
  const [loaded, setLoaded] = useState<{ readonly view: Match["view"]; readonly Page: PageModule["Page"] }>();
  const [failed, setFailed] = useState(false);
  const view = match?.view;
  useEffect(() => {
    if (view === undefined) return;
    let isWanted = true;
    view.load().then(
      ({ Page }) => {
        if (isWanted) setLoaded({ view, Page });
      },
      () => setFailed(true),
    );
    return () => {
      isWanted = false;
    };
  }, [view]);
  if (match === undefined) return <Missing>There is no such page.</Missing>;
  if (present !== undefined && present.size > 0 && !present.has(match.view.manifest.name)) {
    return <Missing>This mesh has no contracts for {match.view.manifest.title.toLowerCase()}.</Missing>;
  }
  if (failed)
    return (
      <Failed
        error={{ name: "", code: "page-away", message: "The page could not be loaded", advice: "Load it again." }}
      />
    );
  if (loaded === undefined || loaded.view !== match.view) return <Loading what={match.view.manifest.title} />;
  const Page: FunctionComponent<{ path: string; parameters: Readonly<Record<string, string>> }> = loaded.Page;
  return (
    <Page key={`${match.path}${JSON.stringify(match.parameters)}`} path={match.path} parameters={match.parameters} />
  );
}

function Missing({ children }: { children: preact.ComponentChildren }): JSX.Element {
  return (
    <>
      <h1>Not here</h1>
      <Empty>
        {children} Go to the <a href="/">overview</a>, or search.
      </Empty>
    </>
  );
}

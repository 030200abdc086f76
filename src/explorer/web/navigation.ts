/** Where the reader is: the address bar is the only state of navigation, so that every page can be linked to and reloaded. */
import { useEffect, useState } from "preact/hooks";

const listeners = new Set<() => void>();

export interface Place {
  readonly pathname: string;
  readonly search: URLSearchParams;
}

function here(): Place {
  return { pathname: location.pathname, search: new URLSearchParams(location.search) };
}

export function usePlace(): Place {
  const [place, setPlace] = useState(here);
  useEffect(() => {
    const listen = (): void => setPlace(here());
    listeners.add(listen);
    addEventListener("popstate", listen);
    return () => {
      listeners.delete(listen);
      removeEventListener("popstate", listen);
    };
  }, []);
  return place;
}

/** @param replace where going back shall not stop: filters of the same page. */
export function go(path: string, replace = false): void {
  if (replace) history.replaceState(undefined, "", path);
  else history.pushState(undefined, "", path);
  for (const listener of listeners) listener();
}

/** Links of this site without loading the page again; everything else stays with the browser. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const anchor = (event.target as Element | null)?.closest("a");
  if (
    anchor === null ||
    anchor === undefined ||
    anchor.target !== "" ||
    anchor.origin !== location.origin ||
    anchor.hash !== ""
  )
    return;
  if (anchor.pathname.startsWith("/api/") || anchor.hasAttribute("download")) return;
  event.preventDefault();
  go(`${anchor.pathname}${anchor.search}`);
}

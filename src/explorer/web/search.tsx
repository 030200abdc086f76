/** The search field: anything with a page of its own. Arrow keys choose, Enter goes, Escape closes. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Found } from "../found.js";
import { ask } from "./data.js";
import { short } from "./format.js";
import { go } from "./navigation.js";

const DELAY_MILLISECONDS = 120;

export function Search(): JSX.Element {
  const [text, setText] = useState("");
  const [found, setFound] = useState<readonly Found[]>();
  const [chosen, setChosen] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  /** What `found` answers. */
  const answered = useRef("");
  /** Enter was pressed before the answer was there: the first of it is gone to. */
  const entered = useRef("");

  useEffect(() => {
    const wanted = text.trim();
    setChosen(0);
    if (wanted === "") return setFound(undefined);
    const stop = new AbortController();
    const timer = setTimeout(() => {
      ask<{ items: Found[] }>(`/search?q=${encodeURIComponent(wanted.slice(0, 200))}`, undefined, stop.signal).then(
        ({ items }) => {
          answered.current = wanted;
          setFound(items);
          if (entered.current === wanted) open(items[0]);
          entered.current = "";
        },
        () => {
          entered.current = "";
        },
      );
    }, DELAY_MILLISECONDS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text]);

  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const isTyping = /^(INPUT|TEXTAREA|SELECT)$/.test((event.target as Element | null)?.tagName ?? "");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);

  const open = (entry: Found | undefined): void => {
    if (entry === undefined) return;
    setOpen(false);
    setText("");
    field.current?.blur();
    go(entry.path);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const many = found?.length ?? 0;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (many > 0) setChosen((chosen + (event.key === "ArrowDown" ? 1 : many - 1)) % many);
    } else if (event.key === "Escape") setOpen(false);
  };
  const shows = isOpen && text.trim() !== "" && found !== undefined;
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (found !== undefined && answered.current === text.trim()) open(found?.[chosen]);
        else entered.current = text.trim();
      }}
    >
      <label class="sr" for="search">
        Search for a block, transaction, address, validator, device, fleet, ceremony, shard or shard map
      </label>
      <input
        id="search"
        ref={field}
        type="search"
        list={undefined}
        role="combobox"
        aria-expanded={shows}
        aria-controls="found"
        aria-autocomplete="list"
        aria-activedescendant={shows && found.length > 0 ? `found-${chosen}` : undefined}
        autocomplete="off"
        spellcheck={false}
        maxLength={200}
        placeholder="Search block, transaction, address, device …"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setTimeout(() => setOpen(false), 150)}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
      <div id="found" role="listbox" aria-label="Found" class="found" hidden={!shows}>
        {shows && found.length === 0 ? (
          <div role="option" aria-selected="false" aria-disabled="true" class="quiet">
            Nothing here has this name or number.
          </div>
        ) : null}
        {shows
          ? found.map((entry, i) => (
              <div
                key={entry.path}
                id={`found-${i}`}
                role="option"
                aria-selected={i === chosen}
                onMouseDown={(event) => {
                  event.preventDefault();
                  open(entry);
                }}
              >
                {entry.title.startsWith(entry.kind) ? null : <span class="quiet">{entry.kind} </span>}
                {entry.title.startsWith("0x") ? short(entry.title, 14) : entry.title}
              </div>
            ))
          : null}
      </div>
    </form>
  );
}

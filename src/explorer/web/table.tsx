/**
 * Tables. Short ones are plain; long ones grow as they are read and keep only what is in sight in the page (virtualised), so that
 * a hundred thousand rows stay smooth. On a narrow screen each row becomes a block with the columns' names.
 */
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from "@tanstack/virtual-core";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { List } from "./data.js";
import { Empty, Failed, Loading } from "./parts.js";

export interface Column<T> {
  readonly title: string;
  readonly cell: (item: T) => ComponentChildren;
  /** Share of the width; default 1. */
  readonly width?: number;
  readonly isNumber?: boolean;
}

interface Shape<T> {
  /** What the table lists, for those who hear it. */
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly keyOf: (item: T) => string | number;
}

function template<T>(columns: readonly Column<T>[]): string {
  return columns.map(({ width = 1 }) => `minmax(0, ${width}fr)`).join(" ");
}

function Head<T>({ columns }: { columns: readonly Column<T>[] }): JSX.Element {
  return (
    <div role="rowgroup" class="thead">
      <div role="row" class="tr" style={{ gridTemplateColumns: template(columns) }}>
        {columns.map(({ title, isNumber }) => (
          <span key={title} role="columnheader" class={isNumber === true ? "number" : undefined}>
            {title}
          </span>
        ))}
      </div>
    </div>
  );
}

function Cells<T>({ columns, item }: { columns: readonly Column<T>[]; item: T }): JSX.Element {
  return (
    <>
      {columns.map(({ title, cell, isNumber }) => (
        <span key={title} role="cell" data-title={title} class={isNumber === true ? "number" : undefined}>
          <span>{cell(item)}</span>
        </span>
      ))}
    </>
  );
}

export function Table<T>({
  label,
  columns,
  keyOf,
  items,
  empty,
}: Shape<T> & { items: readonly T[]; empty?: string }): JSX.Element {
  if (items.length === 0) return <Empty>{empty ?? "Nothing here."}</Empty>;
  return (
    <div role="table" aria-label={label} class="table">
      <Head columns={columns} />
      <div role="rowgroup">
        {items.map((item) => (
          <div key={keyOf(item)} role="row" class="tr" style={{ gridTemplateColumns: template(columns) }}>
            <Cells columns={columns} item={item} />
          </div>
        ))}
      </div>
    </div>
  );
}

const ROW_HEIGHT = 41;
/** Rows beyond the edge that are kept ready. */
const OVERSCAN = 12;

/** A list that is as long as it is: asks for more when its end comes into sight. */
export function LongTable<T>({
  label,
  columns,
  keyOf,
  list,
  empty,
}: Shape<T> & { list: List<T>; empty?: string }): JSX.Element {
  const { items, error, hasMore, isLoading, more } = list;
  if (items === undefined) return error === undefined ? <Loading what={label} /> : <Failed error={error} />;
  if (items.length === 0) return <Empty>{empty ?? "Nothing here."}</Empty>;
  return (
    <>
      <div role="table" aria-label={label} aria-rowcount={hasMore ? -1 : items.length + 1} class="table">
        <Head columns={columns} />
        <Rows
          items={items}
          columns={columns}
          keyOf={keyOf}
          onEnd={more}
          label={label}
          isWhole={!hasMore && items.length <= WHOLE_ROWS}
        />
      </div>
      <p class="list-foot" aria-live="polite">
        {error === undefined ? null : <Failed error={error} />}
        {hasMore ? (
          <button type="button" onClick={more} disabled={isLoading}>
            {isLoading ? "Loading …" : "Load more"}
          </button>
        ) : (
          <span class="quiet">
            {items.length === 1 ? "1 in all" : `${items.length.toLocaleString("en-GB")} in all`}
          </span>
        )}
      </p>
    </>
  );
}

/** A list of no more rows is shown whole, without a scroller of its own. */
const WHOLE_ROWS = 12;

function Rows<T>({
  items,
  columns,
  keyOf,
  onEnd,
  label,
  isWhole,
}: Omit<Shape<T>, "label"> & {
  items: readonly T[];
  onEnd: () => void;
  label: string;
  isWhole: boolean;
}): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const [, setTurn] = useState(0);
  const options = {
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: OVERSCAN,
    getItemKey: (index: number) => keyOf(items[index] as T),
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => setTurn((turn) => turn + 1),
  };
  const virtualizer = useMemo(() => new Virtualizer<HTMLDivElement, HTMLDivElement>(options), []);
  virtualizer.setOptions({ ...virtualizer.options, ...options });
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  const shown = virtualizer.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (items.length > 30 && last >= items.length - 10) onEnd();
  }, [last, items.length, onEnd]);
  return (
    <div
      ref={scroller}
      role="rowgroup"
      class={isWhole ? "long whole" : "long"}
      tabIndex={0}
      aria-label={`Rows of ${label}`}
    >
      <div role="presentation" class="long-inner" style={{ height: `${virtualizer.getTotalSize()}px` }}>
        {shown.map(({ index, key, start }) => (
          <div
            key={key}
            data-index={index}
            ref={(element) => {
              if (element !== null) virtualizer.measureElement(element);
            }}
            role="row"
            aria-rowindex={index + 2}
            class="tr"
            style={{ gridTemplateColumns: template(columns), transform: `translateY(${start}px)` }}
          >
            <Cells columns={columns} item={items[index] as T} />
          </div>
        ))}
      </div>
    </div>
  );
}

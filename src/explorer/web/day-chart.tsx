/** Gas by day as bars. The table beside it says the same in numbers. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import type { GasDay } from "../views/gas/view.js";
import { theme } from "./settings.js";
import { useSignal } from "./signal.js";

const HEIGHT = 200;
const DAY = 86_400;

export function DayChart({ days }: { days: readonly GasDay[] }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const chosen = useSignal(theme);
  useEffect(() => {
    const target = place.current;
    if (target === null) return;
    // As the sheet has them for this scheme: a canvas takes colours alone, no variables.
    const { color: ink, accentColor: accent, borderTopColor: line } = getComputedStyle(target);
    const shown = days.toReversed();
    const newest = shown.at(-1)?.start ?? 0;
    const from = Math.min(shown[0]?.start ?? 0, newest - 13 * DAY);
    const axis = {
      stroke: ink,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1 },
      font: "12px system-ui",
    };
    const chart = new uPlot(
      {
        width: target.clientWidth,
        height: HEIGHT,
        cursor: { show: false },
        legend: { show: false },
        scales: {
          x: { time: true, range: [from - DAY / 2, newest + DAY / 2] },
          y: { range: (_, __, most) => [0, most * 1.1 || 1] },
        },
        tzDate: (seconds) => uPlot.tzDate(new Date(1000 * seconds), "Etc/UTC"),
        series: [
          {},
          {
            fill: accent,
            stroke: accent,
            width: 0,
            paths: uPlot.paths.bars?.({ size: [0.7, 40] }) ?? (() => null),
            points: { show: false },
          },
        ],
        axes: [
          { ...axis, values: (_, ticks) => ticks.map((tick) => new Date(1000 * tick).toISOString().slice(5, 10)) },
          {
            ...axis,
            size: 60,
            values: (_, ticks) =>
              ticks.map((tick) => (tick >= 1e6 ? `${tick / 1e6}M` : tick >= 1e3 ? `${tick / 1e3}k` : String(tick))),
          },
        ],
      },
      [shown.map(({ start }) => start), shown.map(({ gas }) => gas)],
      target,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: target.clientWidth, height: HEIGHT }));
    observer.observe(target);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [days, chosen]);
  return <div ref={place} class="chart" role="img" aria-label="Gas by day, the same as in the table below" />;
}

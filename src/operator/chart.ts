/** Line charts as SVG, for documents: two axes, either of them logarithmic, some series, a legend. Same input, same bytes. */

export interface Series {
  readonly name: string;
  /** In ascending order of x; a point that a logarithmic axis cannot show is left out. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  readonly label: string;
  readonly logarithmic?: boolean;
  readonly from: number;
  readonly to: number;
  /** Where there are lines and numbers. */
  readonly ticks: readonly number[];
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const SIZE = { width: 760, height: 420, left: 80, right: 200, top: 44, bottom: 56 } as const;
/** Told apart also by those who do not see all colours (Okabe and Ito 2008). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"] as const;
const LEGEND_LINE = 20;

export function renderChart({ title, x, y, series }: Chart): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const across = scale(x, left, width - right);
  const up = scale(y, height - bottom, top);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${left}" y="24" font-size="15">${escape(title)}</text>`,
  ];
  for (const tick of x.ticks) {
    const at = round(across(tick));
    parts.push(`<line x1="${at}" y1="${top}" x2="${at}" y2="${height - bottom}" stroke="#dddddd"/>`);
    parts.push(`<text x="${at}" y="${height - bottom + 18}" text-anchor="middle">${number(tick)}</text>`);
  }
  for (const tick of y.ticks) {
    const at = round(up(tick));
    parts.push(`<line x1="${left}" y1="${at}" x2="${width - right}" y2="${at}" stroke="#dddddd"/>`);
    parts.push(`<text x="${left - 8}" y="${at + 4}" text-anchor="end">${number(tick)}</text>`);
  }
  parts.push(
    `<text x="${(left + width - right) / 2}" y="${height - 14}" text-anchor="middle">${escape(x.label)}</text>`,
    `<text transform="translate(18 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(y.label)}</text>`,
  );
  for (const [i, { name, points }] of series.entries()) {
    const colour = COLOURS[i % COLOURS.length];
    const shown = points.filter(([px, py]) => isShown(x, px) && isShown(y, py));
    const line = shown.map(([px, py]) => `${round(across(px))},${round(up(py))}`).join(" ");
    parts.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${line}"/>`);
    for (const [px, py] of shown) {
      parts.push(`<circle cx="${round(across(px))}" cy="${round(up(py))}" r="3" fill="${colour}"/>`);
    }
    const at = top + 8 + LEGEND_LINE * i;
    parts.push(
      `<line x1="${width - right + 14}" y1="${at}" x2="${width - right + 38}" y2="${at}" stroke="${colour}" stroke-width="2"/>`,
      `<text x="${width - right + 44}" y="${at + 4}">${escape(name)}</text>`,
    );
  }
  return `${[...parts, "</svg>"].join("\n")}\n`;
}

function isShown({ from, to }: Axis, value: number): boolean {
  return value >= from && value <= to;
}

function scale({ from, to, logarithmic }: Axis, start: number, end: number): (value: number) => number {
  const place = logarithmic === true ? Math.log10 : (value: number): number => value;
  const [low, high] = [place(from), place(to)];
  return (value) => start + ((place(value) - low) / (high - low)) * (end - start);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function number(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(0);
  return value.toLocaleString("en-US");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

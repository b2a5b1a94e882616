import type { Point } from "./run.ts";

export type Series = { readonly title: string; readonly color: string; readonly points: readonly Point[] };

const width = 860;
const left = 56;
const right = 16;
const panelHeight = 170;
const panelTops = [64, 280] as const;
const height = 520;
/** Points of a line at most: the highest and the last of so many seconds are drawn. */
const columns = 400;

type Panel = {
  readonly title: string;
  readonly top: number;
  readonly of: (point: Point) => number;
  /** A line that is not to be crossed. */
  readonly mark?: number;
};

/** Lag and workers over time, one above the other, as SVG. */
export function chartOf(title: string, series: readonly Series[], targetSeconds: number): string {
  const seconds = Math.max(1, ...series.map(({ points }) => points.at(-1)?.time ?? 0));
  const panels: readonly Panel[] = [
    { title: "lag, seconds", top: panelTops[0], of: ({ lagSeconds }) => lagSeconds, mark: targetSeconds },
    { title: "workers", top: panelTops[1], of: ({ workers }) => workers },
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(width / 2, 22, title, 'text-anchor="middle" font-size="15"'),
    ...legend(series),
    ...panels.flatMap((panel) => drawn(panel, series, seconds)),
    text((left + width - right) / 2, height - 14, "minutes", 'text-anchor="middle"'),
    "</svg>",
    "",
  ].join("\n");
}

function drawn({ title, top, of, mark }: Panel, series: readonly Series[], seconds: number): string[] {
  const bottom = top + panelHeight;
  const highest = Math.max(mark ?? 0, ...series.flatMap(({ points }) => points.map(of)));
  const unit = niceStep(highest / 4);
  const limit = unit * Math.ceil((highest * 1.02) / unit);
  const x = (time: number): number => round(left + (time / seconds) * (width - left - right));
  const y = (value: number): number => round(bottom - (value / limit) * panelHeight);
  const minutes = niceStep(seconds / 60 / 8);
  const lines: string[] = [text(left, top - 8, title, 'font-weight="bold"')];
  for (let value = 0; value <= limit; value += unit) {
    lines.push(`<path d="M${left} ${y(value)}H${width - right}" stroke="#dddddd"/>`);
    lines.push(text(left - 6, y(value) + 4, String(round(value)), 'text-anchor="end"'));
  }
  for (let minute = 0; minute * 60 <= seconds; minute += minutes) {
    lines.push(text(x(minute * 60), bottom + 16, String(minute), 'text-anchor="middle"'));
  }
  if (mark !== undefined) {
    lines.push(`<path d="M${left} ${y(mark)}H${width - right}" stroke="#888888" stroke-dasharray="5 4"/>`);
  }
  for (const { color, points } of series) {
    const path = thinned(points, of, seconds).map(
      ({ time, value }, index) => `${index === 0 ? "M" : "L"}${x(time)} ${y(value)}`,
    );
    lines.push(`<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="1.5"/>`);
  }
  return lines;
}

/** The highest value of each column, so that no peak gets lost. */
function thinned(
  points: readonly Point[],
  of: (point: Point) => number,
  seconds: number,
): { time: number; value: number }[] {
  const highest = new Map<number, { time: number; value: number }>();
  for (const point of points) {
    const column = Math.floor((point.time / seconds) * columns);
    const known = highest.get(column);
    if (known === undefined || of(point) > known.value)
      highest.set(column, { time: point.time, value: of(point) });
  }
  return [...highest.values()];
}

function legend(series: readonly Series[]): string[] {
  return series.flatMap(({ title, color }, index) => {
    const start = left + 120 + index * 360;
    return [
      `<path d="M${start} 41h24" stroke="${color}" stroke-width="3"/>`,
      text(start + 32, 45, title, ""),
    ];
  });
}

/** 1, 2 or 5 times a power of ten, not below `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= least) ?? 10;
  return factor * power;
}

const round = (value: number): number => Math.round(value * 10) / 10;
const escaped = (words: string): string => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (x: number, y: number, words: string, style: string): string =>
  `<text x="${x}" y="${y}" ${style}>${escaped(words)}</text>`;

/** One service's latencies against the load that was offered, in milliseconds and messages a second. */
export type Curve = {
  readonly title: string;
  readonly points: readonly {
    readonly offered: number;
    readonly p50: number;
    readonly p99: number;
    /** Whether what was offered also arrived. */
    readonly keepsUp: boolean;
  }[];
};

const width = 860;
const height = 520;
const frame = { left: 70, right: 20, top: 50, bottom: 60 };
const colors = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2"];

/** An axis whose steps are powers of ten. */
class Axis {
  readonly #low: number;
  readonly #high: number;
  readonly #from: number;
  readonly #to: number;

  /** Values of all sizes from the least to the greatest of `values`, drawn from `from` to `to`. */
  constructor(values: readonly number[], from: number, to: number) {
    const known = values.filter((value) => value > 0);
    this.#low = Math.floor(Math.log10(Math.min(...known)));
    this.#high = Math.max(this.#low + 1, Math.ceil(Math.log10(Math.max(...known))));
    this.#from = from;
    this.#to = to;
  }

  at(value: number): number {
    const share = (Math.log10(Math.max(value, 1e-9)) - this.#low) / (this.#high - this.#low);
    return Math.round((this.#from + share * (this.#to - this.#from)) * 10) / 10;
  }

  /** Powers of ten with their lines, and what lies between them. */
  get steps(): { value: number; isWhole: boolean }[] {
    const steps: { value: number; isWhole: boolean }[] = [];
    for (let power = this.#low; power <= this.#high; power++) {
      const value = Number(`1e${power}`);
      steps.push({ value, isWhole: true });
      if (power < this.#high) for (const part of [2, 5]) steps.push({ value: value * part, isWhole: false });
    }
    return steps;
  }
}

/** Latency against offered load as SVG: a colour for each service, p50 as a line, p99 dashed. */
export function plotOf(curves: readonly Curve[], subtitle: string): string | undefined {
  const points = curves.flatMap((curve) => curve.points);
  if (points.length === 0) return undefined;
  const x = new Axis(
    points.map(({ offered }) => offered),
    frame.left,
    width - frame.right,
  );
  const y = new Axis(
    points.flatMap(({ p50, p99 }) => [p50, p99]),
    height - frame.bottom,
    frame.top,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    "<title>Latency against offered load</title>",
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(width / 2, 20, "Latency against offered load", 'text-anchor="middle" font-size="16"'),
    text(width / 2, 38, subtitle, 'text-anchor="middle" fill="#555555"'),
    ...grid(x, y),
    ...curves.flatMap((curve, index) => lines(curve, colors[index % colors.length] as string, x, y)),
    ...legend(curves),
    "</svg>",
    "",
  ].join("\n");
}

function grid(x: Axis, y: Axis): string[] {
  const bottom = height - frame.bottom;
  const right = width - frame.right;
  const shade = (isWhole: boolean): string => (isWhole ? "#bbbbbb" : "#eeeeee");
  return [
    ...x.steps.flatMap(({ value, isWhole }) => [
      `<path d="M${x.at(value)} ${frame.top}V${bottom}" stroke="${shade(isWhole)}"/>`,
      text(
        x.at(value),
        bottom + 18,
        short(value),
        `text-anchor="middle" fill="${isWhole ? "#000000" : "#888888"}"`,
      ),
    ]),
    ...y.steps.flatMap(({ value, isWhole }) => [
      `<path d="M${frame.left} ${y.at(value)}H${right}" stroke="${shade(isWhole)}"/>`,
      text(
        frame.left - 8,
        y.at(value) + 4,
        short(value),
        `text-anchor="end" fill="${isWhole ? "#000000" : "#888888"}"`,
      ),
    ]),
    text(
      (frame.left + right) / 2,
      height - 18,
      "messages/s offered, all rooms together",
      'text-anchor="middle"',
    ),
    `<text transform="translate(18 ${height / 2}) rotate(-90)" text-anchor="middle">milliseconds</text>`,
  ];
}

function lines({ points }: Curve, color: string, x: Axis, y: Axis): string[] {
  const line = (of: "p50" | "p99", style: string): string => {
    const path = points.map(
      (point, index) => `${index === 0 ? "M" : "L"}${x.at(point.offered)} ${y.at(point[of])}`,
    );
    return `<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="2" ${style}/>`;
  };
  const dot = (of: "p50" | "p99"): string[] =>
    points.map(
      (point) =>
        `<circle cx="${x.at(point.offered)}" cy="${y.at(point[of])}" r="4" stroke="${color}" stroke-width="2" fill="${point.keepsUp ? color : "#ffffff"}"/>`,
    );
  return [line("p50", ""), line("p99", 'stroke-dasharray="6 4"'), ...dot("p50"), ...dot("p99")];
}

function legend(curves: readonly Curve[]): string[] {
  const left = frame.left + 14;
  const line = (row: number): number => frame.top + 20 + row * 18;
  const last = line(curves.length);
  return [
    `<rect x="${left - 8}" y="${frame.top + 4}" width="330" height="${curves.length * 18 + 26}" fill="#ffffff" fill-opacity="0.85" stroke="#cccccc"/>`,
    ...curves.flatMap(({ title }, index) => [
      `<path d="M${left} ${line(index) - 4}h24" stroke="${colors[index % colors.length]}" stroke-width="3"/>`,
      text(left + 32, line(index), title, ""),
    ]),
    text(left, last, "line: p50, dashed: p99, hollow: does not keep up", 'fill="#555555"'),
  ];
}

const text = (x: number, y: number, words: string, style: string): string =>
  `<text x="${x}" y="${y}" ${style}>${words.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</text>`;

/** `500`, `2k`, `0.1`. */
const short = (value: number): string =>
  value >= 1000 ? `${value / 1000}k` : String(Number(value.toPrecision(1)));

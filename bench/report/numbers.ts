export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** Three digits that count, in groups of thousands: `1,230,000`, `12.3`, `0.123`. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(3));
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  return rounded.toLocaleString("en-US", {
    minimumFractionDigits: Math.min(3, decimals),
    maximumFractionDigits: 3,
  });
}

/** The median with the least and the greatest: `1.50 (1.42-1.61)`. */
export function spread(values: readonly number[]): string {
  const known = values.filter((value) => Number.isFinite(value));
  if (known.length === 0) return "-";
  if (known.length === 1) return figure(known[0] as number);
  return `${figure(median(known))} (${figure(Math.min(...known))}-${figure(Math.max(...known))})`;
}

export const mebibytes = (bytes: number): string => figure(bytes / 2 ** 20);
export const percent = (share: number): string =>
  Number.isFinite(share) ? `${Math.round(share * 100)} %` : "-";
export const sumOf = (values: Readonly<Record<string, number>>): number =>
  Object.values(values).reduce((sum, value) => sum + value, 0);

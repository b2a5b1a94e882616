/** Growth is counted over this time, in milliseconds. */
const period = 15_000;
/** Workers that may be added in it, however few there are. */
const least = 4;

/** How many workers were asked for, from a moment on. */
export type Count = { readonly at: number; readonly workers: number };

/** The counts of the last 15 seconds, and the one before them, which held when they began. */
export function recentCounts(counts: readonly Count[], asked: number, now: number): Count[] {
  const last = counts.at(-1);
  const all = last?.workers === asked ? counts : [...counts, { at: now, workers: asked }];
  const held = all.findLastIndex(({ at }) => at <= now - period);
  return all.slice(Math.max(0, held));
}

/** The most workers that may be asked for now: twice as many as 15 seconds ago, or 4 more. */
export function growthLimit(counts: readonly Count[], asked: number): number {
  const start = Math.min(asked, ...counts.map(({ workers }) => workers));
  return Math.max(start + least, start * 2);
}

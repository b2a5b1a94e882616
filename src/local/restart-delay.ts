/** In milliseconds: the first wait, the longest, and how long a part must have run for the next to be the first again. */
export const restartDelays = { first: 200, most: 10_000, wellAfter: 30_000 };

/** Like nextDelay. */
export type RestartDelay = (last: number | undefined, ranFor: number) => number;

/** How long to wait before the next start, when the last wait was `last` and the part then ran for `ranFor`. */
export function nextDelay(last: number | undefined, ranFor: number): number {
  const { first, most, wellAfter } = restartDelays;
  return last === undefined || ranFor >= wellAfter ? first : Math.min(last * 2, most);
}

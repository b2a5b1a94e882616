/** How many workers were wished for, by the window's own clock. */
type Wish = { readonly at: number; readonly workers: number };

/**
 * The wishes of the time in which fewer workers must have been enough. Its clock runs only while the lag is
 * measured, so that a gap in the measurement proves nothing.
 */
export type Window = {
  /** Milliseconds that have been seen so far. */
  readonly seen: number;
  /** The wishes that may still become the highest one: each is higher than those after it. */
  readonly wishes: readonly Wish[];
};

export const emptyWindow: Window = { seen: 0, wishes: [] };

/** The window after `elapsed` more milliseconds at whose end so many workers were wished for. */
export function withWish({ seen, wishes }: Window, elapsed: number, workers: number, length: number): Window {
  const at = seen + elapsed;
  const kept = wishes.filter((wish) => wish.workers > workers && wish.at >= at - length);
  return { seen: at, wishes: [...kept, { at, workers }] };
}

/** The fewest workers that one may shrink to; undefined before a window of this length was seen as a whole. */
export const highestWish = ({ seen, wishes }: Window, length: number): number | undefined =>
  seen < length ? undefined : wishes[0]?.workers;

export type BackOffSettings = {
  /** The first wait, in milliseconds. */
  readonly first: number;
  readonly most: number;
};

/**
 * How long to wait after `failures` in a row: twice as long each time. Up to a half is left to chance, so that
 * those who failed together do not come back together.
 */
export function backOff({ first, most }: BackOffSettings, failures: number, random = Math.random): number {
  const whole = Math.min(most, first * 2 ** Math.min(Math.max(failures - 1, 0), 40));
  return whole * (1 - random() / 2);
}

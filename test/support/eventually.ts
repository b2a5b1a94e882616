/**
 * Asks `condition` until it neither answers false nor throws (an `expect`, say), and gives its answer. What it
 * threw last is the cause of the error when the time is up.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  { milliseconds = 10_000, interval = 10 } = {},
): Promise<Exclude<T, false>> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await condition();
      if (answer !== false) return answer as Exclude<T, false>;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > deadline) {
      const why = cause instanceof Error ? `: ${cause.message}` : "";
      throw new Error(`did not come true within ${milliseconds} ms${why}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

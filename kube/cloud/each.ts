/**
 * Does something for each, one after the other, also for those behind one that fails.
 * @throws Error that says what failed.
 */
export async function forEach<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const problems: string[] = [];
  for (const item of items) await work(item).catch((error: Error) => problems.push(error.message));
  if (problems.length > 0) throw new Error(problems.join("; "));
}

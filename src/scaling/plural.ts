/** So many of something, in words: "1 worker", "2 workers". */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** One part of the report: a table, and what is to be known to read it. */
export type Section = {
  readonly id: string;
  readonly title: string;
  readonly notes: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What went wrong, in words; nothing of it is left out. */
  readonly failures: readonly string[];
  /** All that was measured, for the JSON file. */
  readonly data: unknown;
};

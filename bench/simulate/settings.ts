import { flag, integer } from "../../src/platform/settings.ts";

/** The seed of the tables and drawings in docs/scaling.md. */
export const defaultSeed = 1;

export const simulateSettings = {
  seed: integer(defaultSeed, "what the traces are made from; the same makes the same"),
  json: flag("print every policy on every trace, one JSON object a line"),
  check: flag("only say whether what docs/scaling.md promises holds; exit code 1 if not"),
  seeds: integer(1, "with --check: how many seeds, from --seed on", { min: 1 }),
  docs: flag("write the tables and drawings into docs/"),
  help: flag("show this"),
};

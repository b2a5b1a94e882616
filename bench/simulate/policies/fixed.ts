import type { Policy } from "./policy.ts";

/** Always the same number, which run from the beginning on. */
export const fixed: Policy = { decide: () => {} };

// The load generator as a process of its own: takes LoadOptions from its parent, and gives a LoadResult back.
import type { LoadOptions } from "./options.ts";
import { runLoad } from "./run-load.ts";

process.once("message", (options: LoadOptions) => {
  runLoad(options).then(
    (result) => process.send?.({ result }, () => process.exit(0)),
    (error: Error) => process.send?.({ error: error.message }, () => process.exit(1)),
  );
});
process.once("disconnect", () => process.exit(1));

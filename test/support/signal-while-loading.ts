import { registerHooks } from "node:module";

/**
 * To be loaded into a process (--import) that is to get the signal SIGNAL from the environment when it loads the module
 * whose address ends in SIGNAL_AT.
 */
const { SIGNAL: signal, SIGNAL_AT: at = "" } = process.env;

registerHooks({
  load(url, context, nextLoad) {
    if (url.endsWith(at)) process.kill(process.pid, signal);
    return nextLoad(url, context);
  },
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const hook = new URL("../../support/signal-while-loading.ts", import.meta.url);

test.each([
  ["server", "SIGTERM"],
  ["server", "SIGINT"],
  ["worker", "SIGTERM"],
  ["worker", "SIGINT"],
])("a %s that gets a %s while it is loaded ends gently", async (role, signal) => {
  const main = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", hook.href, main, role, "--http-port", "0"], {
    stdio: ["ignore", "ignore", "pipe"],
    // Nobody is there.
    env: {
      ...process.env,
      DISROOM_NATS_URL: "nats://127.0.0.1:1",
      SIGNAL: signal,
      SIGNAL_AT: `/${role}/main.ts`,
    },
  });
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const [code, endedBy] = await once(child, "close");
  expect([code, endedBy], output).toEqual([0, null]);
});

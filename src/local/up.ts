import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { ChatCluster } from "../cluster/chat-cluster.ts";
import { loadChatCluster } from "../cluster/spec.ts";
import { serveHttp } from "../platform/http.ts";
import { Metrics } from "../platform/metrics.ts";
import { readSettings, UsageError } from "../platform/settings.ts";
import { lagMetrics } from "../scaling/lag-metrics.ts";
import { changeText } from "../scaling/scaler.ts";
import { scalingMetrics } from "../scaling/scaling-metrics.ts";
import { type LocalCluster, startLocalCluster } from "./cluster.ts";
import { defaultChatCluster } from "./default-cluster.ts";
import { withOverrides } from "./overrides.ts";
import { partTable, reportOn } from "./report.ts";
import { upSettings } from "./settings.ts";
import { reachable } from "./welcome.ts";
import { withoutEffect } from "./without-effect.ts";

const ctrlC = 130;
const loopback = "127.0.0.1";

/** `disroom up`: runs a ChatCluster on this machine until SIGINT, SIGTERM or SIGHUP. */
export async function runUp(args: readonly string[]): Promise<void> {
  const settings = readSettings(upSettings, args.map(longName), process.env);
  const given = readChatCluster(settings.file);
  const cluster = withOverrides(given, settings);
  // A terminal or a reader that has gone away is no reason to end the chat.
  process.stdout.on("error", () => {});
  const write = (line: string): void => void process.stdout.write(`${line}\n`);

  const stopping = stopOnSignal(write);
  const tell = (line: string): void => {
    if (!stopping.aborted) write(line);
  };
  const metrics = new Metrics("up");
  const http = await serveHttp(loopback, 0, metrics, { notReady: () => undefined });
  let running: LocalCluster;
  try {
    running = await startLocalCluster({
      cluster,
      dataFolder: settings.data,
      host: settings.host,
      port: settings.port,
      signal: stopping,
      onStreams: tell,
      scaling: {
        metrics: {
          measured: lagMetrics(metrics.registry).measured,
          decided: scalingMetrics(metrics.registry).decided,
        },
        onChange: (change) => tell(changeText(change)),
        onError: ({ message }) => tell(message),
      },
      onPart: (part) => reportOn(part, write, () => stopping.aborted),
    });
  } catch (error) {
    http.close();
    if (!stopping.aborted) throw error;
    write("Stopped");
    return;
  }
  const own = { name: "up", pid: process.pid, http: `${loopback}:${http.port}` };
  for (const line of partTable([...running.parts(), own])) write(line);
  const idle = withoutEffect(given.spec);
  if (idle.length > 0) write(`Of no effect on one machine: ${idle.join(", ")}`);
  write(`Messages and logs are in ${running.dataFolder}; Ctrl-C stops everything`);
  write(`Ready: nc ${reachable(running.host)} ${running.port}`);
  await aborted(stopping);
  await running.stop();
  http.close();
  write("Stopped");
}

/** `-f` is the only short option. */
const longName = (arg: string): string => (arg === "-f" ? "--file" : arg);

function readChatCluster(file: string | undefined): ChatCluster {
  if (file === undefined) return defaultChatCluster();
  let yamlText: string;
  try {
    yamlText = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${file} (${(error as Error).message.split(",")[0]}); see --file`, {
      cause: error,
    });
  }
  return loadChatCluster(yamlText, basename(file));
}

/**
 * Aborts on the first signal; the second ends this process at once, and with it, through their guard, all
 * parts.
 */
function stopOnSignal(write: (line: string) => void): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(ctrlC);
      write("Stopping (again to stop at once)");
      stopping.abort(new Error(`stopped by ${signal}`));
    });
  }
  return stopping.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

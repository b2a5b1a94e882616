import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { serveHttp } from "../platform/http.ts";
import { createLog } from "../platform/log.ts";
import { Metrics } from "../platform/metrics.ts";
import { exitOnUncaught, runUntilSignal } from "../platform/process.ts";
import { readSettings, UsageError } from "../platform/settings.ts";
import { Credentials } from "./kube/credentials.ts";
import { serviceAccountFolder } from "./kube/pod-connection.ts";
import { provideNats } from "./nats/provide.ts";
import { natsUrl } from "./nats-url.ts";
import { Operator } from "./operator.ts";
import { operatorSettings } from "./settings.ts";

/** `disroom operator`: runs until SIGTERM or SIGINT, or until another one leads. */
export async function runOperator(args: readonly string[]): Promise<void> {
  const settings = readSettings(operatorSettings, args, process.env);
  const log = createLog("operator", settings.logLevel);
  exitOnUncaught(log);
  const metrics = new Metrics("operator");
  const operator = new Operator({
    ...settings,
    namespaces: settings.namespaces.split(",").filter((name) => name !== ""),
    image: settings.image || ownImage(),
    leaseNamespace: settings.leaseNamespace || namespaceOfPod(),
    ...(isInPod() && { operatorNamespace: namespaceOfPod() }),
    // A pod's name can be that of an earlier pod (a StatefulSet's, a machine's), which may still run.
    identity: `${hostname()}_${randomUUID()}`,
    log,
    credentials: await Credentials.fromEnvironment(),
    registry: metrics.registry,
    provideNats,
    natsUrl,
  });
  const http = await serveHttp(settings.httpHost, settings.httpPort, metrics, {
    notReady: () => operator.notReady(),
  });
  log.info({ http: `${settings.httpHost}:${http.port}` }, "listening");
  runUntilSignal(log, settings.shutdownGrace, async () => {
    await operator.stop();
    http.close();
  });
  await operator.run();
}

/** The image of this version, from which the operator itself runs as a rule. */
function ownImage(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return `ghcr.io/disroom/disroom:${version}`;
}

const namespaceFile = join(serviceAccountFolder, "namespace");
const isInPod = (): boolean => existsSync(namespaceFile);

function namespaceOfPod(): string {
  if (isInPod()) return readFileSync(namespaceFile, "utf8").trim();
  throw new UsageError("outside of a pod, --lease-namespace must say in which namespace the Lease is");
}

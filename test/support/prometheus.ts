import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll } from "vitest";
import { stringify } from "yaml";
import { candidates, toolsFolder } from "../../src/local/binaries.ts";
import { freePorts } from "../../src/local/ports.ts";
import { eventually } from "./eventually.ts";

type Running = { readonly child: ChildProcess; readonly folder: string; readonly exited: Promise<unknown> };

const running: Running[] = [];
afterAll(async () => {
  for (const { child, folder, exited } of running) {
    child.kill("SIGKILL");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
});

type Program = "prometheus" | "promtool" | "prometheus-nats-exporter" | "redis_exporter";

/** Where Prometheus, promtool or an exporter is; hack/setup.sh puts them there. */
export function prometheusProgram(name: Program): string {
  const file = find(name);
  if (file === undefined) throw new Error(`${name} is missing; hack/setup.sh test installs it`);
  return file;
}

export const isInstalled = (name: Program): boolean => find(name) !== undefined;

const find = (name: Program): string | undefined =>
  candidates(name, [...(process.env.PATH ?? "").split(delimiter), toolsFolder(process.env)])[0];

export type Target = {
  /** host:port of its /metrics. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Whether its own labels win over those given here. */
  readonly honorLabels?: boolean;
};

export type Result = {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
};

export type Rule = { readonly name: string; readonly health: string; readonly lastError?: string };

export type Prometheus = {
  readonly url: string;
  /** What an expression is now; an error where it is none. */
  query(expr: string): Promise<Result[]>;
  rules(): Promise<Rule[]>;
};

/** Runs Prometheus until after the last test of the file: it scrapes every second. */
export async function runPrometheus(
  targets: readonly Target[],
  ruleFiles: readonly string[] = [],
): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "disroom-prometheus-"));
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ruleFiles.map((file) => resolve(file)),
    scrape_configs: targets.map(({ address, labels, honorLabels = false }, index) => ({
      job_name: `target-${index}`,
      honor_labels: honorLabels,
      static_configs: [{ targets: [address], labels }],
    })),
  };
  writeFileSync(join(folder, "prometheus.yml"), stringify(config));
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    prometheusProgram("prometheus"),
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  running.push({ child, folder, exited: once(child, "exit") });
  const api = async <T>(path: string, parameters: Record<string, string> = {}): Promise<T> => {
    const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const { data, error } = (await answer.json()) as { data?: T; error?: string };
    if (data === undefined) throw new Error(`${JSON.stringify(parameters)}: ${error}`);
    return data;
  };
  await eventually(async () => (await fetch(`${url}/-/ready`)).ok, { milliseconds: 30_000, interval: 50 });
  return {
    url,
    query: async (query) => (await api<{ result: Result[] }>("query", { query })).result,
    rules: async () => {
      const { groups } = await api<{ groups: { rules: Rule[] }[] }>("rules");
      return groups.flatMap(({ rules }) => rules);
    },
  };
}

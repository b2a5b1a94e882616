import type { Histogram } from "../load/histogram.ts";
import { figure, mebibytes } from "../report/numbers.ts";
import type { Section } from "../report/section.ts";
import { type AuditedRequest, isWrite } from "./audit.ts";
import type { Change } from "./changes.ts";
import { operatorContainer } from "./container.ts";
import type { ChangesResult, LifeResult, Phase, Start } from "./phases.ts";

const container = operatorContainer();
const memoryAim = 256 * 2 ** 20;
/** Of the slowest of a hundred changes, in milliseconds. */
const changeAim = 1000;

const writesOf = ({ requests }: Phase): number => requests.filter(isWrite).length;
const cpuOf = ({ cpuSeconds }: Phase, ...names: readonly string[]): number =>
  names.reduce((sum, name) => sum + (cpuSeconds[name] ?? 0), 0);

/** How long it takes until all is as it should be, and what that costs. */
export function startsSection({ clusters, objects, pods, cold, warm }: LifeResult): Section {
  const row = (name: string, { seconds, settled }: Start): string[] => [
    name,
    figure(seconds),
    String(writesOf(settled)),
    figure(cpuOf(settled, "operator")),
    figure(cpuOf(settled, "kube-apiserver", "etcd")),
    figure(cpuOf(settled, "kube-controller-manager")),
    figure(cpuOf(settled, "bench")),
    figure(settled.otherCpuSeconds),
    mebibytes(settled.memory.peak),
    mebibytes(settled.memory.resident),
  ];
  return {
    id: "starts",
    title: `the operator's start with ${clusters.toLocaleString("en-US")} ChatClusters`,
    notes: [
      `${objects.toLocaleString("en-US")} objects, and ${pods.toLocaleString("en-US")} pods that nobody schedules, which the operator watches too`,
      "cold: nothing but the ChatClusters is there; until the last one's status says that all its objects are as its spec says",
      "warm: all is there; until the operator leads and has seen to each ChatCluster once",
      "CPU time and writes: until the operator has written nothing for a while; writes are all but the Lease's renewals",
      `as in deploy/operator.yaml: ${Object.entries(container.env)
        .map(([name, value]) => `${name}=${value}`)
        .join(", ")}, where shares are of the container's ${mebibytes(container.memoryLimit)} MiB`,
      "no pod runs, so that the streams wait for NATS, and nothing is ready",
    ],
    columns: [
      ...[
        "start",
        "s",
        "writes",
        "CPU s of the operator",
        "API server and etcd",
        "controllers",
        "bench",
        "all else",
      ],
      ...["peak MiB", "MiB at the end"],
    ],
    rows: [row("cold", cold), row("warm", warm)],
    failures: [
      ...[cold, warm].flatMap(({ settled }, index) =>
        settled.memory.peak < memoryAim
          ? []
          : [`${["cold", "warm"][index]}: more memory than ${mebibytes(memoryAim)} MiB`],
      ),
      ...(writesOf(warm.settled) === 0 ? [] : ["a warm start wrote something"]),
    ],
    data: {
      clusters,
      objects,
      pods,
      cold: dataOf(cold.settled, cold.seconds),
      warm: dataOf(warm.settled, warm.seconds),
    },
  };
}

/** Which requests the operator has sent, by the API server's own word. */
export function requestsSection({ clusters, cold, warm, steady }: LifeResult): Section {
  const counts = [cold.settled, warm.settled, steady].map(({ requests }) => countsOf(requests));
  const names = [...new Set(counts.flatMap((count) => Object.keys(count)))].sort();
  const [inCold = {}, inWarm = {}, inSteady = {}] = counts;
  return {
    id: "requests",
    title: "what the operator asks of the API server, from its audit log",
    notes: [
      "warm start and steady state: requests in all, not per ChatCluster",
      "an apply of a status is one of chatclusters/status; a watch counts once, when it is opened",
    ],
    columns: ["request", "cold, per ChatCluster", "cold", "warm", "steady"],
    rows: names.map((name) => [
      name,
      figure((inCold[name] ?? 0) / clusters),
      ...[inCold, inWarm, inSteady].map((count) => (count[name] ?? 0).toLocaleString("en-US")),
    ]),
    failures: [],
    data: { cold: inCold, warm: inWarm, steady: inSteady },
  };
}

export function steadySection({ steady, clusters }: LifeResult): Section {
  const { seconds, reconciles, memory } = steady;
  const writes = writesOf(steady);
  return {
    id: "steady",
    title: "nothing changes",
    notes: [
      "while the pods of a ChatCluster's NATS do not come up, the operator looks for what keeps them from it: here that is all of them",
    ],
    columns: ["s", "writes", "reconciles/s", "cores of the operator", "of all else", "MiB"],
    rows: [
      [
        figure(seconds),
        String(writes),
        figure(reconciles / seconds),
        figure(cpuOf(steady, "operator") / seconds),
        figure(steady.otherCpuSeconds / seconds),
        mebibytes(memory.resident),
      ],
    ],
    failures: writes === 0 ? [] : [`${writes} writes though nothing changed`],
    data: { ...dataOf(steady, seconds), reconciles, clusters },
  };
}

/** How soon the operator acts. */
export function changesSection(result: ChangesResult): Section {
  const { times } = result;
  const cores = (...names: readonly string[]): string => figure(cpuOf(result, ...names) / result.seconds);
  const rows: [string, Histogram][] = [
    ["server.replicas of a ChatCluster changed", times.spec],
    ["the servers' Deployment deleted", times.deleted],
  ];
  return {
    id: "changes",
    title: "from a change to what the operator makes of it",
    notes: [
      "milliseconds from sending the change until another client's watch has the Deployment as it should be",
      "at a steady pace, whether or not the operator keeps up, each in another ChatCluster chosen at random",
      `cores meanwhile: ${cores("operator")} of the operator, ${cores("kube-apiserver", "etcd")} of the API server and etcd, ${cores("kube-controller-manager")} of the controllers, ${figure(result.otherCpuSeconds / result.seconds)} of what else the machine did`,
    ],
    columns: ["change", "times", "p50 ms", "p99 ms", "longest ms"],
    rows: rows.map(([name, of]) => [
      name,
      String(of.count),
      ...[of.percentile(0.5), of.percentile(0.99), of.longest].map(figure),
    ]),
    failures: rows.flatMap(([name, of]) =>
      of.percentile(0.99) < changeAim ? [] : [`${name}: p99 is not below ${changeAim} ms`],
    ),
    data: Object.fromEntries(
      rows.map(([name, of]) => [
        name,
        { count: of.count, longest: of.longest, p50: of.percentile(0.5), p99: of.percentile(0.99) },
      ]),
    ),
  };
}

/** How many of the slowest changes are told of: one in so many. */
const slowOne = 100;

/** What the slowest changes waited for, by the API server's audit log. */
export function slowestSection({ times: { all }, requests }: ChangesResult): Section {
  const timeOf = ({ sentAt, seenAt }: Change): number => seenAt - sentAt;
  const slowest = all
    .toSorted((a, b) => timeOf(b) - timeOf(a))
    .slice(0, Math.ceil(all.length / slowOne))
    .map((change) => {
      const { deployment, sentAt, answeredAt, seenAt } = change;
      const apply = requests.find(
        ({ verb, resource, object, receivedAt }) =>
          verb === "apply" && resource === "deployments" && object === deployment && receivedAt > sentAt,
      );
      const { receivedAt = Number.NaN, answeredAt: appliedAt = Number.NaN } = apply ?? {};
      return {
        ...{ deployment, all: timeOf(change), answer: answeredAt - sentAt },
        ...{ apply: receivedAt - answeredAt, applied: appliedAt - receivedAt, seen: seenAt - appliedAt },
      };
    });
  return {
    id: "slowest",
    title: "what the slowest changes waited for",
    notes: [
      "milliseconds: until the API server answered the change; from then until it had the operator's apply, less than zero where a watch told the operator before the answer was there; until that was answered; until another client's watch told",
      "the second one is the operator's share: the watch, its queue, its rate limit",
    ],
    columns: ["Deployment", "all", "change answered", "operator's apply sent", "apply answered", "seen"],
    rows: slowest.map(({ deployment, ...parts }) => [deployment, ...Object.values(parts).map(figure)]),
    failures: [],
    data: { slowest },
  };
}

function countsOf(requests: readonly AuditedRequest[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { verb, resource } of requests) {
    const name = `${verb} ${resource}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function dataOf(phase: Phase, seconds: number): object {
  const { cpuSeconds, otherCpuSeconds, memory } = phase;
  const counts = { seconds, settledSeconds: phase.seconds, writes: writesOf(phase) };
  return { ...counts, cpuSeconds, otherCpuSeconds, memory };
}

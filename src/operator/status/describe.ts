import type { ChatClusterStatus } from "../../cluster/chat-cluster.ts";
import { quorum } from "../../cluster/derived.ts";
import type { KubeObject } from "../kube/objects.ts";
import { componentLabel, selectorText } from "../resources/metadata.ts";
import type { StoredChatCluster } from "../resources/options.ts";
import { type ConditionType, conditionsOf, type Finding, type Problem } from "./conditions.ts";
import { endpointOf } from "./endpoint.ts";
import { lagFields, lagFinding, type SeenLag } from "./lag.ts";
import { countsOf, isProgressing, isStuck, readiness, troubleOf, type Workload } from "./workload.ts";

/** What is known of the parts of a ChatCluster. */
export type Seen = {
  readonly nats: KubeObject | undefined;
  readonly redis: KubeObject | undefined;
  readonly servers: KubeObject | undefined;
  readonly workers: KubeObject | undefined;
  readonly service: KubeObject | undefined;
  readonly pods: readonly KubeObject[];
  /** Workers that are wanted now. */
  readonly desiredWorkers: number;
  /** NATS nodes that have a vote, and how many of them have just answered, where that is known. */
  readonly natsMembers: number | undefined;
  readonly natsPresent: number | undefined;
  /** Why streams are not there yet; undefined if they are. */
  readonly streams: Problem | undefined;
  /** What of NATS is still to become more. */
  readonly growing: string | undefined;
  /** What waits to be stored. */
  readonly lag: SeenLag;
  /** What keeps NATS nodes from coming up, where only Events tell. */
  readonly obstacle: Problem | undefined;
  /** What could not be made as it should be. */
  readonly problems: readonly Problem[];
};

/** The status of a ChatCluster, from what was seen of it. */
export function describe(
  cluster: StoredChatCluster,
  before: ChatClusterStatus,
  seen: Seen,
  now: Date,
): ChatClusterStatus {
  const { spec } = cluster;
  const podsOf = (part: string): KubeObject[] =>
    seen.pods.filter(({ metadata }) => metadata.labels?.[componentLabel] === part);
  const workload = (
    what: string,
    part: string,
    object: KubeObject | undefined,
    wanted: number,
    needed: number,
  ) => ({ what, object, wanted, needed, pods: podsOf(part) }) satisfies Workload;
  const { replicas } = spec.nats;
  const voting = quorum(seen.natsMembers ?? replicas);
  // Nodes vote before Kubernetes has noticed that they are ready.
  const natsNeeded = (seen.natsPresent ?? 0) >= voting ? 1 : voting;
  const nats = {
    ...workload("NATS nodes", "nats", seen.nats, replicas, natsNeeded),
    obstacle: seen.obstacle?.message,
  };
  const redis = workload("Redis servers", "redis", seen.redis, 1, 1);
  const servers = workload("chat servers", "server", seen.servers, spec.server.replicas, 1);
  const workers = workload("queue workers", "worker", seen.workers, seen.desiredWorkers, 1);

  const readyParts: [ConditionType, Finding][] = [
    ["NATSReady", natsReadiness(nats, seen)],
    ["RedisReady", readiness(redis)],
    ["ServersReady", readiness(servers)],
    ["WorkersReady", readiness(workers)],
  ];
  const endpoint = endpointOf(seen.service);
  const unknownLag = lagFinding(seen.lag, before);
  const lag = lagFields(seen.lag, before);
  const found = new Map<ConditionType, Finding>([
    ["Ready", sum(readyParts, seen.service, endpoint)],
    ...readyParts,
    ...(unknownLag === undefined ? [] : [["LagUnknown", unknownLag] as const]),
    ["Progressing", progress([nats, redis, servers, workers], seen.growing)],
    ["ReconcileSuccess", success(seen.problems)],
  ]);
  const generation = cluster.metadata.generation ?? 0;
  return {
    observedGeneration: generation,
    conditions: conditionsOf(found, before.conditions ?? [], generation, now),
    ...(endpoint !== undefined && { endpoint }),
    nats: {
      ...countsOf(nats),
      target: replicas,
      ...(seen.natsMembers !== undefined && { members: seen.natsMembers }),
    },
    redis: { readyReplicas: countsOf(redis).readyReplicas },
    servers: { ...countsOf(servers), ...lag.servers, selector: selectorText(cluster, "server") },
    workers: { ...countsOf(workers), desired: seen.desiredWorkers, ...lag.workers },
  };
}

/** NATS does its work when enough nodes are ready and the streams are there. */
function natsReadiness(nats: Workload, { streams }: Seen): Finding {
  const finding = readiness(nats);
  if (finding.status !== "True" || streams === undefined) return finding;
  const message = finding.reason === "AllReady" ? streams.message : `${finding.message}; ${streams.message}`;
  return { reason: streams.reason, message, status: "False" };
}

function sum(
  parts: readonly [ConditionType, Finding][],
  service: KubeObject | undefined,
  endpoint: string | undefined,
): Finding {
  const missing = parts.filter(([type, { status }]) => type !== "RedisReady" && status !== "True");
  const [first] = missing;
  if (first !== undefined) {
    const message = missing.map(([, finding]) => finding.message).join("; ");
    return { status: "False", reason: `${first[0].replace("Ready", "")}NotReady`, message };
  }
  if (endpoint === undefined) {
    const what = service === undefined ? "there is no Service" : "the load balancer has no address";
    return { status: "False", reason: "NoAddress", message: `${what} yet` };
  }
  const partly = parts.filter(([, { reason }]) => reason !== "AllReady").map(([, finding]) => finding);
  const [one] = partly;
  if (one === undefined) return { status: "True", reason: "AllReady", message: "people can chat" };
  const message = `people can chat, but: ${partly.map((finding) => finding.message).join("; ")}`;
  const reason = partly.every((finding) => finding.reason === one.reason) ? one.reason : "SomeReady";
  return { status: "True", reason: one.status === "True" ? reason : "SomeReady", message };
}

function progress(parts: readonly Workload[], growing: string | undefined): Finding {
  const moving = parts.filter(isProgressing);
  if (growing !== undefined) return { status: "True", reason: "NATSGrows", message: growing };
  if (moving.length === 0) return { status: "False", reason: "Settled", message: "nothing is under way" };
  const name = (part: Workload): string => {
    const trouble = troubleOf(part);
    return trouble === undefined ? part.what : `${part.what} (${trouble})`;
  };
  const stuck = moving.filter(isStuck).map(name);
  if (stuck.length > 0)
    return { status: "False", reason: "RolloutStuck", message: `not up in time: ${stuck.join(", ")}` };
  return { status: "True", reason: "Changing", message: `being brought up: ${moving.map(name).join(", ")}` };
}

function success(problems: Seen["problems"]): Finding {
  const [first] = problems;
  if (first === undefined)
    return { status: "True", reason: "Reconciled", message: "all objects are as the spec says" };
  return {
    status: "False",
    reason: first.reason,
    message: problems.map(({ message }) => message).join("; "),
  };
}

/**
 * The same for a ChatCluster that is left alone: how its parts are is told, and that what it asks for since then is not
 * done.
 */
export function describePaused(
  cluster: StoredChatCluster,
  before: ChatClusterStatus,
  seen: Seen,
  now: Date,
): ChatClusterStatus {
  const { observedGeneration: _, conditions = [], ...parts } = describe(cluster, before, seen, now);
  const success = before.conditions?.find(({ type }) => type === "ReconcileSuccess");
  const message = "spec.paused is true: nothing is changed until it is false again";
  const paused = new Map([["Progressing", { status: "False", reason: "Paused", message }]] as const);
  return {
    ...(before.observedGeneration !== undefined && { observedGeneration: before.observedGeneration }),
    conditions: [
      ...conditions.filter(({ type }) => type !== "Progressing" && type !== "ReconcileSuccess"),
      ...conditionsOf(paused, before.conditions ?? [], cluster.metadata.generation ?? 0, now),
      ...(success !== undefined ? [success] : []),
    ],
    ...parts,
  };
}

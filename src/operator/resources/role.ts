import { commonSettings } from "../../platform/common-settings.ts";
import { optionName, variableName } from "../../platform/settings.ts";
import type { KubeObject } from "../kube/objects.ts";
import { configHash } from "./config-hash.ts";
import { credentialKeys, natsUsers } from "./credentials.ts";
import { metadataOf, selectorOf } from "./metadata.ts";
import { nameOf, ports } from "./names.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";
import { podTemplate } from "./pod-template.ts";
import { containerSecurity, podSecurity, resourcesOf } from "./pods.ts";

/** What chat servers and queue workers have in common: one image, told apart by its first argument. */
export type Role = {
  readonly part: "server" | "worker";
  readonly replicas: number;
  /** Settings of its own, by name. */
  readonly settings: Readonly<Record<string, string | number>>;
  readonly usesRedis: boolean;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  /** How long it is left alone before it is told to stop, in seconds. */
  readonly delayBeforeStop?: number;
  /** How long it must have been ready to count, in seconds. */
  readonly delayAfterStart?: number;
};

/** What is left of the grace time when a role has used up its own, in seconds: its last words, and the kubelet's time. */
const spareGrace = 5;

/** The Deployment of a role. */
export function roleDeployment(cluster: StoredChatCluster, options: ResourceOptions, role: Role): KubeObject {
  const { part, replicas, delayBeforeStop = 0, delayAfterStart } = role;
  const ownGrace = Math.ceil(commonSettings.shutdownGrace.default / 1000);
  const { nats, redis } = options.credentials;
  const image = cluster.spec.image ?? options.image;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(cluster, nameOf(cluster, part), part, image),
    spec: {
      replicas,
      ...(delayAfterStart !== undefined && { minReadySeconds: delayAfterStart }),
      // Never fewer than wanted: connections and partitions would crowd on the others.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: 0 } },
      selector: { matchLabels: selectorOf(cluster, part) },
      template: podTemplate(cluster, {
        part,
        image,
        configHash: configHash(nats, ...(role.usesRedis ? [redis] : [])),
        // In an update only the new pods count, since the others are about to go.
        spread: { whenUnsatisfiable: "ScheduleAnyway", matchLabelKeys: ["pod-template-hash"] },
        staysOnSilentNode: false,
        spec: {
          // Process 1 of a container gets no signal that it does not listen for yet; Node.js starts as another one.
          shareProcessNamespace: true,
          terminationGracePeriodSeconds: delayBeforeStop + ownGrace + spareGrace,
          securityContext: podSecurity(),
          containers: [container(cluster, role, image)],
        },
      }),
    },
  };
}

function container(cluster: StoredChatCluster, role: Role, image: string): object {
  const { part, settings, delayBeforeStop = 0 } = role;
  const { server, workers } = cluster.spec;
  const http = (path: string): object => ({ httpGet: { path, port: "http" }, timeoutSeconds: 5 });
  return {
    name: part,
    image,
    args: [part, ...asArgs({ partitions: workers.partitions, ...settings })],
    env: environment(cluster, role),
    ports: [...role.ports, { name: "http", containerPort: ports.http }],
    ...resourcesOf(part === "server" ? server.resources : workers.resources),
    securityContext: containerSecurity,
    // It answers as soon as Node.js has loaded it; whether NATS is there is asked by the next one.
    startupProbe: { ...http("/livez"), periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { ...http("/readyz"), periodSeconds: 2 },
    // A whole minute without an answer: it will not come back by itself.
    livenessProbe: { ...http("/livez"), periodSeconds: 10, failureThreshold: 6 },
    ...(delayBeforeStop > 0 && { lifecycle: { preStop: { sleep: { seconds: delayBeforeStop } } } }),
  };
}

/** Passwords come out of the Secret into variables, and from there into the URLs that follow them. */
function environment(cluster: StoredChatCluster, { usesRedis }: Role): object[] {
  const password = (name: string, key: string): object => ({
    name,
    valueFrom: { secretKeyRef: { name: nameOf(cluster, "credentials"), key } },
  });
  const nats = `${nameOf(cluster, "nats")}:${ports.nats}`;
  const redis = `${nameOf(cluster, "redis")}:${ports.redis}`;
  return [
    password("NATS_PASSWORD", credentialKeys.nats),
    { name: variableName("natsUrl"), value: `nats://${natsUsers.clients}:$(NATS_PASSWORD)@${nats}` },
    ...(usesRedis
      ? [
          password("REDIS_PASSWORD", credentialKeys.redis),
          { name: variableName("redisUrl"), value: `redis://:$(REDIS_PASSWORD)@${redis}` },
        ]
      : []),
  ];
}

const asArgs = (settings: Role["settings"]): string[] =>
  Object.entries(settings).flatMap(([name, value]) => [optionName(name), String(value)]);

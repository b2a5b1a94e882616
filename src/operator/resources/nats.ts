import { natsEnvironment } from "../../cluster/process-settings.ts";
import type { KubeObject } from "../kube/objects.ts";
import { configHash } from "./config-hash.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { natsExporter } from "./exporters.ts";
import { metadataOf, selectorOf } from "./metadata.ts";
import { nameOf, natsVolume, ports } from "./names.ts";
import { folders, lastingConfig, natsFiles } from "./nats-node.ts";
import { leaveScript, startFiles } from "./nats-start.ts";
import { exporterOpening, networkPolicy, operatorOf, podsOf } from "./network-policy.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";
import { podTemplate } from "./pod-template.ts";
import { containerSecurity, podSecurity, type Resources, resourcesOf, secretVolume } from "./pods.ts";
import { parseQuantity } from "./quantity.ts";
import { secretOf } from "./secret.ts";
import { serviceAccount } from "./service-account.ts";

/** The image names no user, and would run as root. */
const user = 1000;

/** In seconds: longer than the lame duck mode of cluster/nats-config.ts, which takes half a minute. */
const terminationGrace = 60;

/** The NATS nodes and what belongs to them, in the order in which they are applied. */
export function natsObjects(cluster: StoredChatCluster, options: ResourceOptions): KubeObject[] {
  return [
    serviceAccount(cluster, "nats"),
    secretOf(cluster, "nats", natsFiles(cluster, options)),
    networkPolicy(cluster, "nats", [
      { from: [podsOf(cluster, "server"), podsOf(cluster, "worker")], ports: [ports.nats] },
      { from: [podsOf(cluster, "nats")], ports: [ports.natsRoutes] },
      { from: [operatorOf(options)], ports: [ports.nats] },
      ...exporterOpening(cluster, ports.natsMetrics),
    ]),
    headlessService(cluster),
    clientService(cluster),
    // A budget for a single node would either allow what it is to prevent, or block drains for ever.
    ...(isClustered(cluster) ? [budget(cluster)] : []),
    statefulSet(cluster, options),
  ];
}

const isClustered = ({ spec }: StoredChatCluster): boolean => spec.nats.replicas > 1;

/** A node that is not ready may well be the one whose vote is needed, so it counts like the others. */
const budget = (cluster: StoredChatCluster): KubeObject =>
  disruptionBudget(cluster, "nats", 1, { allowUnready: false });

/** Names for each of the nodes, also before they are ready: they have to find each other first. */
function headlessService(cluster: StoredChatCluster): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(cluster, nameOf(cluster, "nats-headless"), "nats"),
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: selectorOf(cluster, "nats"),
      ports: [
        { name: "client", port: ports.nats, targetPort: "client" },
        { name: "routes", port: ports.natsRoutes, targetPort: "routes" },
        { name: "monitor", port: ports.natsMonitor, targetPort: "monitor" },
      ],
    },
  };
}

/** Where clients connect: to a node that is ready, however many there are. */
function clientService(cluster: StoredChatCluster): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(cluster, nameOf(cluster, "nats"), "nats"),
    spec: {
      selector: selectorOf(cluster, "nats"),
      ports: [{ name: "client", port: ports.nats, targetPort: "client" }],
    },
  };
}

function statefulSet(cluster: StoredChatCluster, options: ResourceOptions): KubeObject {
  const { replicas, image, storage } = cluster.spec.nats;
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadataOf(cluster, nameOf(cluster, "nats"), "nats", image),
    spec: {
      replicas,
      serviceName: nameOf(cluster, "nats-headless"),
      // Nodes need each other to become ready. Updates still go one by one.
      podManagementPolicy: "Parallel",
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: storage.whenDeleted,
        // Whoever takes away too many nodes loses nothing by that.
        whenScaled: "Retain",
      },
      selector: { matchLabels: selectorOf(cluster, "nats") },
      template: podTemplate(cluster, {
        part: "nats",
        image,
        configHash: configHash(...lastingConfig(cluster, options)),
        // Two nodes on one machine would fail together. A machine that takes no pods does not count: with it gone, two
        // on one are better than one that waits.
        spread: { whenUnsatisfiable: "DoNotSchedule", nodeTaintsPolicy: "Honor" },
        staysOnSilentNode: true,
        spec: {
          terminationGracePeriodSeconds: terminationGrace,
          securityContext: podSecurity(user),
          containers: [container(cluster), ...natsExporter(cluster)],
          volumes: [secretVolume("config", nameOf(cluster, "nats"))],
        },
      }),
      volumeClaimTemplates: [
        {
          metadata: { name: natsVolume },
          spec: {
            accessModes: ["ReadWriteOnce"],
            ...(storage.className !== undefined && { storageClassName: storage.className }),
            resources: { requests: { storage: options.claimSize ?? storage.size } },
          },
        },
      ],
    },
  };
}

function container(cluster: StoredChatCluster): object {
  const { image, resources } = cluster.spec.nats;
  const health = (query: string): object => ({ path: `/healthz${query}`, port: "monitor" });
  return {
    name: "nats",
    image,
    command: ["/bin/sh", `${folders.config}/${startFiles.script}`],
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      ...Object.entries(environment(resources)).map(([name, value]) => ({ name, value })),
    ],
    ports: [
      { name: "client", containerPort: ports.nats },
      { name: "routes", containerPort: ports.natsRoutes },
      { name: "monitor", containerPort: ports.natsMonitor },
    ],
    ...resourcesOf(resources),
    securityContext: containerSecurity,
    // Once: all streams are read and have caught up, so that an update goes on to the next node only then. A big store
    // takes minutes; half an hour it has.
    startupProbe: { httpGet: health(""), periodSeconds: 3, timeoutSeconds: 5, failureThreshold: 600 },
    // Whether it takes clients: any node serves those whose streams others lead.
    readinessProbe: { httpGet: health("?js-server-only=true"), periodSeconds: 5, timeoutSeconds: 5 },
    // Never the whole check, which fails while there is no leader: restarts would make that last.
    livenessProbe: { httpGet: health("?js-enabled-only=true"), periodSeconds: 30, timeoutSeconds: 5 },
    // SIGTERM, which comes at once, does not end that. It is process 1 of its container.
    lifecycle: { preStop: { exec: { command: ["/bin/sh", "-c", leaveScript(folders)] } } },
    volumeMounts: [
      { name: "config", mountPath: folders.config, readOnly: true },
      { name: natsVolume, mountPath: folders.store },
    ],
  };
}

/** How Go uses memory and cores. The limits are this process' own, so that it needs to leave nothing to others. */
function environment({ limits = {} }: Resources): Readonly<Record<string, string>> {
  const { GODEBUG = "" } = natsEnvironment(1);
  const memory = parseQuantity(limits.memory ?? 0) ?? 0;
  const cores = parseQuantity(limits.cpu ?? 0) ?? 0;
  return {
    GODEBUG,
    // Collects more often near the limit, in place of being killed for a moment above it.
    ...(memory > 0 && { GOMEMLIMIT: String(Math.floor(memory * 0.9)) }),
    ...(cores > 0 && { GOMAXPROCS: String(Math.ceil(cores)) }),
  };
}

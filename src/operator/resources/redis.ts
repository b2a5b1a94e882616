import type { KubeObject } from "../kube/objects.ts";
import { configHash } from "./config-hash.ts";
import { credentialKeys } from "./credentials.ts";
import { redisExporter } from "./exporters.ts";
import { metadataOf, selectorOf } from "./metadata.ts";
import { nameOf, ports } from "./names.ts";
import { exporterOpening, networkPolicy, podsOf } from "./network-policy.ts";
import type { ResourceOptions, StoredChatCluster } from "./options.ts";
import { podTemplate } from "./pod-template.ts";
import { containerSecurity, podSecurity, resourcesOf, secretVolume } from "./pods.ts";
import { parseQuantity } from "./quantity.ts";
import { secretOf } from "./secret.ts";
import { serviceAccount } from "./service-account.ts";

/** That of the image, which starts as root to become it. */
const user = 999;

const configFolder = "/etc/redis";

/**
 * Redis and what belongs to it, in the order in which they are applied. It has no volume, since servers put back what it
 * has lost, and no budget: for one pod that would either allow what it is to prevent, or block drains for ever.
 */
export function redisObjects(cluster: StoredChatCluster, options: ResourceOptions): KubeObject[] {
  const config = redisConfig(cluster, options.credentials.redis);
  return [
    serviceAccount(cluster, "redis"),
    secretOf(cluster, "redis", { "redis.conf": config }),
    networkPolicy(cluster, "redis", [
      { from: [podsOf(cluster, "server")], ports: [ports.redis] },
      ...exporterOpening(cluster, ports.redisMetrics),
    ]),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadataOf(cluster, nameOf(cluster, "redis"), "redis"),
      spec: {
        selector: selectorOf(cluster, "redis"),
        ports: [{ name: "redis", port: ports.redis, targetPort: "redis" }],
      },
    },
    deployment(cluster, config),
  ];
}

/** Without a limit of its own it would grow until it is killed; so it refuses to, keeps what it has, and says so. */
function redisConfig(cluster: StoredChatCluster, password: string): string {
  const memory = parseQuantity(cluster.spec.redis.resources.limits?.memory ?? 0) ?? 0;
  const limit = `maxmemory ${Math.floor(memory * 0.75)}\nmaxmemory-policy noeviction\n`;
  return `port ${ports.redis}
requirepass ${JSON.stringify(password)}
save ""
appendonly no
${memory > 0 ? limit : ""}`;
}

function deployment(cluster: StoredChatCluster, config: string): KubeObject {
  const { image, resources } = cluster.spec.redis;
  const ping = { exec: { command: ["redis-cli", "ping"] }, timeoutSeconds: 3 };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(cluster, nameOf(cluster, "redis"), "redis", image),
    spec: {
      replicas: 1,
      // Never two at once: servers would divide among them, and each would know half of who is here.
      strategy: { type: "Recreate" },
      selector: { matchLabels: selectorOf(cluster, "redis") },
      template: podTemplate(cluster, {
        part: "redis",
        image,
        configHash: configHash(config),
        staysOnSilentNode: false,
        spec: {
          securityContext: podSecurity(user),
          containers: [
            {
              name: "redis",
              image,
              // The image's own entrypoint is a shell script, which would change users.
              command: ["redis-server"],
              args: [`${configFolder}/redis.conf`],
              env: [
                // For redis-cli.
                {
                  name: "REDISCLI_AUTH",
                  valueFrom: {
                    secretKeyRef: { name: nameOf(cluster, "credentials"), key: credentialKeys.redis },
                  },
                },
              ],
              ports: [{ name: "redis", containerPort: ports.redis }],
              ...resourcesOf(resources),
              securityContext: containerSecurity,
              readinessProbe: { ...ping, periodSeconds: 5 },
              // A Redis that hangs accepts connections all the same; so it is asked.
              livenessProbe: { ...ping, periodSeconds: 10 },
              volumeMounts: [{ name: "config", mountPath: configFolder, readOnly: true }],
            },
            ...redisExporter(cluster),
          ],
          volumes: [secretVolume("config", nameOf(cluster, "redis"))],
        },
      }),
    },
  };
}

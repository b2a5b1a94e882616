import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { kubectlAs } from "../../kube/system/kubectl.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { objectsOf } from "../../src/operator/resources/objects.ts";
import type { ResourceOptions, StoredChatCluster } from "../../src/operator/resources/options.ts";
import { defineChatClusters, runControlPlane, type TestControlPlane } from "../support/control-plane.ts";
import { full, fullOptions, minimal, options } from "../unit/operator/resources/chat-clusters.ts";

/** What the operator makes of a ChatCluster, given to a real API server in a namespace that enforces `restricted`. */

let controlPlane: TestControlPlane;

beforeAll(async () => {
  controlPlane = await runControlPlane({
    beforeControllers: defineChatClusters,
    // They would write the status of what was applied, and so make new versions of it.
    controllers: ["*", "-deployment-controller", "-statefulset-controller", "-disruption-controller"],
  });
  await kubectl("create", "namespace", "chat");
  await kubectl("label", "namespace", "chat", "pod-security.kubernetes.io/enforce=restricted");
});

function kubectl(...args: string[]): Promise<string> {
  return kubectlAs(controlPlane.kubeconfig, ...args);
}

/** Applies as an operator does: fields that the API server does not know are mistakes. Warnings are, too. */
async function apply(objects: readonly KubeObject[], ...args: string[]): Promise<KubeObject[]> {
  const output = await kubectl(
    "apply",
    "--server-side",
    "--field-manager=disroom-operator",
    "--validate=strict",
    "--warnings-as-errors",
    `--filename=${file(objects)}`,
    "--output=json",
    ...args,
  );
  return JSON.parse(output).items;
}

function file(objects: readonly KubeObject[]): string {
  const path = join(controlPlane.folder, "objects.json");
  writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  return path;
}

/** The same ChatCluster, as it is called once the API server has it: the garbage collector looks for the owner's uid. */
async function storedAs(cluster: StoredChatCluster): Promise<StoredChatCluster> {
  const { uid: _, ...metadata } = cluster.metadata;
  await kubectl("apply", "--server-side", `--filename=${file([{ ...cluster, metadata }])}`);
  const { name, namespace } = metadata;
  return JSON.parse(await kubectl("get", "chatcluster", name, `--namespace=${namespace}`, "--output=json"));
}

const versions = (objects: readonly KubeObject[]): string[] =>
  objects.map(({ kind, metadata: { name, resourceVersion, generation } }) =>
    [kind, name, resourceVersion, generation].join(" "),
  );

/** A pod like those that a Deployment or StatefulSet makes. */
function podOf({ metadata, spec }: KubeObject): KubeObject {
  // biome-ignore lint/suspicious/noExplicitAny: both kinds have it.
  const { template, volumeClaimTemplates = [] } = spec as any;
  const volumes = volumeClaimTemplates.map((claim: KubeObject) => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: `${claim.metadata.name}-${metadata.name}-0` },
  }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, name: `like-${metadata.name}`, namespace: metadata.namespace ?? "" },
    spec: { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...volumes] },
  };
}

test.each<[string, StoredChatCluster, ResourceOptions]>([
  ["minimal", minimal, options],
  ["full", full, fullOptions],
])(
  "the objects of the %s ChatCluster are accepted, and the second time nothing changes",
  async (_, given, with_) => {
    const objects = objectsOf(await storedAs(given), with_);
    await apply(objects, "--dry-run=server");
    const first = await apply(objects);
    expect(first).toHaveLength(objects.length);
    const pods = objects
      .filter(({ spec }) => spec !== undefined && "template" in (spec as object))
      .map(podOf);
    expect(pods).toHaveLength(4);
    await apply(pods, "--dry-run=server");
    expect(versions(await apply(objects)).filter((each) => !versions(first).includes(each))).toEqual([]);
  },
);

test("every change of a ChatCluster that its CRD allows is one that the API server allows of its objects", async () => {
  const before = await storedAs({ ...minimal, metadata: { ...minimal.metadata, name: "changing" } });
  await apply(objectsOf(before, options));
  const { nats, workers } = before.spec;
  const spec = {
    ...full.spec,
    // Neither can change, says the CRD.
    nats: { ...full.spec.nats, storage: { ...nats.storage, size: "50Gi", whenDeleted: "Delete" as const } },
    workers: { ...full.spec.workers, partitions: workers.partitions },
  };
  const after = await storedAs({ ...before, metadata: { ...minimal.metadata, name: "changing" }, spec });
  await apply(objectsOf(after, { ...fullOptions, claimSize: nats.storage.size }));
  await apply(objectsOf(before, options));
});

test("a pod that does not keep to the standard is refused here", async () => {
  const [statefulSet] = objectsOf(minimal, options).filter(({ kind }) => kind === "StatefulSet");
  if (statefulSet === undefined) throw new Error("no StatefulSet");
  const pod = podOf(statefulSet);
  const rooted = { ...pod, spec: { ...(pod.spec as object), securityContext: {} } };
  await expect(apply([rooted], "--dry-run=server")).rejects.toThrow(
    'violates PodSecurity "restricted:latest"',
  );
});

import { beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { defineChatClusters, runControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** Volumes of NATS that are smaller than the spec says. Nobody provides any: they are made, bound and grown here. */

const cluster = { group: "", version: "v1", namespaced: false };
const volumes = { ...cluster, kind: "PersistentVolume", plural: "persistentvolumes" };
const storageClasses = {
  ...cluster,
  group: "storage.k8s.io",
  kind: "StorageClass",
  plural: "storageclasses",
};
const claims = resources.persistentVolumeClaims;
const patience = { milliseconds: 30_000 };
const named = (name: string) => ({ namespace: "default", name });

let api: KubeApi;
let clusters: ChatClusters;

beforeAll(async () => {
  const controlPlane = await runControlPlane({
    beforeControllers: defineChatClusters,
    // Volumes that are made here are bound when it looks the next time, which by default is up to 15 s later.
    controllerManagerArgs: ["--pvclaimbinder-sync-period=1s"],
  });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  await api.create(storageClasses, {
    metadata: { name: "grows" },
    provisioner: "example.com/none",
    allowVolumeExpansion: true,
  });
  await runOperator(controlPlane);
});

/** Gives a claim a volume of this size; done when it has it. */
async function bind(claim: string, storage: string): Promise<void> {
  await api.create(volumes, {
    metadata: { name: claim },
    spec: {
      storageClassName: "grows",
      capacity: { storage },
      accessModes: ["ReadWriteOnce"],
      claimRef: named(claim),
      csi: { driver: "example.com", volumeHandle: claim },
    },
  });
  await eventually(async () => {
    const { status } = await api.get<KubeObject>(claims, named(claim));
    expect(status).toMatchObject({ phase: "Bound", capacity: { storage } });
  }, patience);
}

/** Grows a volume to the size that is asked for, when it is this one. */
async function grow(claim: string, storage: string): Promise<void> {
  await eventually(async () => {
    const { spec } = await api.get<KubeObject>(claims, named(claim));
    expect(spec).toMatchObject({ resources: { requests: { storage } } });
  }, patience);
  const capacity = { storage };
  await api.mergePatch(volumes, { name: claim }, { spec: { capacity } });
  await api.mergePatch(claims, named(claim), { status: { capacity } }, { subresource: "status" });
}

/** Waits until NATS nodes are told that they may fill so many GiB. */
async function mayFill(name: string, gibibytes: number): Promise<void> {
  await eventually(async () => {
    const { data } = await api.get<KubeObject>(resources.secrets, named(`${name}-nats`));
    const config = Buffer.from((data as Record<string, string>)["nats.conf"] ?? "", "base64").toString();
    expect(config).toContain(`max_file_store: ${gibibytes * 2 ** 30}\n`);
  }, patience);
}

const nats = (replicas: number, size: string) => ({ replicas, storage: { size, className: "grows" } });

test("nodes that are added after volumes have grown do not restart those that are there", async () => {
  await clusters.create("grown", { nats: nats(1, "10Gi") });
  await eventually(() => api.get(claims, named("data-grown-nats-0")), patience);
  await bind("data-grown-nats-0", "10Gi");
  const statefulSet = (): Promise<KubeObject> =>
    api.get<KubeObject>(resources.statefulSets, named("grown-nats"));
  await clusters.isReconciled("grown");
  const { generation: made = 0 } = (await statefulSet()).metadata;
  await clusters.patch("grown", { nats: { storage: { size: "20Gi" } } });
  await grow("data-grown-nats-0", "20Gi");
  await mayFill("grown", 20);
  // It is told of that after its configuration, and restarts for it.
  await eventually(async () => expect((await statefulSet()).metadata.generation).toBe(made + 1));
  const generation = made + 1;

  await clusters.patch("grown", { nats: { replicas: 3 } });
  for (const claim of ["data-grown-nats-1", "data-grown-nats-2"]) {
    await eventually(() => api.get(claims, named(claim)), patience);
    // The size of the claim template, which never changes.
    await bind(claim, "10Gi");
  }
  for (const claim of ["data-grown-nats-1", "data-grown-nats-2"]) await grow(claim, "20Gi");
  await clusters.isReconciled("grown");
  await clusters.patch("grown", { nats: { pod: { labels: { last: "change" } } } });
  await eventually(async () =>
    expect((await statefulSet()).spec).toHaveProperty("template.metadata.labels.last"),
  );
  // The number of nodes, and the label.
  expect((await statefulSet()).metadata.generation).toBe(generation + 2);
  await mayFill("grown", 20);
});

test("volumes of an earlier ChatCluster grow to what the new one says, and are not filled beyond what they have", async () => {
  await api.create(claims, {
    metadata: named("data-kept-nats-0"),
    spec: {
      storageClassName: "grows",
      accessModes: ["ReadWriteOnce"],
      // Kubernetes writes that as 11059540787200m.
      resources: { requests: { storage: "10.3Gi" } },
    },
  });
  await bind("data-kept-nats-0", "11Gi");
  await clusters.create("kept", { nats: nats(1, "20Gi") });
  await mayFill("kept", 11);
  await grow("data-kept-nats-0", "20Gi");
  await mayFill("kept", 20);
  await clusters.isReconciled("kept");
});

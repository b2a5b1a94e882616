import { beforeAll, expect, test } from "vitest";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import { KubeApiError } from "../../src/operator/kube/api-error.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { startFiles } from "../../src/operator/resources/nats-start.ts";
import { defineChatClusters, runControlPlane } from "../support/control-plane.ts";
import { eventually } from "../support/eventually.ts";
import { apiOf } from "../support/kube-api.ts";
import { settled } from "../support/settled-nats.ts";
import { ChatClusters, runOperator } from "../support/test-operator.ts";

/** A ChatCluster is deleted and made again at once: nothing of the earlier one gets into the new one. */

let api: KubeApi;
let clusters: ChatClusters;

beforeAll(async () => {
  const controlPlane = await runControlPlane({ beforeControllers: defineChatClusters });
  api = apiOf(controlPlane);
  clusters = new ChatClusters(api);
  await runOperator(controlPlane, { provideNats: async () => ({ ...settled, members: 3, present: 3 }) });
});

const spec = (whenDeleted: string) => ({ nats: { replicas: 3, storage: { whenDeleted } } });
const named = (name: string) => ({ namespace: "default", name });
const claim = (name: string): Promise<KubeObject> =>
  api.get<KubeObject>(resources.persistentVolumeClaims, named(`data-${name}-nats-1`));
/** Whether NATS may be founded, by the configuration of that ChatCluster; undefined while there is none. */
async function mayFound(name: string, uid: unknown): Promise<boolean | undefined> {
  const { metadata, data } = await api.get<KubeObject>(resources.secrets, named(`${name}-nats`));
  const isOwn = metadata.ownerReferences?.every((owner) => owner.uid === uid);
  return isOwn ? startFiles.founderName in (data as object) : undefined;
}

/** One whose NATS runs: it has said how many nodes have a vote. */
async function established(name: string, whenDeleted: string): Promise<void> {
  await clusters.create(name, { ...spec(whenDeleted), workers: { minReplicas: 7 } });
  const labelSelector = `app.kubernetes.io/instance=${name},app.kubernetes.io/component=nats`;
  const pods = await eventually(
    async () => {
      const { items } = await api.list<KubeObject>(resources.pods, { namespace: "default", labelSelector });
      return items.length === 3 && items;
    },
    { milliseconds: 30_000 },
  );
  const lastTransitionTime = new Date().toISOString();
  const status = { phase: "Running", conditions: [{ type: "Ready", status: "True", lastTransitionTime }] };
  for (const { metadata } of pods)
    await api.mergePatch(resources.pods, metadata, { status }, { subresource: "status" });
  await eventually(async () => expect((await clusters.read(name)).status?.nats?.members).toBe(3), {
    milliseconds: 30_000,
  });
  await eventually(async () => {
    const { metadata } = await clusters.read(name);
    expect(await mayFound(name, metadata.uid)).toBe(false);
  });
}

async function madeAgain(name: string, whenDeleted: string): Promise<unknown> {
  await clusters.delete(name);
  const { metadata } = await clusters.create(name, { ...spec(whenDeleted), workers: { minReplicas: 1 } });
  await eventually(
    async () => {
      expect(await mayFound(name, metadata.uid)).toBeDefined();
      expect((await clusters.read(name)).status?.workers).toBeDefined();
    },
    { milliseconds: 60_000 },
  );
  return metadata.uid;
}

const notFound = (error: unknown): undefined => {
  if (error instanceof KubeApiError && error.isNotFound) return undefined;
  throw error;
};

test("where its volumes go with it, NATS is founded anew", async () => {
  await established("goes", "Delete");
  const { uid } = (await claim("goes")).metadata;
  const made = await madeAgain("goes", "Delete");
  await eventually(async () => expect(await mayFound("goes", made)).toBe(true));
  expect((await claim("goes").catch(notFound))?.metadata.uid).not.toBe(uid);
  const { status } = await clusters.read("goes");
  expect(status?.nats).not.toHaveProperty("members");
  expect(status?.workers?.desired).toBe(1);
});

test("where they stay, those who have them know their cluster", async () => {
  await established("stays", "Retain");
  const { uid } = (await claim("stays")).metadata;
  const made = await madeAgain("stays", "Retain");
  expect(await mayFound("stays", made)).toBe(false);
  expect((await claim("stays")).metadata.uid).toBe(uid);
  expect((await clusters.read("stays")).status?.workers?.desired).toBe(1);
});

import { beforeAll, expect, test } from "vitest";
import { Applier } from "../../src/operator/applier.ts";
import type { KubeApi } from "../../src/operator/kube/api.ts";
import type { KubeObject } from "../../src/operator/kube/objects.ts";
import { resources } from "../../src/operator/kube/resource.ts";
import { runControlPlane } from "../support/control-plane.ts";
import { apiOf } from "../support/kube-api.ts";

/** What is applied, and what is left alone, on a real API server. */
let api: KubeApi;
let writes = 0;
const { signal } = new AbortController();

beforeAll(async () => {
  const controlPlane = await runControlPlane();
  api = apiOf(controlPlane, { beforeWrite: () => writes++ });
});

const configMap = (name: string, data: object): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name },
  data,
});
const read = (name: string): Promise<KubeObject> =>
  api.get(resources.configMaps, { namespace: "default", name });

test("an object that is right is left alone, however often it is looked at", async () => {
  const applier = new Applier(api);
  const apply = (wanted: KubeObject, existing?: KubeObject) =>
    applier.apply(resources.configMaps, wanted, existing, signal);
  expect(await apply(configMap("one", { a: "1", b: "2" }))).toBe("created");
  const existing = await read("one");
  const before = writes;
  for (let time = 0; time < 3; time++) {
    expect(await apply(configMap("one", { a: "1", b: "2" }), existing)).toBe("unchanged");
  }
  // Another operator, which has applied nothing yet.
  const restarted = new Applier(api);
  for (let time = 0; time < 2; time++) {
    const again = restarted.apply(
      resources.configMaps,
      configMap("one", { a: "1", b: "2" }),
      existing,
      signal,
    );
    expect(await again).toBe("unchanged");
  }
  expect(writes).toBe(before);
  // It was right for something else.
  expect(await apply(configMap("one", { a: "1" }), existing)).toBe("changed");
  expect((await read("one")).data).toEqual({ a: "1" });
});

test("what somebody else has changed is put back, though it was right before", async () => {
  const applier = new Applier(api);
  const wanted = configMap("edited", { a: "1" });
  await applier.apply(resources.configMaps, wanted, undefined, signal);
  const name = { namespace: "default", name: "edited" };
  expect(await applier.apply(resources.configMaps, wanted, await read("edited"), signal)).toBe("unchanged");
  await api.mergePatch(resources.configMaps, name, { data: { a: "2" } });
  expect(await applier.apply(resources.configMaps, wanted, await read("edited"), signal)).toBe("changed");
  expect((await read("edited")).data).toEqual({ a: "1" });
});

import { expect, test } from "vitest";
import type { EventRecorder } from "../../../src/operator/kube/events.ts";
import type { KubeObject } from "../../../src/operator/kube/objects.ts";
import { Troubles } from "../../../src/operator/troubles.ts";

const object = (name: string, uid: string): KubeObject => ({
  apiVersion: "disroom.io/v1alpha1",
  kind: "ChatCluster",
  metadata: { namespace: "default", name, uid },
});
const problem = (message: string) => ({ reason: "Refused", message });

test("a trouble is told when it appears and when it changes, of each object by itself", () => {
  const told: string[] = [];
  const record: EventRecorder["record"] = ({ metadata }, type, reason, message) => {
    told.push(`${metadata.name}: ${type} ${reason} ${message}`);
  };
  const troubles = new Troubles({ record });
  const demo = object("demo", "1");
  const saidOf = (of: KubeObject, ...messages: string[]): string[] => {
    told.length = 0;
    troubles.tell(of, messages.map(problem));
    return [...told];
  };
  expect(saidOf(demo, "a")).toEqual(["demo: Warning Refused a"]);
  expect(saidOf(demo, "a")).toEqual([]);
  expect(saidOf(demo, "a", "b")).toEqual(["demo: Warning Refused b"]);
  expect(saidOf(object("other", "2"), "a")).toEqual(["other: Warning Refused a"]);
  expect(saidOf(demo)).toEqual([]);
  expect(saidOf(demo, "a")).toEqual(["demo: Warning Refused a"]);
  // Another one of the same name.
  expect(saidOf(object("demo", "3"), "a")).toEqual(["demo: Warning Refused a"]);
});

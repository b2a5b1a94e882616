import { expect, test } from "vitest";
import { objectsText, streamsText } from "../../../../src/operator/status/changes.ts";

const objects = (kind: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ kind, name: `demo-${index}` }));

test("few objects are named", () => {
  const few = [
    { kind: "Secret", name: "demo-nats" },
    { kind: "StatefulSet", name: "demo-nats" },
  ];
  expect(objectsText(few)).toBe("Secret demo-nats, StatefulSet demo-nats");
});

test("many are counted by kind, however many there are", () => {
  const many = [...objects("Service", 1), ...objects("NetworkPolicy", 4), ...objects("Deployment", 3)];
  expect(objectsText(many)).toBe("8 objects: 3 Deployments, 4 NetworkPolicies, 1 Service");
  expect(objectsText(objects("Secret", 5000))).toBe("5000 objects: 5000 Secrets");
});

test("streams are named, consumers counted", () => {
  const isConsumer = (name: string): boolean => name.startsWith("message-processor-");
  const names = ["ChatIngress", "message-processor-0", "ChatRooms", "message-processor-1"];
  expect(streamsText(names, isConsumer)).toBe("ChatIngress, ChatRooms, 2 consumers");
  expect(streamsText(["message-processor-0"], isConsumer)).toBe("1 consumer");
  expect(streamsText(["ChatRooms"], isConsumer)).toBe("ChatRooms");
});

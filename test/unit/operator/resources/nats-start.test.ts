import { expect, test } from "vitest";
import {
  founderName,
  joinerPeers,
  peerId,
  peersFile,
  podOfNode,
} from "../../../../src/operator/resources/nats-start.ts";
import { minimal } from "./chat-clusters.ts";

test("a node is known in votes by what nats-server makes of its name", () => {
  // As nats-server 2.15.2 tells of nodes with these names (/jsz, "peer").
  expect(peerId("n0")).toBe("6DVFpukC");
  expect(peerId("n1")).toBe("fjFyEjc1");
  expect(peerId("n2b")).toBe("MhNtBfZ1");
});

test("members are kept as nats-server keeps them", () => {
  expect(peersFile(1, ["n0"]).toString("latin1")).toBe("\u0001\0\0\0\u0001\0\0\u00006DVFpukC\0\0");
  expect([...joinerPeers]).toEqual([255, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("a node's name tells its pod", () => {
  expect(podOfNode(founderName(minimal))).toBe("demo-nats-0");
  expect(podOfNode("demo-nats-4-5f3a9c1e")).toBe("demo-nats-4");
});

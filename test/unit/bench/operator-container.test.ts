import { expect, test } from "vitest";
import { operatorContainer } from "../../../bench/operator/container.ts";

const manifests = (memory: string, options: string): string => `
apiVersion: v1
kind: Namespace
---
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers:
        - env:
            - { name: NODE_OPTIONS, value: ${options} }
            - { name: OTHER, value: as it is }
          resources: { limits: { memory: ${memory} } }
`;

test("a share of the container's memory becomes what it is of its limit", () => {
  const options = "--max-old-space-size-percentage=25 --trace-gc";
  expect(operatorContainer(manifests("1Gi", options))).toEqual({
    memoryLimit: 2 ** 30,
    env: { NODE_OPTIONS: "--max-old-space-size=256 --trace-gc", OTHER: "as it is" },
  });
});

test("the operator's heap leaves room in its container for the rest of the process", () => {
  const { memoryLimit, env } = operatorContainer();
  const [, size] = /^--max-old-space-size=(\d+)$/.exec(env.NODE_OPTIONS ?? "") ?? [];
  expect(Number(size) * 2 ** 20).toBeLessThan(memoryLimit * 0.6);
});

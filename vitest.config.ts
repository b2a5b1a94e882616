import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // No test waits for that long; a machine that does other things as well may.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          // Each file starts processes of its own; on two cores, one file at a time is quickest.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          // What needs a real Kubernetes API server, but no nodes. Each file starts its own.
          name: "api",
          include: ["test/api/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // The Helm charts: needs helm and a real Kubernetes API server, but no nodes.
          name: "charts",
          include: ["test/charts/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // How the local Kubernetes comes and goes.
          name: "kube",
          include: ["test/kube/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          // What runs on the local Kubernetes. The first test starts it, or finds one that runs.
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});

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
    ],
  },
});

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Components } from "../../../kube/control-plane/components.ts";
import { eventually } from "../../support/eventually.ts";

let folder = "";
let components: Components;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-components-"));
  components = new Components(folder, folder);
});
afterEach(async () => {
  await components.killAll();
  rmSync(folder, { recursive: true, force: true });
});

const shell = (script: string) => (): string[] => ["sh", "-c", script];

test("takes another port when somebody has taken the one that was free", async () => {
  const ports: number[] = [];
  const port = await components.start({
    name: "part",
    command: (tried) => {
      ports.push(tried);
      const isFirst = ports.length === 1;
      return shell(isFirst ? "echo bind: address already in use; exit 1" : "touch up; exec sleep 60")();
    },
    isReady: () => existsSync(join(folder, "up")),
  });
  expect(ports).toHaveLength(2);
  expect(ports[1]).toBe(port);
  expect(ports[0]).not.toBe(port);
});

test("does not take another port than the one that was asked for", async () => {
  const starting = components.start({
    name: "part",
    port: 1,
    command: shell("echo bind: address already in use; exit 1"),
    isReady: () => false,
  });
  await expect(starting).rejects.toThrow(
    /^part ended with exit code 1; .*\n {2}bind: address already in use$/,
  );
});

test("says at once that a part has ended, also while its readiness is being asked", async () => {
  const starting = components.start({
    name: "part",
    command: shell("echo why; exit 3"),
    isReady: () => new Promise(() => {}),
  });
  await expect(starting).rejects.toThrow(
    `part ended with exit code 3; its last lines in ${folder}/part.log:\n  why`,
  );
});

test("says what cannot be run", async () => {
  const starting = components.start({
    name: "part",
    command: () => ["/no/such/program"],
    isReady: () => false,
  });
  await expect(starting).rejects.toThrow(/^part ended with exit code .*No such file/s);
});

test("stops the last first", async () => {
  for (const name of ["first", "second"]) {
    await components.start({
      name,
      command: shell(
        `trap 'echo ${name} >> ended; exit 0' TERM; touch ${name}; while :; do sleep 0.01; done`,
      ),
      isReady: () => existsSync(join(folder, name)),
    });
  }
  await components.stopAll();
  expect(readFileSync(join(folder, "ended"), "utf8")).toBe("second\nfirst\n");
  const late = components.start({ name: "late", command: shell("sleep 60"), isReady: () => true });
  await expect(late).rejects.toThrow("late is not started, since all is stopped");
});

test("kills what does not stop in time", async () => {
  await components.start({
    name: "deaf",
    command: shell("trap '' TERM; touch up; while :; do sleep 0.01; done"),
    isReady: () => existsSync(join(folder, "up")),
  });
  const [deaf] = components.processes;
  await deaf?.stop("SIGTERM", 50);
  expect(await deaf?.exited).toEqual({ code: null, signal: "SIGKILL" });
});

test("what ends is started again, on the same port, until all is stopped", async () => {
  const ports: number[] = [];
  const port = await components.start({
    name: "part",
    command: (tried) => {
      ports.push(tried);
      return shell("exec sleep 60")();
    },
    isReady: () => true,
  });
  components.keepRunning();
  const [first] = components.processes;
  process.kill(first?.pid ?? expect.fail("it does not run"), "SIGKILL");
  await eventually(() => expect(components.processes[0]?.pid).not.toBe(first?.pid));
  expect(ports).toEqual([port, port]);
  await components.stopAll();
  expect(await components.processes[0]?.exited).toBeDefined();
  expect(ports).toHaveLength(2);
});

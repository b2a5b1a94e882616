import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { down } from "../../kube/down.ts";
import { findRunning, state } from "../../kube/state.ts";
import { eventually } from "../support/eventually.ts";
import { kubectl } from "../support/kubectl.ts";
import { machineState } from "../support/machine-state.ts";

/**
 * The local Kubernetes comes up, and is gone without a trace however it ends. One that somebody left running on this
 * machine is not touched: then there is nothing to see here.
 */
describe.skipIf((await findRunning()) !== undefined)("the local Kubernetes", () => {
  let before: Awaited<ReturnType<typeof machineState>>;

  beforeAll(async () => {
    before = await machineState();
  });
  afterAll(down);
  // Whatever a test that failed has left.
  beforeEach(down);

  async function expectNothingLeft(): Promise<void> {
    expect(await machineState()).toEqual(before);
    expect(existsSync(state.data)).toBe(false);
    expect(existsSync(`${state.logs}/kube-apiserver.log`)).toBe(true);
  }

  test("up, its nodes are ready; down, nothing but logs is left; and so again", async () => {
    for (const nodes of [3, 1]) {
      expect(await untilExit(kube("up", `${nodes}`))).toBe(0);
      const answer = await kubectl("get", "nodes", "--no-headers");
      expect(answer.match(/ Ready /g)).toHaveLength(nodes);
      expect(await untilExit(kube("down"))).toBe(0);
      await expectNothingLeft();
    }
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s while it starts leaves nothing", async (signal) => {
    const starting = kube("up");
    for await (const line of createInterface({ input: starting.stdout as NodeJS.ReadableStream }))
      if (line.includes("starting 3 nodes")) break;
    starting.kill(signal);
    expect(await untilExit(starting)).toBe(1);
    expect(await findRunning()).toBeUndefined();
    await expectNothingLeft();
  });

  test("killed, all of it is gone but for control groups and files, which the next one removes", async () => {
    expect(await untilExit(kube("up", "2"))).toBe(0);
    const running = await findRunning();
    process.kill(running?.pid ?? expect.fail("none runs"), "SIGKILL");
    await eventually(async () => {
      const { controlGroups, ...now } = await machineState();
      expect({ ...now, controlGroups: before.controlGroups }).toEqual(before);
    });
    expect(await untilExit(kube("up", "1"))).toBe(0);
    expect((await kubectl("get", "nodes", "--no-headers")).match(/ Ready /g)).toHaveLength(1);
    expect(await untilExit(kube("down"))).toBe(0);
    await expectNothingLeft();
  });

  test("a second one is refused while one runs, and leaves that one alone", async () => {
    expect(await untilExit(kube("up", "1"))).toBe(0);
    const running = await findRunning();
    expect(await untilExit(kube("up", "1"))).toBe(1);
    expect(await findRunning()).toEqual(running);
    expect(await kubectl("get", "--raw", "/readyz")).toBe("ok");
  });

  test.each([["up", "0"], ["up", "10"], ["up", "many"], ["down", "now"], ["off"], ["off", "node-1"], []])(
    "%s %s is refused",
    async (...args: string[]) => {
      expect(await untilExit(kube(...args))).toBe(1);
      await expect(findRunning()).resolves.toBeUndefined();
    },
  );
});

function kube(...args: string[]): ChildProcess {
  return spawn(process.execPath, ["kube/main.ts", ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

async function untilExit(child: ChildProcess): Promise<number | null> {
  child.stdout?.resume();
  const [code] = await once(child, "exit");
  return code;
}

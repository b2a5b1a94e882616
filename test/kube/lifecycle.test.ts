import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { down } from "../../kube/down.ts";
import { findRunning, state } from "../../kube/state.ts";
import { eventually } from "../support/eventually.ts";
import { kubectl } from "../support/kubectl.ts";
import { type MachineState, machineState } from "../support/machine-state.ts";

/**
 * The local Kubernetes comes up, and is gone without a trace however it ends. One that somebody left running on this
 * machine is not touched: then there is nothing to see here.
 */
describe.skipIf((await findRunning()) !== undefined)("the local Kubernetes", () => {
  let before: MachineState;

  beforeAll(async () => {
    await down();
    before = await machineState();
  });
  afterAll(down);
  // Whatever a test that failed has left.
  beforeEach(down);

  /** What was not there before. Others may come and go on this machine, too, but seldom at just that time. */
  function news(now: MachineState): Partial<MachineState> {
    const added = Object.entries(now).map(
      ([what, lines]) =>
        [what, lines.filter((line) => !before[what as keyof MachineState].includes(line))] as const,
    );
    return Object.fromEntries(added.filter(([, lines]) => lines.length > 0));
  }

  async function expectNothingLeft(): Promise<void> {
    expect(news(await machineState())).toEqual({});
    expect(existsSync(state.data)).toBe(false);
    expect(existsSync(`${state.logs}/hub.log`)).toBe(true);
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

  test.each([
    ["SIGINT", "at once"],
    ["SIGINT", "starting the control plane"],
    ["SIGTERM", "starting 3 nodes"],
    ["SIGINT", "waiting for the nodes"],
  ] as const)("%s while it starts leaves nothing: %s", async (signal, moment) => {
    const starting = kube("up");
    if (moment !== "at once") await untilSaid(starting, moment);
    starting.kill(signal);
    // Whoever is impatient changes nothing.
    starting.kill(signal);
    // It may not listen for signals yet.
    expect(await untilExit(starting)).toBe(moment === "at once" ? null : 1);
    expect(await findRunning()).toBeUndefined();
    await expectNothingLeft();
  });

  test("when kube-up is killed while it starts, all else goes too", async () => {
    const starting = kube("up");
    await untilSaid(starting, "starting 3 nodes");
    starting.kill("SIGKILL");
    await eventually(async () => expect(await findRunning()).toBeUndefined(), { milliseconds: 60_000 });
    expect(await untilExit(kube("down"))).toBe(0);
    await expectNothingLeft();
  });

  test("two at once: one is refused, the other works", async () => {
    const both = [kube("up", "1"), kube("up", "1")];
    expect((await Promise.all(both.map(untilExit))).sort()).toEqual([0, 1]);
    expect(await kubectl("get", "--raw", "/readyz")).toBe("ok");
  });

  test("killed, all of it is gone but for control groups and files, which the next one removes", async () => {
    expect(await untilExit(kube("up", "2"))).toBe(0);
    const running = await findRunning();
    process.kill(running?.pid ?? expect.fail("none runs"), "SIGKILL");
    await eventually(async () => {
      const now = await machineState();
      expect(news({ ...now, controlGroups: [], files: [] })).toEqual({});
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

async function untilSaid(starting: ChildProcess, text: string): Promise<void> {
  for await (const line of createInterface({ input: starting.stdout as Readable }))
    if (line.includes(text)) return;
}

async function untilExit(child: ChildProcess): Promise<number | null> {
  child.stdout?.resume();
  const [code] = await once(child, "exit");
  return code;
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Elector, type ElectorSettings } from "../../../src/operator/kube/elector.ts";
import { electorMetrics } from "../../../src/operator/kube/elector-metrics.ts";
import type { Lease } from "../../../src/operator/kube/lease-record.ts";
import { resources } from "../../../src/operator/kube/resource.ts";
import { runControlPlane, type TestControlPlane } from "../../support/control-plane.ts";
import { eventually } from "../../support/eventually.ts";
import { apiOf, portOf } from "../../support/kube-api.ts";
import { recordingLog } from "../../support/recording-log.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

/** As short as a busy machine lets it be. */
const quick = { leaseDuration: 4000, renewDeadline: 3000, retryPeriod: 300 };
const usual = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2000 };

let controlPlane: TestControlPlane;
let proxy: TcpProxy;
const electors: Elector[] = [];
const processes: Candidate[] = [];
let count = 0;

beforeAll(async () => {
  controlPlane = await runControlPlane();
  proxy = await TcpProxy.open(portOf(controlPlane));
});

afterEach(async () => {
  for (const { child } of processes.splice(0)) child.kill("SIGKILL");
  await Promise.all(electors.splice(0).map((one) => one.stop()));
});

afterAll(() => proxy.close());

const newName = (): string => `lease-${count++}`;

function elector(name: string, identity: string, settings: Partial<ElectorSettings> = {}): Elector {
  const api = apiOf(controlPlane);
  const made = new Elector({
    api,
    log: recordingLog().log,
    namespace: "default",
    name,
    identity,
    ...quick,
    ...settings,
  });
  electors.push(made);
  return made;
}

async function leaseOf(name: string): Promise<Lease["spec"]> {
  return (await apiOf(controlPlane).get<Lease>(resources.leases, { namespace: "default", name })).spec;
}

type Line = { readonly what: string; readonly at: number };

/** A process that wants to lead, and what it says. */
class Candidate {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];

  constructor(name: string, identity: string, { leaseDuration, renewDeadline, retryPeriod } = quick) {
    const durations = [leaseDuration, renewDeadline, retryPeriod].map(String);
    const args = ["test/support/elector-process.ts", controlPlane.kubeconfig, name, identity, ...durations];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [what = "", at] = line.split(" ");
      this.lines.push({ what, at: Number(at) });
    });
    this.child = child;
    processes.push(this);
  }

  async says(what: string, milliseconds = 10_000): Promise<Line> {
    return eventually(() => this.lines.find((line) => line.what === what) ?? false, { milliseconds });
  }

  /** When it acted as the leader for the last time. */
  get lastAct(): number {
    return this.lines.findLast(({ what }) => what === "acted")?.at ?? 0;
  }
}

test("one of two leads; when it stops, the other one does at once", async () => {
  const name = newName();
  const registry = new Registry();
  const first = elector(name, "first", { onChange: electorMetrics(registry, name) });
  const metric = async (): Promise<string> => (await registry.metrics()).split("\n").at(-2) ?? "";
  expect(await metric()).toBe(`leader_election_master_status{name="${name}"} 0`);
  first.start();
  await first.leading;
  expect(first.isLeader()).toBe(true);
  expect(await metric()).toBe(`leader_election_master_status{name="${name}"} 1`);
  expect(await leaseOf(name)).toMatchObject({
    holderIdentity: "first",
    leaseDurationSeconds: 4,
    leaseTransitions: 0,
  });

  const second = elector(name, "second");
  second.start();
  const { renewTime } = (await leaseOf(name)) ?? {};
  await eventually(async () => (await leaseOf(name))?.renewTime !== renewTime);
  expect(second.isLeader()).toBe(false);
  expect(second.assertLeader).toThrow("this process does not lead");

  const began = performance.now();
  await first.stop();
  expect(first.isLeader()).toBe(false);
  expect(first.lost.aborted).toBe(true);
  expect(await metric()).toBe(`leader_election_master_status{name="${name}"} 0`);
  await second.leading;
  expect(performance.now() - began).toBeLessThan(quick.leaseDuration);
  second.assertLeader();
  expect(await leaseOf(name)).toMatchObject({ holderIdentity: "second", leaseTransitions: 1 });
});

test("of ten that begin together one leads", async () => {
  const name = newName();
  const all = Array.from({ length: 10 }, (_, index) => elector(name, `candidate-${index}`));
  for (const one of all) one.start();
  await Promise.race(all.map(({ leading }) => leading));
  const leaders = (): number => all.filter((one) => one.isLeader()).length;
  const { renewTime } = (await leaseOf(name)) ?? {};
  await eventually(async () => (await leaseOf(name))?.renewTime !== renewTime);
  expect(leaders()).toBe(1);
});

test("when the leader is killed, the other one leads within 20 s, and no sooner than the lease is over", async () => {
  const name = newName();
  const leader = new Candidate(name, "leader", usual);
  await leader.says("leading");
  const other = new Candidate(name, "other", usual);
  await other.says("started");
  // It has seen the lease once.
  await eventually(() => leader.lines.length > 10);
  const killedAt = Date.now();
  leader.child.kill("SIGKILL");
  const { at } = await other.says("leading", 25_000);
  expect(at - killedAt).toBeLessThan(20_000);
  expect(at - leader.lastAct).toBeGreaterThan(usual.renewDeadline);
});

test("a leader that was frozen for longer than its lease does nothing when it wakes", async () => {
  const name = newName();
  const leader = new Candidate(name, "leader");
  await leader.says("acted");
  const other = new Candidate(name, "other");
  leader.child.kill("SIGSTOP");
  const { at } = await other.says("leading");
  const exited = once(leader.child, "exit");
  leader.child.kill("SIGCONT");
  expect(await exited).toEqual([1, null]);
  await leader.says("lost");
  expect(leader.lastAct).toBeLessThan(at);
});

test("a leader that was frozen for longer than its deadline leads no more, though nobody else has the lease", async () => {
  const name = newName();
  const leader = new Candidate(name, "leader");
  await leader.says("acted");
  leader.child.kill("SIGSTOP");
  const before = leader.lastAct;
  const frozenAt = performance.now();
  await eventually(() => performance.now() - frozenAt > quick.renewDeadline + 200);
  leader.child.kill("SIGCONT");
  await once(leader.child, "exit");
  expect(leader.lastAct - before).toBeLessThan(quick.renewDeadline);
});

test("a leader that is cut off stops before another one starts", async () => {
  const name = newName();
  const changes: string[] = [];
  const told = (who: string) => (isLeader: boolean) =>
    changes.push(`${who} ${isLeader ? "leads" : "leads no more"}`);
  const first = elector(name, "first", {
    api: apiOf(controlPlane, { port: proxy.port }),
    onChange: told("first"),
  });
  first.start();
  await first.leading;
  const second = elector(name, "second", { onChange: told("second") });
  second.start();
  proxy.isSilent = true;
  proxy.freeze();
  await once(first.lost, "abort");
  expect(first.lost.reason).toMatchObject({ message: "the lease was not renewed in time" });
  await second.leading;
  expect(changes).toEqual(["first leads", "first leads no more", "second leads"]);
  // It is over for good, also when the network is back.
  proxy.isSilent = false;
  expect(first.isLeader()).toBe(false);
});

test("a connection that hangs or breaks does not cost the lead", async () => {
  const name = newName();
  const one = elector(name, "one", { api: apiOf(controlPlane, { port: proxy.port }) });
  one.start();
  await one.leading;
  for (const fault of [() => proxy.freeze(), () => proxy.cut()]) {
    const { renewTime } = (await leaseOf(name)) ?? {};
    fault();
    await eventually(async () => (await leaseOf(name))?.renewTime !== renewTime);
    expect(one.isLeader()).toBe(true);
  }
});

test("a leader whose lease somebody else has taken leads no more", async () => {
  const name = newName();
  const one = elector(name, "one");
  one.start();
  await one.leading;
  const spec = { holderIdentity: "thief", leaseDurationSeconds: 2 };
  await apiOf(controlPlane).mergePatch(resources.leases, { namespace: "default", name }, { spec });
  await once(one.lost, "abort");
  expect(one.lost.reason).toMatchObject({ message: "another process has the lease" });
  expect((await leaseOf(name))?.holderIdentity).toBe("thief");
  await one.stop();
  expect((await leaseOf(name))?.holderIdentity).toBe("thief");
});

test("durations that cannot be kept are refused", () => {
  expect(() => elector("x", "x", { renewDeadline: 4000 })).toThrow("a lease must be longer");
  expect(() => elector("x", "x", { leaseDuration: 4500 })).toThrow("a lease must be longer");
  expect(() => elector("x", "x", { retryPeriod: 2900 })).toThrow("a lease must be longer");
});

import { expect, test } from "vitest";
import type { ChatClusterStatus } from "../../../../src/cluster/chat-cluster.ts";
import type { ConditionType } from "../../../../src/operator/status/conditions.ts";
import type { Seen } from "../../../../src/operator/status/describe.ts";
import { newsOf, troublesOf } from "../../../../src/operator/status/news.ts";

const lastTransitionTime = "2026-01-02T03:04:05Z";
const status = (type: ConditionType, value: "True" | "False", reason = "Any"): ChatClusterStatus => ({
  conditions: [{ type, status: value, reason, message: `${type} is ${value}`, lastTransitionTime }],
});
const reasons = (before: ChatClusterStatus, after: ChatClusterStatus): string[] =>
  newsOf(before, after).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

test("that people can chat, and that they can't any more", () => {
  const [yes, no] = [status("Ready", "True"), status("Ready", "False")];
  expect(reasons({}, no)).toEqual([]);
  expect(reasons(no, yes)).toEqual(["Normal Ready: Ready is True"]);
  expect(reasons({}, yes)).toEqual(["Normal Ready: Ready is True"]);
  expect(reasons(yes, yes)).toEqual([]);
  expect(reasons(yes, no)).toEqual(["Warning NotReady: Ready is False"]);
});

test("that what was refused is done", () => {
  const [yes, no] = [status("ReconcileSuccess", "True", "Reconciled"), status("ReconcileSuccess", "False")];
  expect(reasons(no, yes)).toEqual(["Normal Reconciled: ReconcileSuccess is True"]);
  expect(reasons({}, yes)).toEqual([]);
  expect(reasons(yes, no)).toEqual([]);
});

test("troubles are what is refused, what keeps streams or NATS away, and a rollout that is stuck", () => {
  const none = { problems: [], streams: undefined, obstacle: undefined } as unknown as Seen;
  const problem = (reason: string) => ({ reason, message: `${reason} it is` });
  expect(troublesOf(none, status("Progressing", "True", "Changing"))).toEqual([]);
  const all: Seen = {
    ...none,
    problems: [problem("Forbidden"), problem("Invalid")],
    streams: problem("PartitionMismatch"),
    obstacle: problem("FailedCreate"),
  };
  expect(troublesOf(all, status("Progressing", "False", "RolloutStuck"))).toEqual([
    { reason: "Refused", message: "Forbidden it is" },
    { reason: "Refused", message: "Invalid it is" },
    problem("PartitionMismatch"),
    problem("FailedCreate"),
    { reason: "RolloutStuck", message: "Progressing is False" },
  ]);
  for (const reason of ["NATSNotReady", "NATSBusy", "NotLookedAt"]) {
    expect(troublesOf({ ...none, streams: problem(reason) }, {})).toEqual([]);
  }
});

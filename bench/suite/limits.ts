import { type FanOut, fanOutRate } from "../limits/fan-out.ts";
import { idlePath } from "../limits/idle-path.ts";
import { inFlight, publishRate } from "../limits/jetstream-publish.ts";
import { redisJoinRate } from "../limits/redis-joins.ts";
import { figure, median } from "../report/numbers.ts";
import type { Section } from "../report/section.ts";
import { workloads } from "../workloads.ts";
import type { Run } from "./run.ts";

/** Messages in a batch and in a write to a member, where nothing was measured before in the same run. */
const usualBatch: Readonly<Record<string, number>> = { A: 60, B: 1000 };
const usualWrite: Readonly<Record<string, number>> = { A: 20, B: 200, C: 20 };

export type LimitsOptions = {
  readonly seconds: number;
  /** Runs of other workloads in the same bench, by workload. */
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly say: (line: string) => void;
};

/** What the parts under DisRoom can do by themselves, and how near DisRoom comes to that. */
export async function limits({ seconds, runs, say }: LimitsOptions): Promise<Section> {
  const rows: string[][] = [];
  const failures: string[] = [];
  const data: unknown[] = [];
  const measure = async (
    what: string,
    unit: string,
    own: number,
    work: () => Promise<number>,
  ): Promise<void> => {
    try {
      const limit = await work();
      const row = [what, `${figure(limit)} ${unit}`, figure(own), figure(own / limit)];
      data.push({ what, unit, limit, disroom: own });
      rows.push(row);
      say(`limits, ${row.join(", ")}`);
    } catch (error) {
      rows.push([what, "failed", figure(own), "-"]);
      failures.push(`limits, ${what}: ${(error as Error).message}`);
    }
  };
  for (const id of ["A", "B"]) {
    for (const sync of [false, true]) {
      const variant = sync ? "fsync" : "no-fsync";
      const good = goodRuns(runs, id, variant);
      const size = Math.round(median(good.map(({ counters }) => counters?.messagesPerBatch ?? 0)));
      const batch = size > 0 ? size : (usualBatch[id] ?? 1);
      const own = median(good.map(({ result }) => (result ? result.messages / result.seconds : 0)));
      const what = `${id}: JetStream publish, ${batch} messages a batch, ${sync ? "fsync" : "no fsync"}`;
      await measure(what, "messages/s", own, () => publishRate(batch, sync, seconds));
    }
  }
  for (const id of ["A", "B", "C"]) {
    const shape = workloads.find((workload) => workload.id === id);
    const good = goodRuns(runs, id, "no-fsync");
    const own = median(good.map(({ result }) => (result ? result.deliveries / result.seconds : 0)));
    const members = (shape?.rooms ?? 1) * (shape?.members ?? 1);
    const read = median(good.map(({ result }) => result?.deliveriesPerRead ?? Number.NaN));
    const perWrite = Math.max(1, Math.round(read || (usualWrite[id] ?? 1)));
    let written: FanOut | undefined;
    await measure(
      `${id}: bare TCP writes, ${members} members, ${perWrite} messages a write`,
      "deliveries/s",
      own,
      async () => {
        written = await fanOutRate(members, perWrite, seconds);
        return written.deliveries;
      },
    );
    if (written !== undefined) data.push({ what: `${id}: writer's CPU`, ...written });
  }
  for (const sync of [false, true]) {
    const good = goodRuns(runs, "D", sync ? "fsync" : "no-fsync");
    const own = median(good.map(({ result }) => result?.latency.p50 ?? Number.NaN));
    const what = `D: a TCP round trip and two JetStream publishes, idle, ${sync ? "fsync" : "no fsync"}`;
    await measure(what, "ms", own, () => idlePath(sync, seconds));
  }
  const joins = median(
    goodRuns(runs, "F", "no-fsync").map(({ result }) =>
      result ? result.joins.count / result.joins.seconds : 0,
    ),
  );
  await measure("F: presence join script, redis-benchmark, 2,000 clients", "joins/s", joins, () =>
    redisJoinRate(2000, 50_000),
  );
  return {
    id: "limits",
    title: "raw limits, and DisRoom's part of them",
    notes: [
      `JetStream publish: a Node.js process that only publishes the same bytes in batches of the size that the run had, ${inFlight} at once; DisRoom publishes every message twice, into its queue and into its room`,
      "bare TCP writes: a Node.js process that only writes to members' sockets, as many messages in a write as the run's generator got in a read",
      "idle: each try by itself, 10 ms after the last; medians",
      "DisRoom's figures are those of this bench's own runs without fsync, or with it where the limit has it; - where the workload was not run",
    ],
    columns: ["limit", "reached by itself", "DisRoom", "ratio"],
    rows,
    failures,
    data,
  };
}

const goodRuns = (runs: LimitsOptions["runs"], id: string, variant: string): Run[] =>
  (runs.get(id) ?? []).filter((run) => run.variant === variant && run.failure === undefined);

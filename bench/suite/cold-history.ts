import { type ColdHistory, measureColdHistory } from "../history/measure.ts";
import { figure } from "../report/numbers.ts";
import type { Section } from "../report/section.ts";

/** G: what a member waits for the history of a room that nobody has looked at since everything was started. */
export async function coldHistory(
  rooms: number,
  messages: number,
  say: (line: string) => void,
): Promise<Section> {
  let result: ColdHistory | undefined;
  const failures: string[] = [];
  try {
    result = await measureColdHistory({ rooms, messages, samples: Math.min(2000, rooms), say });
  } catch (error) {
    failures.push(`G: ${(error as Error).message}`);
  }
  return {
    id: "G",
    title: `cold history, ${messages.toLocaleString("en-US")} messages in ${rooms.toLocaleString("en-US")} rooms, each stored by itself`,
    notes: result === undefined ? [] : [`stored in ${Math.round(result.fillSeconds)} s, without fsync`],
    columns: ["service", "at once", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "rooms asked"],
    rows: (result?.asked ?? []).map(({ sync, clients, latencies }) => [
      `DisRoom, ${sync ? "fsync" : "no fsync"}`,
      String(clients),
      ...[0.5, 0.99, 0.999].map((share) => figure(latencies.percentile(share))),
      figure(latencies.longest),
      String(latencies.count),
    ]),
    failures,
    data: result && {
      fillSeconds: result.fillSeconds,
      asked: result.asked.map(({ sync, clients, latencies }) => ({
        ...{ sync, clients, count: latencies.count, longest: latencies.longest },
        ...{ p50: latencies.percentile(0.5), p99: latencies.percentile(0.99) },
      })),
    },
  };
}

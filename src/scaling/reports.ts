import { createInbox, type NatsConnection } from "@nats-io/transport-node";
import { decodeReport, type Report, type ServerReport, type WorkerReport } from "../chat/report.ts";
import { reportSubject } from "../chat/subjects.ts";

/** How many servers and workers should be there. */
export type Expected = { readonly servers: number; readonly workers: number };

export type Reports = {
  readonly servers: readonly ServerReport[];
  readonly workers: readonly WorkerReport[];
};

/** How long answers are waited for, in milliseconds. A busy server takes a moment, which must not make the lag unknown. */
const patience = 1000;
/** The same once as many have answered as are expected: servers that are about to go still have people and messages. */
const patienceForMore = 25;
/** Whatever answers, it is not kept beyond this. */
const mostReports = 10_000;

/** Asks all servers and workers for their reports; answers what came in time. */
export function gatherReports(connection: NatsConnection, expected: Expected): Promise<Reports> {
  const inbox = createInbox();
  const found = new Map<string, Report>();
  const all = (): Reports => {
    const reports = [...found.values()];
    return {
      servers: reports.filter((report) => report.role === "server"),
      workers: reports.filter((report) => report.role === "worker"),
    };
  };
  return new Promise((resolve) => {
    const answers = connection.subscribe(inbox, {
      callback: (error, message) => {
        const report = error === null ? decodeReport(message.data) : undefined;
        if (report === undefined || found.size >= mostReports) return;
        found.set(report.id, report);
        const { servers, workers } = all();
        if (servers.length < expected.servers || workers.length < expected.workers) return;
        clearTimeout(timer);
        timer = setTimeout(end, patienceForMore);
      },
    });
    const end = (): void => {
      answers.unsubscribe();
      resolve(all());
    };
    let timer = setTimeout(end, patience);
    connection.publish(reportSubject, undefined, { reply: inbox });
  });
}

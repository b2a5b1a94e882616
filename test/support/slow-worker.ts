import { setTimeout as delay } from "node:timers/promises";
import { decodeSections } from "../../src/chat/batch.ts";
import { headers } from "../../src/chat/subjects.ts";
import { runRole } from "../../src/platform/role.ts";
import { readSettings } from "../../src/platform/settings.ts";
import { workerSettings } from "../../src/worker/settings.ts";
import { Worker, workerConnecting } from "../../src/worker/worker.ts";

/**
 * A queue worker whose routing step takes a while for each message, for tests of what more workers are good for:
 * `slow-worker.ts MILLISECONDS worker ...`, with the flags of a worker. It works on one batch at a time.
 */
const [, , milliseconds, , ...args] = process.argv;
const settings = { ...readSettings(workerSettings, args, process.env), slots: 1 };
const start = (context: Parameters<Parameters<typeof runRole>[2]>[0]): Promise<Worker> =>
  Worker.start({
    ...context,
    settings,
    around: (handle) => async (delivery) => {
      const { headers: told, data } = delivery.message;
      const sections = decodeSections(told?.get(headers.sections), data);
      const messages = sections.reduce((sum, section) => sum + section.messages, 0);
      await delay(messages * Number(milliseconds));
      return handle(delivery);
    },
  });
await runRole("worker", settings, start, workerConnecting);

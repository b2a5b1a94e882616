import { once } from "node:events";
import { expect, test } from "vitest";
import type { KubeApi } from "../../../../src/operator/kube/api.ts";
import { KubeApiError } from "../../../../src/operator/kube/api-error.ts";
import { ListWatch } from "../../../../src/operator/kube/list-watch.ts";
import { resources } from "../../../../src/operator/kube/resource.ts";
import type { WatchEvent, WatchOptions } from "../../../../src/operator/kube/watch.ts";
import { eventually } from "../../../support/eventually.ts";
import { recordingLog } from "../../../support/recording-log.ts";

type Events = AsyncGenerator<WatchEvent<never>>;
/** What comes of a watch. */
type Script = (options: WatchOptions) => Events;

/** Watches an API server that does on demand what a real one does seldom; the last script is for all further watches. */
function watchOf(...scripts: Script[]) {
  const requests: string[] = [];
  const { log, lines } = recordingLog();
  let lists = 0;
  const api = {
    async *pages() {
      requests.push("list");
      yield { items: [], resourceVersion: String(++lists * 100) };
    },
    watch(_: unknown, options: WatchOptions): Events {
      requests.push(`watch from ${options.resourceVersion}`);
      const script = scripts.length > 1 ? scripts.shift() : scripts[0];
      return (script as Script)(options);
    },
  } as unknown as KubeApi;
  const watch = new ListWatch({ api, resource: resources.configMaps, log, onChange: () => {} });
  watch.start();
  return { watch, requests, lines };
}

async function* lasts({ signal, onOpen }: WatchOptions): Events {
  yield* [];
  onOpen?.();
  if (signal !== undefined && !signal.aborted) await once(signal, "abort");
  throw signal?.reason;
}

const fails = (error: KubeApiError): Script =>
  async function* () {
    yield* [];
    throw error;
  };
const refusal = (code: number): KubeApiError => KubeApiError.ofAnswer("watch", code, "");

test("goes on from the last bookmark", async () => {
  const { watch, requests } = watchOf(async function* () {
    yield { type: "BOOKMARK", resourceVersion: "123" };
    throw KubeApiError.noAnswer("watch", "Unreachable", "cut");
  }, lasts);
  await eventually(() => watch.isWatching);
  expect(requests).toEqual(["list", "watch from 100", "watch from 123"]);
  await watch.stop();
});

test.each([
  ["no answer", KubeApiError.noAnswer("watch", "Unreachable", "connect ECONNREFUSED"), "watch from 100"],
  ["silence", KubeApiError.noAnswer("watch", "TimedOut", "took longer than 130 s"), "watch from 100"],
  ["too many requests", refusal(429), "watch from 100"],
  ["an old resource version", refusal(410), "list"],
  ["a resource version of the future", refusal(504), "list"],
  ["any other refusal", refusal(403), "list"],
])("after %s, goes on with the right request", async (_, error, next) => {
  const { watch, requests } = watchOf(fails(error), lasts);
  await eventually(() => watch.isWatching);
  expect(requests.slice(0, 3)).toEqual(["list", "watch from 100", next]);
  await watch.stop();
});

test("watches that end at once are a fault, and do not come one after the other without a pause", async () => {
  const { watch, requests, lines } = watchOf(async function* () {
    yield* [];
  });
  await eventually(() => requests.length >= 3);
  expect(requests).toEqual(["list", "watch from 100", "watch from 100"]);
  expect(lines[0]).toMatchObject({ level: "warn", fields: { err: { reason: "Unreachable" } } });
  await watch.stop();
});

test("lists that are forgotten at once do not come one after the other without a pause", async () => {
  const { watch, requests, lines } = watchOf(fails(refusal(410)));
  await eventually(() => lines.length >= 2);
  expect(requests).toEqual(["list", "watch from 100", "list", "watch from 200"]);
  expect(lines.map(({ level }) => level)).toEqual(["info", "warn"]);
  await watch.stop();
});

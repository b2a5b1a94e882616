import { KubeApiError, type Status } from "./api-error.ts";
import { type Call, type KubeClient, parseAnswer, requestOf } from "./client.ts";
import { readLines } from "./lines.ts";
import type { KubeObject } from "./objects.ts";
import { collectionPath, type Resource } from "./resource.ts";
import { TimeLimit } from "./time-limit.ts";

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export type WatchOptions = {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** What has happened after it is told. */
  readonly resourceVersion: string;
  /** When the API server is to end it. */
  readonly timeoutSeconds: number;
  /** How long it may be silent, in milliseconds. */
  readonly silenceLimit: number;
  readonly signal?: AbortSignal | undefined;
  /** Called when the API server has agreed to it. */
  readonly onOpen?: () => void;
};

/** How long it may take until the API server agrees to a watch, in milliseconds. */
const openTimeLimit = 30_000;
/** The largest event. etcd does not store objects of more than 1.5 MiB. */
const maxEventBytes = 8 * 2 ** 20;

/**
 * What happens to objects from now on, until the API server ends it in good order. Everything else is an error: a
 * refusal, one that `isGone` when the resource version is too old, a connection that broke, half an event, silence.
 */
export async function* watch<T>(
  client: KubeClient,
  resource: Resource,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { silenceLimit, signal, onOpen } = options;
  const call: Call = {
    verb: "watch",
    method: "GET",
    path: collectionPath(resource, options.namespace),
    query: {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    },
  };
  const limit = new TimeLimit(openTimeLimit, signal);
  try {
    const answer = await client.open(call, limit.signal);
    onOpen?.();
    const heard = whenHeard(answer, () => limit.restart(silenceLimit));
    for await (const line of readLines(heard, maxEventBytes)) yield eventOf<T>(call, line);
  } catch (error) {
    const explained = client.explained(error, call, limit);
    if (explained instanceof KubeApiError || explained !== error || signal?.aborted) throw explained;
    throw KubeApiError.noAnswer(requestOf(call), "Unreachable", (error as Error).message, error);
  } finally {
    limit.clear();
  }
}

/** `onSign` is called at the beginning and with every chunk. */
async function* whenHeard(answer: AsyncIterable<Buffer>, onSign: () => void): AsyncGenerator<Buffer> {
  onSign();
  for await (const chunk of answer) {
    onSign();
    yield chunk;
  }
}

function eventOf<T>(call: Call, line: string): WatchEvent<T> {
  const event = parseAnswer<{ type: string; object: unknown }>(call, line);
  switch (event.type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type: event.type, object: event.object as T };
    case "BOOKMARK":
      return {
        type: "BOOKMARK",
        resourceVersion: (event.object as KubeObject).metadata.resourceVersion ?? "",
      };
    case "ERROR":
      throw KubeApiError.ofStatus(requestOf(call), event.object as Status);
    default:
      throw KubeApiError.noAnswer(requestOf(call), "AnswerNotUnderstood", `an event of type ${event.type}`);
  }
}

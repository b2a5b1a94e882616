import { randomBytes } from "node:crypto";
import type { Log } from "../../platform/log.ts";
import { within } from "../../platform/within.ts";
import type { KubeApi } from "./api.ts";
import { KubeApiError } from "./api-error.ts";
import type { KubeObject } from "./objects.ts";
import { resources } from "./resource.ts";
import { TokenBucket } from "./token-bucket.ts";

export type EventType = "Normal" | "Warning";

export type EventRecorderSettings = {
  readonly api: KubeApi;
  readonly log: Log;
  /** Who says it: what `kubectl describe` shows under From. */
  readonly component?: string;
  /** Which process of those, such as the name of its pod. */
  readonly instance: string;
  readonly now?: () => number;
};

/** Within this time, in milliseconds, what is said again is counted, not said again. */
const sameWithin = 10 * 60_000;
/** Events of one object and type at once, and how many more a second: as client-go has it. */
const burstPerObject = 25;
const perSecondPerObject = 1 / 300;
/** How many different events and objects are remembered, and how many may wait to be sent. */
const mostRemembered = 4096;
const mostWaiting = 1000;
/** In characters; the API server refuses longer ones. */
const longestMessage = 1024;
const longestReason = 128;

/** Whom an event is about; the object itself is not kept. */
type Involved = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
};

type Series = {
  readonly involved: Involved;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly first: number;
  last: number;
  count: number;
  /** Of the event that the API server has of it. */
  name: string | undefined;
  isWaiting: boolean;
};

/**
 * Tells those who look at an object what became of it. It never throws, and nobody waits for it: events are sent one
 * after the other in the background, and given up where the API server does not take them.
 *
 * They are of the core API (v1). `kubectl describe` shows both this and events.k8s.io/v1, but reads this one, and
 * its count and times are what `kubectl get events`, its sorting, and older tools go by.
 */
export class EventRecorder {
  readonly #settings: EventRecorderSettings;
  readonly #now: () => number;
  /** What was said lately, least lately first. */
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #waiting: Series[] = [];
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;

  constructor(settings: EventRecorderSettings) {
    this.#settings = settings;
    this.#now = settings.now ?? Date.now;
  }

  /** `reason` is one word such as Scaled; `message` is for people. */
  record(object: KubeObject, type: EventType, reason: string, message: string): void {
    if (this.#stop.signal.aborted) return;
    const series = this.#seriesOf(
      object,
      type,
      shortened(reason, longestReason),
      shortened(message, longestMessage),
    );
    if (series.isWaiting || this.#waiting.length >= mostWaiting) return;
    // What is held back is counted all the same, and told with the next one that is not.
    if (!this.#bucketOf(object, type).tryTake()) return;
    series.isWaiting = true;
    this.#waiting.push(series);
    this.#sending ??= this.#send();
  }

  /** Sends what waits, if that does not take longer than `grace` milliseconds. */
  async stop(grace = 2000): Promise<void> {
    if (this.#sending !== undefined) await within(grace, this.#sending);
    this.#stop.abort(new Error("stopped"));
    await this.#sending;
  }

  #seriesOf(object: KubeObject, type: EventType, reason: string, message: string): Series {
    const key = JSON.stringify([idOf(object), type, reason, message]);
    const now = this.#now();
    let series = this.#series.get(key);
    if (series === undefined || now - series.last > sameWithin) {
      series = {
        involved: involvedOf(object),
        type,
        reason,
        message,
        first: now,
        last: now,
        count: 0,
        name: undefined,
        isWaiting: false,
      };
    }
    series.count++;
    series.last = now;
    remember(this.#series, key, series);
    return series;
  }

  /** Warnings have one of their own, so that much ordinary news does not push them out. */
  #bucketOf(object: KubeObject, type: EventType): TokenBucket {
    const id = `${type} ${idOf(object)}`;
    const bucket = this.#buckets.get(id) ?? new TokenBucket(perSecondPerObject, burstPerObject, this.#now);
    remember(this.#buckets, id, bucket);
    return bucket;
  }

  async #send(): Promise<void> {
    // Not in the turn of whoever records it.
    await Promise.resolve();
    for (let series = this.#waiting.shift(); series !== undefined; series = this.#waiting.shift()) {
      series.isWaiting = false;
      if (this.#stop.signal.aborted) continue;
      try {
        await this.#tell(series);
      } catch (error) {
        const { involved, reason, message } = series;
        const about = `${involved.kind} ${involved.name}`;
        if (!this.#stop.signal.aborted) {
          this.#settings.log.warn({ err: error, about, reason, message }, "an event was not taken");
        }
      }
    }
    this.#sending = undefined;
  }

  async #tell(series: Series): Promise<void> {
    const { api } = this.#settings;
    const options = { signal: this.#stop.signal };
    // Events of what is in no namespace are in the namespace default.
    const namespace = series.involved.namespace ?? "default";
    const { count, name } = series;
    const lastTimestamp = timestamp(series.last);
    if (name !== undefined) {
      try {
        await api.mergePatch(resources.events, { namespace, name }, { count, lastTimestamp }, options);
        return;
      } catch (error) {
        // The API server keeps events for an hour.
        if (!(error instanceof KubeApiError) || !error.isNotFound) throw error;
      }
    }
    const event = this.#event(series, namespace);
    await api.create(resources.events, event, options);
    series.name = event.metadata.name;
  }

  #event({ involved, type, reason, message, first, last, count }: Series, namespace: string): KubeObject {
    const { component = "disroom-operator", instance } = this.#settings;
    return {
      apiVersion: "v1",
      kind: "Event",
      // A name of 253 characters is the longest.
      metadata: { namespace, name: `${involved.name.slice(0, 230)}.${randomBytes(8).toString("hex")}` },
      involvedObject: involved,
      type,
      reason,
      message,
      count,
      firstTimestamp: timestamp(first),
      lastTimestamp: timestamp(last),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    };
  }
}

function idOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace ?? ""}/${metadata.name} ${metadata.uid ?? ""}`;
}

function involvedOf({ apiVersion, kind, metadata }: KubeObject): Involved {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}

/** Puts it last, and drops the first where there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= mostRemembered) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

function shortened(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 3)}...`;
}

/** The time of day without fractions, as Kubernetes has it here. */
function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+/, "");
}

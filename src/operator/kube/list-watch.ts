import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../platform/log.ts";
import type { KubeApi, Selection } from "./api.ts";
import { KubeApiError } from "./api-error.ts";
import { backOff } from "./back-off.ts";
import { type KubeObject, keyOf, type ObjectName } from "./objects.ts";
import type { Resource } from "./resource.ts";
import { type Change, Store, type StoreSettings } from "./store.ts";
import type { WatchEvent } from "./watch.ts";

export type ListWatchSettings<T extends KubeObject> = Selection &
  StoreSettings<T> & {
    readonly api: KubeApi;
    readonly resource: Resource;
    readonly log: Log;
    /** Told of every change when the store has it. What it throws ends the process. */
    readonly onChange: (change: Change<T>) => void;
    /** How long a watch may be silent before it is opened anew, in milliseconds. */
    readonly silenceLimit?: number;
    readonly pageSize?: number;
  };

/**
 * The API server sends a bookmark once a minute, also where nothing happens; measured with Kubernetes 1.34, only the
 * first one of a kind of which nothing changed since the API server's start took two. After that long, and a little,
 * nothing will come over this connection any more.
 */
const defaultSilenceLimit = 130_000;
/** Objects that are listed at once: what is not kept of them is garbage, several times as large as the rest. */
const defaultPageSize = 100;
const retryWaits = { first: 250, most: 10_000 };
/** A page as large as the answer may be. */
const allAtOnce = 100_000;
/** What lived for this long, in milliseconds, shows that things are well. */
const wellAfter = 10_000;
/** A watch that ends sooner, in milliseconds, is a fault, though it ended in good order. */
const shortestWatch = 1000;

/**
 * Keeps a copy of the objects of a kind (a reflector with its store): lists them, watches what becomes of them, and
 * goes on after every fault. What a list does not have any more was deleted while nobody watched, and is told as
 * such. Of what changed several times meanwhile, only how it is now is told.
 *
 * Lists are consistent reads, unlike client-go's first one (resourceVersion=0), which may be older than what this
 * program saw before it was restarted: it would undo what it did itself. Since Kubernetes 1.31 both come from the
 * API server's cache.
 */
export class ListWatch<T extends KubeObject = KubeObject> {
  /** Done when the first list is in the store; fails when it is stopped before. */
  readonly synced: Promise<void>;
  readonly #settings: ListWatchSettings<T>;
  readonly #store: Store<T>;
  readonly #stop = new AbortController();
  readonly #sync = Promise.withResolvers<void>();
  #ended: Promise<void> = Promise.resolve();
  #isSynced = false;
  #isWatching = false;
  /** Up to where the store knows everything; undefined when it has to be listed. */
  #resourceVersion: string | undefined;
  #failures = 0;
  /** Whether the log says that it cannot watch. */
  #isInTrouble = false;
  #pageSize: number;

  constructor(settings: ListWatchSettings<T>) {
    this.#settings = settings;
    this.#store = new Store(settings);
    this.#pageSize = settings.pageSize ?? defaultPageSize;
    this.synced = this.#sync.promise;
    // Who does not wait for it need not be told.
    this.synced.catch(() => {});
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Done when nothing will be told any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("stopped"));
    await this.#ended;
    this.#sync.reject(new Error(`watching ${this.#settings.resource.plural} was stopped`));
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Whether changes arrive right now, as far as is known. */
  get isWatching(): boolean {
    return this.#isWatching;
  }

  get size(): number {
    return this.#store.size;
  }

  /** Nobody may change what is handed out here. */
  get(name: ObjectName): T | undefined {
    return this.#store.get(name);
  }

  list(): T[] {
    return this.#store.list();
  }

  inGroup(group: string): T[] {
    return this.#store.inGroup(group);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const began = performance.now();
      const wasWell = (): boolean => performance.now() - began > wellAfter;
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        else await this.#watch(this.#resourceVersion);
        if (wasWell()) this.#failures = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        if (wasWell()) this.#failures = 0;
        await this.#recover(error);
      }
    }
  }

  /** Page by page, so that what is known already is not in memory twice. */
  async #list(): Promise<void> {
    const { api, resource, namespace, labelSelector, fieldSelector } = this.#settings;
    const keys = new Set<string>();
    let resourceVersion: string | undefined;
    const pages = api.pages<T>(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      pageSize: this.#pageSize,
      signal: this.#stop.signal,
    });
    for await (const page of pages) {
      for (const object of page.items) {
        keys.add(keyOf(object.metadata));
        this.#tell(this.#store.put(object));
      }
      resourceVersion = page.resourceVersion;
    }
    this.#tell(this.#store.keepOnly(keys));
    this.#pageSize = this.#settings.pageSize ?? defaultPageSize;
    this.#resourceVersion = resourceVersion;
    this.#isSynced = true;
    this.#sync.resolve();
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { api, resource, namespace, labelSelector, fieldSelector, silenceLimit } = this.#settings;
    const events = api.watch<T>(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion,
      // Not all watches of all clients end at once.
      timeoutSeconds: Math.round(300 + Math.random() * 300),
      silenceLimit: silenceLimit ?? defaultSilenceLimit,
      signal: this.#stop.signal,
      onOpen: () => {
        this.#isWatching = true;
        if (this.#isInTrouble) this.#settings.log.info({ kind: resource.kind }, "watching again");
        this.#isInTrouble = false;
      },
    });
    const began = performance.now();
    try {
      for await (const event of events) this.#take(event);
    } finally {
      this.#isWatching = false;
    }
    if (performance.now() - began < shortestWatch) {
      throw KubeApiError.noAnswer(`watch ${resource.plural}`, "Unreachable", "it ended at once");
    }
  }

  #take(event: WatchEvent<T>): void {
    if (event.type === "BOOKMARK") {
      this.#resourceVersion = event.resourceVersion;
      return;
    }
    const { object } = event;
    this.#tell(event.type === "DELETED" ? this.#store.delete(object) : this.#store.put(object));
    this.#resourceVersion = object.metadata.resourceVersion;
  }

  /** Decides from where to go on. */
  async #recover(error: unknown): Promise<void> {
    const { log, resource } = this.#settings;
    if (!(error instanceof KubeApiError)) throw error;
    // Going through the pages took longer than the API server remembers: all at once, then.
    if (this.#resourceVersion === undefined && error.isGone) this.#pageSize = allAtOnce;
    // Where nothing was answered, or the API server has too much to do, the watch goes on from where it was. Any
    // other refusal is about where it was: also after etcd was put back to an earlier state.
    if (!error.isNoAnswer && error.code !== 429) this.#resourceVersion = undefined;
    this.#failures++;
    // What was forgotten is not a fault: it is listed at once, but not again and again.
    if (error.isGone && this.#failures === 1) {
      log.info({ kind: resource.kind }, "the API server has forgotten what was seen last, listing anew");
      return;
    }
    if (!this.#isInTrouble) log.warn({ err: error, kind: resource.kind }, "cannot watch, trying again");
    this.#isInTrouble = true;
    const wait = Math.max(backOff(retryWaits, this.#failures), error.retryAfter ?? 0);
    await delay(wait, undefined, { signal: this.#stop.signal }).catch(() => {});
  }

  #tell(changes: readonly Change<T>[]): void {
    for (const change of changes) {
      try {
        this.#settings.onChange(change);
      } catch (error) {
        // It is not to be taken for a fault of the watch.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}

import { KubeApiError } from "./api-error.ts";
import { KubeClient, type KubeClientSettings, type RequestOptions } from "./client.ts";
import type { KubeObject, ObjectMeta, ObjectName } from "./objects.ts";
import { apiVersionOf, collectionPath, objectPath, type Resource, versionPath } from "./resource.ts";
import { type WatchEvent, type WatchOptions, watch } from "./watch.ts";

export type KubeApiSettings = KubeClientSettings & {
  /** Who owns the fields that are applied. */
  readonly fieldManager?: string;
};

export type Selection = {
  /** Without it, all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
};

export type Page<T> = { readonly items: readonly T[]; readonly resourceVersion: string };

export type DeleteOptions = RequestOptions & {
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  /** It is deleted only if it is still this one. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
};

const defaultPageSize = 500;

/**
 * Talks to the API server about any kind of object. It does not know what an object has inside: what is read is
 * what is on the wire, so that no field gets lost between reading and writing.
 */
export class KubeApi {
  readonly #client: KubeClient;
  readonly #fieldManager: string;

  constructor(settings: KubeApiSettings) {
    this.#client = new KubeClient(settings);
    this.#fieldManager = settings.fieldManager ?? "disroom-operator";
  }

  async get<T = KubeObject>(resource: Resource, name: ObjectName, options: RequestOptions = {}): Promise<T> {
    return this.#client.call({ ...options, verb: "get", method: "GET", path: objectPath(resource, name) });
  }

  /** All objects that were there at one moment. */
  async list<T = KubeObject>(
    resource: Resource,
    options: Selection & RequestOptions & { readonly pageSize?: number | undefined } = {},
  ): Promise<Page<T>> {
    const items: T[] = [];
    let resourceVersion = "";
    for await (const page of this.pages<T>(resource, options)) {
      for (const item of page.items) items.push(item);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  /**
   * The same in pages, so that not all are in memory twice. All pages are of one moment; where going through them
   * takes longer than the API server remembers it, an error that `isGone` ends it.
   */
  async *pages<T = KubeObject>(
    resource: Resource,
    {
      namespace,
      labelSelector,
      fieldSelector,
      pageSize,
      ...options
    }: Selection & RequestOptions & { readonly pageSize?: number | undefined },
  ): AsyncGenerator<Page<T>> {
    let limit = pageSize ?? defaultPageSize;
    let next: string | undefined;
    for (;;) {
      let answer: ListAnswer;
      try {
        answer = await this.#client.call<ListAnswer>({
          ...options,
          verb: "list",
          method: "GET",
          path: collectionPath(resource, namespace),
          query: { labelSelector, fieldSelector, limit: String(limit), continue: next },
        });
      } catch (error) {
        if (!(error instanceof KubeApiError) || error.reason !== "AnswerTooLarge" || limit === 1) throw error;
        // Large objects: fewer of them at a time.
        limit = Math.ceil(limit / 4);
        continue;
      }
      const { metadata, items } = answer;
      // The API server leaves out what all have in common.
      const common = { apiVersion: apiVersionOf(resource), kind: resource.kind };
      yield {
        items: (items ?? []).map((item) => ({ ...common, ...item }) as T),
        resourceVersion: metadata.resourceVersion,
      };
      next = metadata.continue || undefined;
      if (next === undefined) return;
    }
  }

  async create<T = KubeObject>(
    resource: Resource,
    object: SentObject,
    options: RequestOptions = {},
  ): Promise<T> {
    const path = collectionPath(resource, namespaceOf(resource, object));
    return this.#client.call({
      ...options,
      verb: "create",
      method: "POST",
      path,
      query: { fieldManager: this.#fieldManager },
      body: object,
    });
  }

  /**
   * Server-side apply: makes the object have the fields that are given, and takes those away that were given
   * the last time and are not any more. With `force`, also fields that somebody else has set.
   */
  async apply<T = KubeObject>(
    resource: Resource,
    object: SentObject,
    {
      subresource,
      force = true,
      fieldManager = this.#fieldManager,
      ...options
    }: RequestOptions & {
      readonly subresource?: "status" | "scale";
      readonly force?: boolean;
      readonly fieldManager?: string;
    } = {},
  ): Promise<T> {
    const { name } = object.metadata;
    return this.#client.call({
      ...options,
      verb: "apply",
      method: "PATCH",
      path: objectPath(resource, { name, namespace: namespaceOf(resource, object) }, subresource),
      query: { fieldManager, force: String(force) },
      body: object,
      // JSON is YAML.
      contentType: "application/apply-patch+yaml",
    });
  }

  /** Changes the fields that are given; with metadata.resourceVersion, only if nobody was quicker. */
  async mergePatch<T = KubeObject>(
    resource: Resource,
    name: ObjectName,
    patch: object,
    { subresource, ...options }: RequestOptions & { readonly subresource?: "status" | "scale" } = {},
  ): Promise<T> {
    return this.#client.call({
      ...options,
      verb: "patch",
      method: "PATCH",
      path: objectPath(resource, name, subresource),
      query: { fieldManager: this.#fieldManager },
      body: patch,
      contentType: "application/merge-patch+json",
    });
  }

  async delete(
    resource: Resource,
    name: ObjectName,
    { propagationPolicy, preconditions, ...options }: DeleteOptions = {},
  ): Promise<void> {
    await this.#client.call({
      ...options,
      verb: "delete",
      method: "DELETE",
      path: objectPath(resource, name),
      body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy, preconditions },
    });
  }

  /** What happens to objects from now on (`watch.ts`). */
  watch<T = KubeObject>(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    return watch<T>(this.#client, resource, options);
  }

  /** The kinds that the API server serves of a version of a group: none where it does not know the version. */
  async kinds(
    { group, version }: Pick<Resource, "group" | "version">,
    options: RequestOptions = {},
  ): Promise<ReadonlySet<string>> {
    try {
      const path = versionPath({ group, version });
      const { resources } = await this.#client.call<{ resources: readonly { name: string; kind: string }[] }>(
        {
          ...options,
          verb: "get",
          method: "GET",
          path,
        },
      );
      // Subresources are listed, too: chatclusters/scale.
      return new Set(resources.filter(({ name }) => !name.includes("/")).map(({ kind }) => kind));
    } catch (error) {
      if (error instanceof KubeApiError && error.isNotFound) return new Set();
      throw error;
    }
  }

  /** Ends its connections. */
  close(): void {
    this.#client.close();
  }
}

/** What is sent: a whole object, or the part of one that matters. */
export type SentObject = {
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
};

type ListAnswer = {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly object[] | null;
};

function namespaceOf(resource: Resource, { metadata }: SentObject): string | undefined {
  if (resource.namespaced && metadata.namespace === undefined) {
    throw new Error(`the ${resource.kind} ${metadata.name} is given without its namespace`);
  }
  return metadata.namespace;
}

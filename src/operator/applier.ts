import { hash as oneShotHash } from "node:crypto";
import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import { type KubeObject, keyOf } from "./kube/objects.ts";
import type { Resource } from "./kube/resource.ts";
import { stableText } from "./stable-text.ts";

/** Says what an object was made from when it was applied last. */
const appliedAnnotation = "disroom.io/applied";

/** What became of an object that is wanted. */
export type Applied = "created" | "changed" | "unchanged";

/**
 * Makes objects be as they are wanted, and writes nothing where they are. An object is right when it was applied from
 * the same text and still has all that was in it: what the API server or others have added does not count. Where the
 * API server writes a value differently (500m for 0.5), that shows as a difference; so after an apply is remembered what
 * came of it, and the same is not applied to it again.
 */
export class Applier {
  readonly #api: KubeApi;
  /** By uid, what an object was like after it was applied, and from what. */
  readonly #outcomes = new Map<string, string>();
  /** What objects as they were seen were found to be right for: to compare the same again and again costs the most. */
  readonly #found = new WeakMap<KubeObject, string>();

  constructor(api: KubeApi) {
    this.#api = api;
  }

  /** Makes an object that must not be there yet. @throws KubeApiError `isAlreadyExists` where it is */
  async create(resource: Resource, wanted: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    const marked = withAnnotation(wanted, hash(wanted));
    const created = await this.#api.create<KubeObject>(resource, marked, { signal });
    this.#outcomes.set(idOf(created), outcomeOf(marked, created));
    return created;
  }

  /** `existing`: the object as it was seen last, if it was. */
  async apply(
    resource: Resource,
    wanted: KubeObject,
    existing: KubeObject | undefined,
    signal: AbortSignal,
  ): Promise<Applied> {
    const given = digest(JSON.stringify(wanted));
    if (existing !== undefined && this.#found.get(existing) === given) return "unchanged";
    const marked = withAnnotation(wanted, hash(wanted));
    if (existing !== undefined && this.#isRight(marked, existing)) {
      this.#found.set(existing, given);
      return "unchanged";
    }
    const applied =
      existing === undefined
        ? await this.#applyUnseen(resource, marked, signal)
        : await this.#api.apply(resource, marked, { signal });
    const outcome = outcomeOf(marked, applied);
    const isKnown = this.#outcomes.get(idOf(applied)) === outcome;
    this.#outcomes.set(idOf(applied), outcome);
    // That it was made before has not been seen yet.
    if (existing === undefined) return isKnown ? "unchanged" : "created";
    return contentOf(existing) === contentOf(applied) ? "unchanged" : "changed";
  }

  /** The object is gone. */
  forget(object: KubeObject): void {
    this.#outcomes.delete(idOf(object));
  }

  /**
   * What was not seen has no label of a ChatCluster: if it is there, it may well be somebody else's. Fields that others
   * have set are taken only where its owner is the one that it is to have, and somebody has changed its labels.
   */
  async #applyUnseen(resource: Resource, wanted: KubeObject, signal: AbortSignal): Promise<KubeObject> {
    try {
      return await this.#api.apply(resource, wanted, { force: false, signal });
    } catch (error) {
      if (!(error instanceof KubeApiError && error.isConflict)) throw error;
      const there = await this.#api.get(resource, wanted.metadata, { signal });
      if (!haveOneOwner(there, wanted)) throw error;
      return this.#api.apply(resource, wanted, { signal });
    }
  }

  #isRight(wanted: KubeObject, existing: KubeObject): boolean {
    return contains(existing, wanted) || this.#outcomes.get(idOf(existing)) === outcomeOf(wanted, existing);
  }
}

function haveOneOwner({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  const owners = new Set(one.ownerReferences?.map(({ uid }) => uid));
  return other.ownerReferences?.some(({ uid }) => owners.has(uid)) ?? false;
}

function idOf({ metadata }: KubeObject): string {
  return metadata.uid ?? keyOf(metadata);
}

function outcomeOf(wanted: KubeObject, object: KubeObject): string {
  return hash([wanted, contentOf(object)]);
}

/** All of it that is not a report of others. */
function contentOf({ metadata, status: _status, ...content }: KubeObject): string {
  const { labels, annotations, ownerReferences, finalizers } = metadata;
  return hash([content, labels, annotations, ownerReferences, finalizers]);
}

function withAnnotation(object: KubeObject, applied: string): KubeObject {
  const { metadata } = object;
  const annotations = { ...metadata.annotations, [appliedAnnotation]: applied };
  return { ...object, metadata: { ...metadata, annotations } };
}

/** Whether all that `wanted` has is in `existing`, at every depth. */
function contains(existing: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return existing === wanted;
  if (typeof existing !== "object" || existing === null) return false;
  if (Array.isArray(wanted) && wanted.length !== (existing as unknown[]).length) return false;
  return Object.entries(wanted).every(([key, value]) =>
    contains((existing as Record<string, unknown>)[key], value),
  );
}

function hash(value: unknown): string {
  return digest(stableText(value));
}

function digest(text: string): string {
  return oneShotHash("sha256", text).slice(0, 32);
}

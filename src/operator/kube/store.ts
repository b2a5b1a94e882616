import { type KubeObject, keyOf, type ObjectName } from "./objects.ts";

export type Change<T> =
  | { readonly type: "added"; readonly object: T; readonly old: undefined }
  | { readonly type: "changed"; readonly object: T; readonly old: T }
  | { readonly type: "deleted"; readonly object: T; readonly old: undefined };

/** The objects of a kind as they were last seen, by name and by owner. Nobody may change what it hands out. */
export class Store<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  /** Keys of what an owner has, by the owner's uid. */
  readonly #owned = new Map<string, Set<string>>();

  get size(): number {
    return this.#objects.size;
  }

  get(name: ObjectName): T | undefined {
    return this.#objects.get(keyOf(name));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  byOwner(uid: string): T[] {
    const keys = this.#owned.get(uid) ?? [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Takes in what was seen; the result is what that changes. */
  put(seen: T): Change<T>[] {
    const object = withoutManagedFields(seen);
    const key = keyOf(object.metadata);
    const old = this.#objects.get(key);
    if (old?.metadata.resourceVersion === object.metadata.resourceVersion && old !== undefined) return [];
    if (old !== undefined) this.#forget(key, old);
    this.#remember(key, object);
    if (old === undefined) return [{ type: "added", object, old }];
    // Another object of the same name: that the one before it went was not seen.
    if (old.metadata.uid !== object.metadata.uid) {
      return [
        { type: "deleted", object: old, old: undefined },
        { type: "added", object, old: undefined },
      ];
    }
    return [{ type: "changed", object, old }];
  }

  /** Takes out what was seen to go. */
  delete(seen: T): Change<T>[] {
    const key = keyOf(seen.metadata);
    const old = this.#objects.get(key);
    if (old === undefined) return [];
    this.#forget(key, old);
    return [{ type: "deleted", object: withoutManagedFields(seen), old: undefined }];
  }

  /** Takes out all but those of these keys. */
  keepOnly(keys: ReadonlySet<string>): Change<T>[] {
    return [...this.#objects].flatMap(([key, object]) => (keys.has(key) ? [] : this.delete(object)));
  }

  #remember(key: string, object: T): void {
    this.#objects.set(key, object);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const keys = this.#owned.get(uid) ?? new Set();
      this.#owned.set(uid, keys.add(key));
    }
  }

  #forget(key: string, object: T): void {
    this.#objects.delete(key);
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const keys = this.#owned.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#owned.delete(uid);
    }
  }
}

/** They say who set which field, are often larger than all the rest, and are of no use to a controller. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

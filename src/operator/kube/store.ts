import { type KubeObject, keyOf, type ObjectName } from "./objects.ts";
import { sharing } from "./sharing.ts";

export type Change<T> =
  | { readonly type: "added"; readonly object: T; readonly old: undefined }
  | { readonly type: "changed"; readonly object: T; readonly old: T }
  | { readonly type: "deleted"; readonly object: T; readonly old: undefined };

export type StoreSettings<T> = {
  /** What of an object is kept; all but who set which field unless given. Its metadata must stay. */
  readonly reduce?: ((object: T) => T) | undefined;
  /** What objects can be found by, besides their names. */
  readonly groupOf?: ((object: T) => string | undefined) | undefined;
  /** Which objects are so much alike that they share what they have in common; without it, all of them. */
  readonly alike?: ((object: T) => string | undefined) | undefined;
};

/** The objects of a kind as they were last seen, by name and by group. Nobody may change what it hands out. */
export class Store<T extends KubeObject> {
  readonly #settings: StoreSettings<T>;
  readonly #objects = new Map<string, T>();
  /** Keys of what is in a group. */
  readonly #groups = new Map<string, Set<string>>();
  /** The last one of those that are alike. */
  readonly #examples = new Map<string | undefined, T>();

  constructor(settings: StoreSettings<T> = {}) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(name: ObjectName): T | undefined {
    return this.#objects.get(keyOf(name));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  inGroup(group: string): T[] {
    const keys = this.#groups.get(group) ?? [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Takes in what was seen, which is the store's from now on; the result is what that changes. */
  put(seen: T): Change<T>[] {
    const key = keyOf(seen.metadata);
    const old = this.#objects.get(key);
    if (old !== undefined && old.metadata.resourceVersion === seen.metadata.resourceVersion) return [];
    const object = this.#shared(this.#kept(seen));
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
    return [{ type: "deleted", object: this.#kept(seen), old: undefined }];
  }

  /** Takes out all but those of these keys. */
  keepOnly(keys: ReadonlySet<string>): Change<T>[] {
    return [...this.#objects].flatMap(([key, object]) => (keys.has(key) ? [] : this.delete(object)));
  }

  #kept(seen: T): T {
    const object = withoutManagedFields(seen);
    return this.#settings.reduce?.(object) ?? object;
  }

  #shared(object: T): T {
    const likeness = this.#settings.alike?.(object);
    const shared = sharing(object, this.#examples.get(likeness));
    this.#examples.set(likeness, shared);
    return shared;
  }

  #remember(key: string, object: T): void {
    this.#objects.set(key, object);
    const group = this.#settings.groupOf?.(object);
    if (group === undefined) return;
    const keys = this.#groups.get(group) ?? new Set();
    this.#groups.set(group, keys.add(key));
  }

  #forget(key: string, object: T): void {
    this.#objects.delete(key);
    const group = this.#settings.groupOf?.(object);
    if (group === undefined) return;
    const keys = this.#groups.get(group);
    keys?.delete(key);
    if (keys?.size === 0) this.#groups.delete(group);
  }
}

/** They say who set which field, are often larger than all the rest, and are of no use to a controller. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

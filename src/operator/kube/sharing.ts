/**
 * Takes from `example` whatever `object` has alike at the same place, so that it is in memory once: objects of one kind
 * mostly differ in their names. It changes `object`, which nobody else may have yet; the result is to be used in its
 * place.
 */
export function sharing<T>(object: T, example: unknown): T {
  return shared(object, example) as T;
}

function shared(object: unknown, example: unknown): unknown {
  if (object === example) return example;
  if (!isObject(object) || !isObject(example) || Array.isArray(object) !== Array.isArray(example))
    return object;
  const keys = Object.keys(object);
  let isSame = keys.length === Object.keys(example).length;
  for (const key of keys) {
    const value = shared(object[key], example[key]);
    object[key] = value;
    isSame &&= value === example[key] && Object.hasOwn(example, key);
  }
  return isSame ? example : object;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

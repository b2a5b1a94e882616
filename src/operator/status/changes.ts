/** An object that was made or changed. */
export type ChangedObject = { readonly kind: string; readonly name: string };

/** More than these are counted, not named. */
const mostNamed = 5;

/** `Secret demo-nats, StatefulSet demo-nats`; of many, `14 objects: 2 Deployments, 3 Secrets, ...`. */
export function objectsText(objects: readonly ChangedObject[]): string {
  if (objects.length <= mostNamed) return objects.map(({ kind, name }) => `${kind} ${name}`).join(", ");
  const counts = new Map<string, number>();
  for (const { kind } of objects) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([kind, n]) => counted(n, kind));
  return `${objects.length} objects: ${kinds.join(", ")}`;
}

/** `ChatIngress, ChatRooms, 16 consumers`: streams by name, consumers by number. */
export function streamsText(names: readonly string[], isConsumer: (name: string) => boolean): string {
  const consumers = names.filter(isConsumer).length;
  const streams = names.filter((name) => !isConsumer(name));
  return [...streams, ...(consumers > 0 ? [counted(consumers, "consumer")] : [])].join(", ");
}

function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

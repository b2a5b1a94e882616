/** What the members of a room are told. `session` is the one that caused it, where one did. */
export type PresenceEvent = { kind: "joined" | "left"; room: string; user: string; session?: string };

/** Reads what was published to a room's channel; undefined when it is no presence event. */
export function parsePresenceEvent(room: string, text: string): PresenceEvent | undefined {
  let given: Partial<PresenceEvent> | null;
  try {
    given = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { kind, user, session } = given ?? {};
  if ((kind !== "joined" && kind !== "left") || typeof user !== "string") return undefined;
  return { kind, room, user, ...(typeof session === "string" ? { session } : {}) };
}

/** Room ids that the subjects below `room.` need for themselves. */
const reservedRooms: ReadonlySet<string> = new Set(["global_messages"]);

/** Why `id` cannot be a room id, in plain words; undefined if it can. */
export function roomIdProblem(id: string): string | undefined {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) return "a room id is 1 to 64 letters, digits, _ or -";
  if (reservedRooms.has(id)) return `the room id ${id} is reserved`;
  return undefined;
}

/** Why `id` cannot be a user id, in plain words; undefined if it can. */
export function userIdProblem(id: string): string | undefined {
  return /^[A-Za-z0-9_.-]{1,32}$/.test(id) ? undefined : "a user id is 1 to 32 letters, digits, _ . or -";
}

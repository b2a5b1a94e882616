/** Who is in which room on this server, and with which sessions. This is the truth; Redis only reflects it. */
export class LocalSessions {
  /** By room and user. Hardly anyone has more than one, and a set costs more than all else of it. */
  readonly #rooms = new Map<string, Map<string, string | Set<string>>>();

  has(room: string, user: string): boolean {
    return this.#rooms.get(room)?.has(user) ?? false;
  }

  /** True if the user was not in the room before. */
  add(room: string, user: string, session: string): boolean {
    const users = this.#rooms.get(room) ?? new Map<string, string | Set<string>>();
    if (users.size === 0) this.#rooms.set(room, users);
    const sessions = users.get(user);
    if (sessions === undefined) users.set(user, session);
    else if (typeof sessions === "string") users.set(user, new Set([sessions, session]));
    else sessions.add(session);
    return sessions === undefined;
  }

  /** True if the user left the room with this session. */
  remove(room: string, user: string, session: string): boolean {
    const users = this.#rooms.get(room);
    const sessions = users?.get(user);
    if (users === undefined || sessions === undefined) return false;
    if (typeof sessions === "string") {
      if (sessions !== session) return false;
    } else if (!sessions.delete(session) || sessions.size > 0) return false;
    users.delete(user);
    if (users.size === 0) this.#rooms.delete(room);
    return true;
  }

  *users(): Generator<[room: string, user: string]> {
    for (const [room, users] of this.#rooms) for (const user of users.keys()) yield [room, user];
  }
}

import fc from "fast-check";
import { expect, it } from "vitest";
import { LocalSessions } from "../../../src/server/presence/local-sessions.ts";

it("knows who is where, and with which change that begins and ends", () => {
  const change = fc.record({
    add: fc.boolean(),
    room: fc.constantFrom("general", "other"),
    user: fc.constantFrom("alice", "bob"),
    session: fc.constantFrom("1", "2", "3"),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const sessions = new LocalSessions();
      const model = new Map<string, Set<string>>();
      for (const { add, room, user, session } of changes) {
        const id = `${room}/${user}`;
        const known = model.get(id) ?? new Set<string>();
        const before = known.size;
        if (add) known.add(session);
        else known.delete(session);
        model.set(id, known);
        if (add) expect(sessions.add(room, user, session)).toBe(before === 0);
        else expect(sessions.remove(room, user, session)).toBe(before > 0 && known.size === 0);
        expect(sessions.has(room, user)).toBe(known.size > 0);
      }
      const expected = [...model].filter(([, { size }]) => size > 0).map(([id]) => id);
      expect([...sessions.users()].map((user) => user.join("/")).sort()).toEqual(expected.sort());
    }),
  );
});

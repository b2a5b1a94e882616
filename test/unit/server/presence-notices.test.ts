import { expect, it } from "vitest";
import { PresenceNotices } from "../../../src/server/presence-notices.ts";
import type { Member } from "../../../src/server/room.ts";
import { eventually } from "../../support/eventually.ts";

class Watcher implements Member {
  readonly writes: string[] = [];
  write(data: Buffer): void {
    this.writes.push(data.toString());
  }
}

function rooms(...names: string[]) {
  const sessions = new Map<string, Watcher>();
  const members = new Map(names.map((name) => [name, new Set<Watcher>()]));
  const notices = new PresenceNotices({
    membersOf: (room) => members.get(room) ?? [],
    sessionOf: (id) => sessions.get(id),
  });
  const member = (room: string, id: string): Watcher => {
    const watcher = new Watcher();
    sessions.set(id, watcher);
    members.get(room)?.add(watcher);
    return watcher;
  };
  return { notices, member };
}

const afterThisTurn = () => new Promise((resolve) => setImmediate(resolve));

it("all that comes at once goes to each member in one write, in order, less what it caused itself", async () => {
  const { notices, member } = rooms("general", "other");
  const [alice, bob, carol] = [member("general", "1"), member("general", "2"), member("general", "3")];
  const dave = member("other", "4");
  notices.add({ kind: "joined", room: "general", user: "alice", session: "1" });
  notices.add({ kind: "joined", room: "other", user: "dave", session: "4" });
  notices.add({ kind: "joined", room: "general", user: "bob", session: "2" });
  notices.add({ kind: "left", room: "general", user: "erin" });
  await afterThisTurn();
  expect(carol.writes).toEqual(["* alice joined general\n* bob joined general\n* erin left general\n"]);
  expect(alice.writes).toEqual(["* bob joined general\n* erin left general\n"]);
  expect(bob.writes).toEqual(["* alice joined general\n* erin left general\n"]);
  expect(dave.writes).toEqual([]);
});

it("what follows soon is gathered, and told a little later", async () => {
  const { notices, member } = rooms("general", "other");
  const [alice, carol] = [member("general", "1"), member("other", "2")];
  const bob = { room: "general", user: "bob", session: "elsewhere" };
  notices.add({ kind: "joined", ...bob });
  await afterThisTurn();
  notices.add({ kind: "left", ...bob });
  notices.add({ kind: "joined", ...bob });
  notices.add({ kind: "joined", ...bob, room: "other" });
  notices.add({ kind: "joined", ...bob, room: "nobody-here" });
  await afterThisTurn();
  expect(alice.writes).toEqual(["* bob joined general\n"]);
  // A room is not kept waiting by another.
  expect(carol.writes).toEqual(["* bob joined other\n"]);
  await eventually(() => alice.writes.length > 1);
  expect(alice.writes.slice(1)).toEqual(["* bob left general\n* bob joined general\n"]);
});

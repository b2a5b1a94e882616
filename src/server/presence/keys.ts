/** The members of a room: a set of user ids. Others may read it. */
export const usersKey = (room: string): string => `room:${room}:users`;

/** The pub/sub channel on which a room's members are told who joined and who left. */
export const eventsChannel = (room: string): string => `room:${room}:presence`;

export const roomOfEventsChannel = (channel: string): string =>
  channel.slice("room:".length, -":presence".length);

/** A random text that is lost with everything else when Redis comes back empty. */
export const epochKey = "disroom:epoch";

/** Hash: incarnation of a server that holds users -> the renewal of its lease with which it (re)appeared. */
export const serversKey = "disroom:servers";

/** Set: the graves that are not empty yet. */
export const gravesKey = "disroom:graves";

/** A server's lease: a key that lives as long as the server renews it. */
export const leaseKey = (incarnation: string): string => `disroom:server:${incarnation}:lease`;

/** Set: what a server holds, one `holding` for each user with a session on it. */
export const holdingsKey = (incarnation: string): string => `disroom:server:${incarnation}:holdings`;

/** Set: what is still to be taken away of what a dead server held. */
export const graveKey = (grave: string): string => `disroom:grave:${grave}`;

/** One user in one room, as it stands in a server's holdings. Neither id can contain the slash. */
export const holding = (room: string, user: string): string => `${room}/${user}`;

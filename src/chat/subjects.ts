/** Streams, subjects and headers: the names that servers, workers and the control plane share. */

/** The work queue: batches of accepted messages that wait to be stored in their rooms. */
export const ingressStream = "ChatIngress";
/** The room log: every room's messages, for as long as retention keeps them. */
export const roomsStream = "ChatRooms";
/** What could not be routed or read, set aside for a person to look at. */
export const deadLetterStream = "ChatDeadLetters";

export const ingressSubject = (partition: number): string => `room.global_messages.${partition}`;
export const ingressSubjects = "room.global_messages.*";

export const roomSubject = (room: string): string => `room.${room}`;
export const roomSubjects = "room.*";

/** Where ChatRooms republishes what it has just stored. */
export const liveSubject = (room: string): string => `live.${room}`;
export const liveSubjectTemplate = "live.{{wildcard(1)}}";

/** `origin` says what set the message aside: `queue` (a worker) or `rooms` (a server). */
export const deadLetterSubject = (origin: "queue" | "rooms"): string => `deadletter.${origin}`;
export const deadLetterSubjects = "deadletter.*";

/** The durable consumer of a partition. */
export const consumerName = (partition: number): string => `message-processor-${partition}`;

/** Where a worker says which batch of a server incarnation it has stored; see StoredNotice. */
export const storedSubject = (incarnation: string): string => `stored.${incarnation}`;
export const storedSubjects = "stored.*";

/** Where all servers and workers are asked what waits in them and how busy they are; see Report. */
export const reportSubject = "report";

/** Metadata of ChatIngress: the partition count that all roles must agree on. */
export const partitionsMetadata = "disroom.io/partitions";

export const headers = {
  /** `<incarnation>.<partition>.<counter>` */
  batch: "Disroom-Batch",
  /** When the server formed the batch, in milliseconds since the epoch by the server's clock. */
  created: "Disroom-Created",
  /** Which bytes of a batch belong to which room; see encodeSections. */
  sections: "Disroom-Sections",
  /** The latest counter that a room has from each producer; see encodeProducers. */
  producers: "Disroom-Producers",
  /** Which sections of the room came before; see encodeEarlier. */
  earlier: "Disroom-Earlier",
  /** Why a dead letter was set aside. */
  reason: "Disroom-Reason",
} as const;

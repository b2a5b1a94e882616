import { jetstreamManager } from "@nats-io/jetstream";
import { newIncarnation } from "../chat/batch.ts";
import { setAside } from "../chat/dead-letters.ts";
import { agreeOnPartitions } from "../chat/partition-count.ts";
import { answerReports } from "../chat/report.ts";
import { RoomLog, type StoredSection } from "../chat/room-log.ts";
import { decodeStoredNotice, type StoredNotice } from "../chat/stored-notice.ts";
import { roomSubject, storedSubject } from "../chat/subjects.ts";
import { subscribe } from "../platform/nats.ts";
import { Requests } from "../platform/requests.ts";
import type { RoleContext } from "../platform/role.ts";
import type { ValuesOf } from "../platform/settings.ts";
import { within } from "../platform/within.ts";
import { History } from "./history.ts";
import { JoinTimeout } from "./join-timeout.ts";
import { Listener } from "./listener.ts";
import { serverMetrics } from "./metrics.ts";
import { attemptTimeout } from "./partition-publisher.ts";
import { Presence } from "./presence/presence.ts";
import { PresenceNotices } from "./presence-notices.ts";
import { Publisher } from "./publisher.ts";
import { liveDelay, Rooms } from "./rooms.ts";
import { Session, type SessionOptions } from "./session.ts";
import type { serverSettings } from "./settings.ts";

/**
 * How long a stopping server waits for its clients to close, in milliseconds: a connection that is closed over
 * what a client still sends is reset, and the client may never read the goodbye.
 */
const goodbyeTime = 1000;

/** A chat server: accepts connections, takes messages to the queue, and hands rooms' messages to members. */
export class Server {
  readonly #sessions = new Map<string, Session>();
  readonly #incarnation = newIncarnation();
  readonly #context: RoleContext;
  readonly #rooms: Rooms;
  readonly #publisher: Publisher;
  readonly #presence: Presence;
  readonly #joinTimeout: JoinTimeout<Session>;
  readonly #counted;
  readonly #shutdownGrace: number;
  #nextSession = 0;
  #listener: Listener | undefined;

  private constructor(context: RoleContext, settings: ValuesOf<typeof serverSettings>, log: RoomLog) {
    const { connection, metrics, log: logger } = context;
    this.#context = context;
    this.#shutdownGrace = settings.shutdownGrace;
    this.#counted = serverMetrics(metrics);
    this.#publisher = new Publisher(settings.partitions, {
      requests: new Requests(connection, attemptTimeout),
      incarnation: this.#incarnation,
      bufferBytes: settings.partitionBufferBytes,
      sendTimeout: settings.sendTimeout,
      metrics: this.#counted,
      log: logger,
    });
    this.#rooms = new Rooms({
      connection,
      log,
      logger,
      metrics: this.#counted,
      checkInterval: settings.roomCheckInterval,
      onDelivered: (batch, room) => {
        if (batch.producer === this.#incarnation)
          this.#publisher.stored(batch.partition, batch.counter, room);
      },
      onOpened: (room) => this.#presence.watch(room),
      onClosed: (room) => this.#presence.unwatch(room),
      onForeign: (room, section) => void this.#setAside(room, section),
    });
    this.#joinTimeout = new JoinTimeout(settings.joinTimeout);
    const notices = new PresenceNotices({
      membersOf: (room) => this.#rooms.get(room)?.members ?? [],
      sessionOf: (id) => this.#sessions.get(id),
    });
    this.#presence = new Presence({
      redisUrl: settings.redisUrl,
      incarnation: this.#incarnation,
      leaseMilliseconds: settings.presenceLease,
      log: logger,
      metrics,
      onEvent: (event) => notices.add(event),
    });
    subscribe(connection, storedSubject(this.#incarnation), (message) => {
      const notice = decodeStoredNotice(message.string());
      if (notice !== undefined) this.#noticed(notice);
    });
    answerReports(connection, () => ({
      role: "server",
      id: this.#incarnation,
      connections: this.#listener?.connections ?? 0,
      oldestSeconds: this.#publisher.lagSeconds(),
      waitingBytes: this.#publisher.unqueuedBytes,
    }));
    metrics.gauge("rooms", "Rooms with members on this server", () => this.#rooms.size);
    metrics.gauge("connections", "Open chat connections", () => this.#listener?.connections ?? 0);
    metrics.gauge(
      "buffer_bytes",
      "Bytes of accepted messages that are not stored yet",
      () => this.#publisher.bytes,
    );
    metrics.gauge("buffer_lag_seconds", "Age of the oldest accepted message that is not stored yet", () =>
      this.#publisher.lagSeconds(),
    );
  }

  static async start(context: RoleContext, settings: ValuesOf<typeof serverSettings>): Promise<Server> {
    const { connection, log, signal } = context;
    const jetstream = await jetstreamManager(connection, { checkAPI: false, timeout: 2000 });
    await agreeOnPartitions(jetstream, settings.partitions, log, signal);
    const roomLog = new RoomLog(connection, jetstream);
    const server = new Server(context, settings, roomLog);
    await server.#presence.start();
    await server.#listen(settings, roomLog);
    return server;
  }

  /** Accepts nothing more, answers what it has accepted, and says goodbye to its members. */
  async stop(): Promise<void> {
    const allClosed = this.#listener?.stop();
    // Half of the grace, so that members can still be told, whatever does not answer.
    const timer = setTimeout(() => this.#publisher.giveUp(), this.#shutdownGrace / 2);
    await Promise.all([...this.#sessions.values()].map((session) => session.restart()));
    clearTimeout(timer);
    await Promise.all([this.#presence.stop(), within(goodbyeTime, allClosed ?? Promise.resolve())]);
    this.#joinTimeout.close();
    this.#publisher.close();
    this.#rooms.close();
  }

  async #listen(settings: ValuesOf<typeof serverSettings>, log: RoomLog): Promise<void> {
    const options: SessionOptions = {
      settings,
      history: new History(log),
      rooms: this.#rooms,
      publisher: this.#publisher,
      presence: this.#presence,
      joinTimeout: this.#joinTimeout,
      metrics: this.#counted,
      log: this.#context.log,
      onEnded: ({ id }) => this.#sessions.delete(id),
    };
    this.#listener = await Listener.start({
      ...settings,
      onRefused: () => this.#counted.connectionsRefused.inc(),
      onConnection: (socket) => {
        this.#counted.connectionsTotal.inc();
        // Presence events carry it to all servers.
        const id = `${this.#incarnation}.${this.#nextSession++}`;
        this.#sessions.set(id, new Session(id, socket, options));
      },
    });
    this.#context.log.info({ chat: `${settings.host}:${this.#listener.port}` }, "accepting connections");
  }

  #noticed(notice: StoredNotice): void {
    this.#publisher.noticed(notice, (id, sequence) => {
      const room = this.#rooms.get(id);
      if (room === undefined) return true;
      if (room.last >= sequence) {
        room.flush();
        return true;
      }
      // Its echo is on its way here, or lost.
      setTimeout(() => this.#rooms.get(id)?.expect(sequence), liveDelay).unref();
      return false;
    });
  }

  async #setAside(room: string, { sequence, headers, payload }: StoredSection): Promise<void> {
    const { connection, log } = this.#context;
    this.#counted.foreign.inc();
    const reason = "it is not of a chat server's making";
    log.warn({ room, sequence, reason }, "passed over a message in a room");
    try {
      const subject = roomSubject(room);
      await setAside(connection, { origin: "rooms", subject, sequence, reason, headers, payload });
    } catch (error) {
      log.warn({ room, sequence, err: error }, "could not set a message aside; it stays in the room's log");
    }
  }
}

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { decodeMessages } from "../../src/chat/message.ts";
import { headers, ingressStream, roomsStream } from "../../src/chat/subjects.ts";
import type { StoredMessage } from "./history.ts";

/** Every room's log, read from ChatRooms itself. `startedAt`: the start of the run, by Date.now(). */
export async function readLogs(
  connection: NatsConnection,
  startedAt: number,
): Promise<Map<string, StoredMessage[]>> {
  const logs = new Map<string, StoredMessage[]>();
  const manager = await jetstreamManager(connection, { timeout: 5000 });
  const { state } = await manager.streams.info(roomsStream);
  if (state.messages === 0) return logs;
  const consumer = await jetstream(connection, { timeout: 5000 }).consumers.get(roomsStream);
  const sections = await consumer.consume({ max_messages: 500 });
  for await (const section of sections) {
    const room = section.subject.slice("room.".length);
    const log = logs.get(room) ?? [];
    logs.set(room, log);
    for (const { content, user_id } of decodeMessages(section.data)) {
      log.push({
        id: content.split(" ")[0] ?? "",
        user: user_id,
        sequence: section.seq,
        batch: section.headers?.get(headers.batch) ?? "",
        storedAt: section.time.getTime() - startedAt,
      });
    }
    if (section.seq >= state.last_seq) break;
  }
  return logs;
}

/**
 * What waits in the queue, in words if it is anything, and how far ChatRooms reaches. Rejects while no leader
 * answers.
 */
export async function queueState(
  connection: NatsConnection,
): Promise<{ waiting: string | undefined; lastSequence: number }> {
  const manager = await jetstreamManager(connection, { timeout: 2000, checkAPI: false });
  const ingress = await manager.streams.info(ingressStream);
  const rooms = await manager.streams.info(roomsStream);
  const { messages, first_seq, last_seq } = ingress.state;
  let waiting: string | undefined;
  if (messages > 0) {
    waiting = `${messages} batches wait in the queue, sequences ${first_seq} to ${last_seq}`;
    for await (const {
      name,
      num_pending,
      num_ack_pending,
      num_waiting,
      delivered,
      ack_floor,
    } of manager.consumers.list(ingressStream)) {
      waiting +=
        `; ${name}: ${num_pending} pending, ${num_ack_pending} handed out, ${num_waiting} pulls, ` +
        `delivered up to ${delivered.stream_seq}, acknowledged up to ${ack_floor.stream_seq}`;
    }
  }
  return { waiting, lastSequence: rooms.state.last_seq };
}

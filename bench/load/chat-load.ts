import { connect, type Socket } from "node:net";
import { Latencies } from "./latencies.ts";
import { ReferenceLog } from "./reference-log.ts";

export type ChatLoadOptions = {
  readonly host: string;
  readonly port: number;
  readonly rooms: number;
  readonly membersPerRoom: number;
  /** How many members of a room send; the others only receive. */
  readonly sendersPerRoom: number;
  /** Messages that a sender has open at once. */
  readonly window: number;
  /** Bytes of a message's text. */
  readonly messageBytes: number;
  /** Sends end after this many milliseconds, or after this many messages of each sender. */
  readonly milliseconds?: number;
  readonly messagesPerSender?: number;
  /** Distinguishes the rooms of one run from another's on the same cluster. */
  readonly prefix?: string;
};

export type ChatLoadResult = {
  /** Messages whose sender saw the echo. */
  readonly messages: number;
  readonly deliveries: number;
  readonly seconds: number;
  readonly latencies: Latencies;
  /** What was wrong, in words; empty when every member got every message once and in the same order. */
  readonly faults: string[];
};

/** How long nothing may arrive at the end before what is missing counts as lost, in milliseconds. */
const silence = 15_000;

/**
 * Many members of many rooms in one process. Every sender keeps `window` messages open; every delivery to
 * every member is checked for loss, duplication and order. Resolves when all that was sent has arrived.
 */
export async function runChatLoad(options: ChatLoadOptions): Promise<ChatLoadResult> {
  const latencies = new Latencies();
  const faults: string[] = [];
  const prefix = options.prefix ?? "load";
  const rooms = await Promise.all(
    Array.from({ length: options.rooms }, (_, index) =>
      LoadRoom.open(`${prefix}-${index}`, options, latencies, faults),
    ),
  );
  const started = performance.now();
  const deadline = started + (options.milliseconds ?? Number.POSITIVE_INFINITY);
  for (const room of rooms) room.start(deadline);
  await Promise.all(rooms.map((room) => room.finished()));
  const seconds = (Math.max(...rooms.map((room) => room.lastArrival)) - started) / 1000;
  for (const room of rooms) room.close();
  return {
    messages: rooms.reduce((sum, room) => sum + room.echoed, 0),
    deliveries: rooms.reduce((sum, room) => sum + room.deliveries, 0),
    seconds,
    latencies,
    faults,
  };
}

class LoadRoom {
  readonly #members: LoadMember[] = [];
  readonly log = new ReferenceLog();
  readonly options: ChatLoadOptions;
  readonly latencies: Latencies;
  readonly id: string;
  readonly #faults: string[];
  #nextPerSender: number[] = [];
  lastArrival = 0;

  private constructor(id: string, options: ChatLoadOptions, latencies: Latencies, faults: string[]) {
    this.id = id;
    this.options = options;
    this.latencies = latencies;
    this.#faults = faults;
  }

  static async open(
    id: string,
    options: ChatLoadOptions,
    latencies: Latencies,
    faults: string[],
  ): Promise<LoadRoom> {
    const room = new LoadRoom(id, options, latencies, faults);
    for (let number = 0; number < options.membersPerRoom; number++) {
      room.#members.push(await LoadMember.join(room, number));
    }
    // Who joined shows in the others' streams, at its own pace, and on each server in its own order.
    const last = options.membersPerRoom - 1;
    await Promise.all(room.#members.map((member, number) => member.seesJoins(last - number)));
    room.#nextPerSender = new Array(options.membersPerRoom).fill(0);
    // All members' streams are the same from this message on.
    const marks = room.#members.map((member) => member.mark());
    room.#members[0]?.say("MARK");
    await Promise.all(marks);
    return room;
  }

  get echoed(): number {
    return this.#members.reduce((sum, member) => sum + member.echoed, 0);
  }

  get deliveries(): number {
    return this.#members.reduce((sum, member) => sum + member.received, 0);
  }

  start(deadline: number): void {
    for (const member of this.#members.slice(0, this.options.sendersPerRoom)) member.start(deadline);
  }

  fault(text: string): void {
    if (this.#faults.length < 100) this.#faults.push(`${this.id}: ${text}`);
  }

  /** The reference member has one more whole message; its sender's messages must be in order, each once. */
  checkOrder(line: string): number {
    const match = /^\[\d\d:\d\d:\d\d\] u(\d+): (\d+) /.exec(line);
    if (match === null) {
      this.fault(`unexpected line ${JSON.stringify(line.slice(0, 200))}`);
      return -1;
    }
    const sender = Number(match[1]);
    const sequence = Number(match[2]);
    const next = this.#nextPerSender[sender] ?? 0;
    if (sequence !== next) {
      const kind = sequence > next ? "lost or late" : "duplicated or late";
      this.fault(`${kind}: message ${sequence} of u${sender} where ${next} was due`);
    }
    this.#nextPerSender[sender] = sequence + 1;
    return sender;
  }

  /** New bytes of the reference member: the others may have waited for them. */
  catchUp(): void {
    for (const member of this.#members) member.compare();
    let everywhere = this.log.end;
    for (const member of this.#members) everywhere = Math.min(everywhere, member.offset);
    this.log.forget(everywhere);
  }

  /** Resolves when every member has all that was sent; reports what is missing after a long silence. */
  async finished(): Promise<void> {
    for (;;) {
      const sent = this.#members.reduce((sum, member) => sum + member.sent, 0);
      const sending = this.#members.some((member) => member.sending);
      if (!sending && this.#members.every((member) => member.received >= sent)) return;
      const quiet = performance.now() - Math.max(this.lastArrival, ...this.#members.map((m) => m.lastSend));
      if (quiet > silence) {
        for (const member of this.#members) {
          if (member.received < sent) this.fault(`lost: u${member.number} has ${member.received} of ${sent}`);
          member.report();
        }
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  close(): void {
    for (const member of this.#members) member.close();
  }
}

class LoadMember {
  readonly #room: LoadRoom;
  readonly #socket: Socket;
  readonly number: number;
  readonly #sendTimes: number[] = [];
  readonly #padding: string;
  #text = "";
  #onText: (() => void) | undefined;
  #marked = false;
  #onMark: (() => void) | undefined;
  /** Bytes that the reference member does not have yet. */
  #ahead: Buffer[] = [];
  /** The reference member's bytes of an unfinished line. */
  #rest: Buffer = Buffer.alloc(0);
  #deadline = 0;
  #diverged = false;
  offset = 0;
  received = 0;
  echoed = 0;
  sent = 0;
  sending = false;
  lastSend = 0;

  private constructor(room: LoadRoom, number: number, socket: Socket) {
    this.#room = room;
    this.number = number;
    this.#socket = socket;
    this.#padding = "x".repeat(room.options.messageBytes);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => room.fault(`u${number}: ${error.message}`));
  }

  static async join(room: LoadRoom, number: number): Promise<LoadMember> {
    const { host, port } = room.options;
    const socket = connect({ host, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const member = new LoadMember(room, number, socket);
    socket.write(`join ${room.id} u${number}\n`);
    await member.sees(`Joined room ${room.id} as u${number}\n`);
    return member;
  }

  /** Resolves when `text` has come; before the mark only. */
  sees(text: string): Promise<void> {
    return this.#until(() => this.#text.includes(text));
  }

  /** Resolves when this many others have joined behind it; before the mark only. */
  seesJoins(count: number): Promise<void> {
    return this.#until(() => (this.#text.match(/^\* u\d+ joined /gm)?.length ?? 0) >= count);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#text.includes("Error:")) throw new Error(`cannot join: ${this.#text}`);
      await new Promise<void>((resolve) => {
        this.#onText = resolve;
      });
    }
  }

  say(text: string): void {
    this.#socket.write(`send ${text}\n`);
  }

  mark(): Promise<void> {
    return new Promise((resolve) => {
      this.#onMark = resolve;
      this.#lookForMark();
    });
  }

  start(deadline: number): void {
    this.sending = true;
    this.#deadline = deadline;
    this.#fill();
  }

  /** Compares what waits with what the reference member has got. */
  compare(): void {
    while (this.#ahead.length > 0) {
      const bytes = this.#ahead[0] as Buffer;
      const length = Math.min(bytes.length, this.#room.log.end - this.offset);
      if (length <= 0) return;
      if (!this.#diverged && !this.#room.log.matches(bytes.subarray(0, length), this.offset)) {
        this.#diverged = true;
        const due = this.#room.log.slice(this.offset, this.offset + Math.min(length, 300)).toString();
        const got = bytes.subarray(0, Math.min(length, 300)).toString();
        this.#room.fault(`u${this.number} got ${JSON.stringify(got)} where ${JSON.stringify(due)} was due`);
      }
      if (length === bytes.length) this.#ahead.shift();
      else this.#ahead[0] = bytes.subarray(length);
      this.#pass(this.offset + length);
    }
  }

  report(): void {
    if (this.#ahead.length > 0) {
      const extra = Buffer.concat(this.#ahead).subarray(0, 300).toString();
      this.#room.fault(`u${this.number} has more than the reference: ${JSON.stringify(extra)}`);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (!this.#marked) {
      this.#text += chunk.toString("latin1");
      this.#onText?.();
      this.#lookForMark();
      return;
    }
    this.#room.lastArrival = performance.now();
    this.#take(chunk);
  }

  #take(chunk: Buffer): void {
    if (this.number === 0) {
      this.#index(chunk);
      this.#room.log.append(chunk);
      this.#pass(this.#room.log.end);
      this.#room.catchUp();
    } else {
      this.#ahead.push(chunk);
      this.compare();
    }
  }

  #lookForMark(): void {
    const mark = this.#onMark === undefined ? -1 : this.#text.indexOf(": MARK\n");
    if (mark < 0) return;
    this.#marked = true;
    this.#onMark?.();
    const rest = this.#text.slice(mark + ": MARK\n".length);
    this.#text = "";
    if (rest !== "") this.#take(Buffer.from(rest, "latin1"));
  }

  /** Finds the messages that end in these bytes of the reference member. */
  #index(chunk: Buffer): void {
    const { log } = this.#room;
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      let line: string;
      if (this.#rest.length > 0) {
        line = this.#rest.toString("latin1") + chunk.toString("latin1", start, end);
        this.#rest = Buffer.alloc(0);
      } else {
        // The head of a line says whose it is.
        line = chunk.toString("latin1", start, Math.min(end, start + 48));
      }
      log.addMessage(log.end + end + 1, this.#room.checkOrder(line));
      start = end + 1;
    }
    if (start < chunk.length) this.#rest = Buffer.concat([this.#rest, chunk.subarray(start)]);
  }

  /** The member has everything before `offset`; its own messages among it let it send as many more. */
  #pass(offset: number): void {
    const { ends, senders } = this.#room.log;
    this.offset = offset;
    const now = performance.now();
    let own = 0;
    while (this.received < ends.length && (ends[this.received] as number) <= offset) {
      if (senders[this.received] === this.number) {
        this.#room.latencies.add(now - (this.#sendTimes[this.echoed % this.#room.options.window] ?? now));
        this.echoed++;
        own++;
      }
      this.received++;
    }
    if (own > 0) this.#fill();
  }

  #fill(): void {
    if (!this.sending) return;
    const { window, messageBytes, messagesPerSender = Number.POSITIVE_INFINITY } = this.#room.options;
    const now = performance.now();
    let text = "";
    while (this.sent - this.echoed < window) {
      if (now >= this.#deadline || this.sent >= messagesPerSender) {
        this.sending = false;
        break;
      }
      this.#sendTimes[this.sent % window] = now;
      text += `send ${`${this.sent} ${this.#padding}`.slice(0, messageBytes)}\n`;
      this.sent++;
    }
    if (text === "") return;
    this.lastSend = now;
    this.#socket.write(text, "latin1");
  }
}

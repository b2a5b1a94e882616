import { setTimeout as delay } from "node:timers/promises";
import { cpuBetween, type Usage, usageOf } from "../measure/processes.ts";
import { chat } from "../protocols/chat.ts";
import { irc } from "../protocols/irc.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { atOnce } from "./at-once.ts";
import { ClosedLoop } from "./closed-loop.ts";
import { Histogram } from "./histogram.ts";
import { LoadRoom } from "./load-room.ts";
import { OpenLoop } from "./open-loop.ts";
import type { LoadOptions, LoadResult } from "./options.ts";
import type { Pace } from "./pace.ts";

/** Beyond what a sender of DisRoom waits for its outcome, in milliseconds. */
const usualSilence = 12_000;
/** Who joined is told to all others of a room: it is over when nothing has come for so long, in milliseconds. */
const quietTime = 500;
const quietLimit = 60_000;
const faultsLimit = 50;

/** Many members of many rooms in one process, every delivery checked. Resolves when all that was sent has arrived. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  return new Load(options).run();
}

type Snapshot = {
  readonly time: number;
  readonly usage: Record<string, Usage>;
  /** Seconds of CPU time of this process. */
  readonly own: number;
  readonly arrivals: number;
  readonly reads: number;
  readonly deliveries: number;
};

class Load {
  readonly #options: LoadOptions;
  readonly #protocol: Protocol;
  readonly #pace: Pace;
  readonly #rooms: LoadRoom[];
  readonly #latencies = new Histogram();
  readonly #faults: string[] = [];
  /** When the read that is being looked at was begun with; undefined until something in it arrives. */
  #now: number | undefined;
  #arrivals = 0;
  #reads = 0;
  /** Messages due in this time count for the latencies. */
  #from = Number.POSITIVE_INFINITY;
  #to = Number.POSITIVE_INFINITY;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#protocol = options.protocol === "chat" ? chat : irc;
    this.#pace = paceOf(options);
    const pace = this.#pace;
    const events = {
      onArrival: (sender: Parameters<Pace["arrived"]>[0], sequence: number): void => {
        this.#arrivals++;
        const due = sender.dueOf(sequence);
        this.#now ??= performance.now();
        if (due >= this.#from && due < this.#to) this.#latencies.add(this.#now - due);
        pace.arrived(sender);
      },
      onRead: (): void => {
        this.#reads++;
        pace.settle();
        this.#now = undefined;
      },
      onFault: (text: string): void => {
        if (this.#faults.length < faultsLimit) this.#faults.push(text);
      },
    };
    this.#rooms = options.rooms.map(
      (name, index) =>
        new LoadRoom(
          {
            ...options,
            protocol: this.#protocol,
            name,
            firstConnection: index * options.members,
            open: openOf(options),
          },
          events,
        ),
    );
  }

  async run(): Promise<LoadResult> {
    const { processes = {}, warmupSeconds, seconds, pace } = this.#options;
    const empty = usageOf(processes);
    try {
      await this.#connect();
      const beforeJoins = this.#snapshot();
      const joins = await this.#join();
      const afterJoins = this.#snapshot();
      await this.#quiet();
      const joined = usageOf(processes);
      let [begin, end] = [beforeJoins, afterJoins];
      if (pace !== undefined) {
        this.#pace.start(this.#rooms.flatMap(({ senders }) => senders));
        await delay(warmupSeconds * 1000);
        begin = this.#snapshot();
        this.#from = begin.time;
        await this.#until(performance.now() + seconds * 1000, () => this.#pace.isOver);
        this.#pace.stop();
        end = this.#snapshot();
        this.#to = end.time;
        await this.#rest();
      }
      return this.#result(begin, end, joins, empty, joined);
    } finally {
      for (const room of this.#rooms) room.close();
    }
  }

  /** All members of all rooms. Rooms take turns, as strangers' rooms do. */
  #everyone(): { room: LoadRoom; number: number }[] {
    return Array.from({ length: this.#options.members }, (_, number) =>
      this.#rooms.map((room) => ({ room, number })),
    ).flat();
  }

  async #connect(): Promise<void> {
    await atOnce(this.#everyone(), this.#protocol.connectsAtOnce, ({ room, number }) => room.connect(number));
    for (const room of this.#rooms) room.makeSenders();
  }

  /** Everyone is connected by now, so that joins alone are timed. */
  async #join(): Promise<LoadResult["joins"]> {
    const { joinsAtOnce = Number.POSITIVE_INFINITY } = this.#options;
    const all = this.#everyone();
    const started = performance.now();
    await atOnce(all, joinsAtOnce, async ({ room, number }) => room.members[number]?.join());
    return { count: all.length, seconds: (performance.now() - started) / 1000 };
  }

  async #quiet(): Promise<void> {
    const deadline = performance.now() + quietLimit;
    for (let before = -1; before !== this.#reads; ) {
      if (performance.now() > deadline) throw new Error("after the last join, something comes all the time");
      before = this.#reads;
      await delay(quietTime);
    }
  }

  /** Waits for what is still on its way; what does not come is found by the check. */
  async #rest(): Promise<void> {
    const expected = this.#rooms.reduce((sum, room) => sum + room.expected, 0);
    const { silence = usualSilence } = this.#options;
    let last = -1;
    while (this.#delivered() < expected && this.#delivered() !== last) {
      last = this.#delivered();
      await this.#until(performance.now() + silence, () => this.#delivered() !== last);
    }
    // Whatever comes beyond that is one too many.
    await delay(100);
  }

  async #until(deadline: number, isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const left = deadline - performance.now();
      if (left <= 0) return;
      await delay(Math.min(10, left));
    }
  }

  #delivered(): number {
    return this.#rooms.reduce((sum, { check }) => sum + check.deliveries, 0);
  }

  #snapshot(): Snapshot {
    const { user, system } = process.cpuUsage();
    return {
      time: performance.now(),
      usage: usageOf(this.#options.processes ?? {}),
      own: (user + system) / 1e6,
      arrivals: this.#arrivals,
      reads: this.#reads,
      deliveries: this.#delivered(),
    };
  }

  #result(
    begin: Snapshot,
    end: Snapshot,
    joins: LoadResult["joins"],
    empty: Record<string, Usage>,
    joined: Record<string, Usage>,
  ): LoadResult {
    for (const room of this.#rooms) room.finish();
    const checks = this.#rooms.map(({ check }) => check);
    const total = (what: "lost" | "duplicated" | "disordered"): number =>
      checks.reduce((sum, check) => sum + check[what], 0);
    const peaks = usageOf(this.#options.processes ?? {});
    const latency = (share: number): number => this.#latencies.percentile(share);
    const { lateness, skipped } = this.#pace instanceof OpenLoop ? this.#pace : {};
    return {
      seconds: (end.time - begin.time) / 1000,
      messages: end.arrivals - begin.arrivals,
      deliveries: end.deliveries - begin.deliveries,
      deliveriesPerRead: (end.deliveries - begin.deliveries) / (end.reads - begin.reads),
      latency: {
        p50: latency(0.5),
        p99: latency(0.99),
        p999: latency(0.999),
        longest: this.#latencies.longest,
      },
      ...(lateness !== undefined && {
        lateness: { p50: lateness.percentile(0.5), p99: lateness.percentile(0.99), skipped: skipped ?? 0 },
      }),
      joins,
      cpuSeconds: cpuBetween(begin.usage, end.usage),
      generatorCpuSeconds: end.own - begin.own,
      memory: Object.fromEntries(
        Object.entries(peaks).map(([name, { peak }]) => [
          name,
          { empty: empty[name]?.resident ?? 0, joined: joined[name]?.resident ?? 0, peak },
        ]),
      ),
      generatorPeak: process.resourceUsage().maxRSS * 1024,
      checked: {
        messages: this.#rooms.reduce(
          (sum, { senders }) => sum + senders.reduce((all, { sent }) => all + sent, 0),
          0,
        ),
        deliveries: this.#delivered(),
        lost: total("lost"),
        duplicated: total("duplicated"),
        disordered: total("disordered"),
      },
      faults: [...this.#faults, ...checks.flatMap(({ words }) => words)].slice(0, faultsLimit),
    };
  }
}

function paceOf({ pace }: LoadOptions): Pace {
  if (pace !== undefined && "messagesPerSecond" in pace) return new OpenLoop(pace.messagesPerSecond);
  return new ClosedLoop(pace ?? { window: 0 });
}

/** The most messages that a sender may have on their way: in an open loop, all those of the run. */
function openOf({ pace, rooms, senders, warmupSeconds, seconds }: LoadOptions): number {
  if (pace === undefined) return 1;
  if ("window" in pace) return pace.window;
  return 2 + Math.ceil((pace.messagesPerSecond * (warmupSeconds + seconds + 1)) / (rooms.length * senders));
}

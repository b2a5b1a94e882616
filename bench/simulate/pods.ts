/** How long Kubernetes takes until it restarts a worker that does not answer, in seconds: three probes. */
const restartAfter = 30;

type Pod = {
  readyAt: number;
  hangsSince: number | undefined;
};

/** The workers' pods: they take some time to start, and may hang. */
export class Pods {
  readonly #pods: Pod[] = [];
  readonly #startTimes: readonly number[];
  #started = 0;

  constructor(startTimes: readonly number[], running: number) {
    this.#startTimes = startTimes;
    for (let index = 0; index < running; index++) this.#pods.push({ readyAt: 0, hangsSince: undefined });
  }

  /** Pods that were asked for, ready or not. */
  get asked(): number {
    return this.#pods.length;
  }

  /** Those of them that Kubernetes takes for ready. */
  ready(time: number): number {
    return this.#pods.filter(({ readyAt }) => readyAt <= time).length;
  }

  ask(count: number, time: number): void {
    while (this.#pods.length < count) {
      this.#pods.push({ readyAt: time + this.#nextStart(), hangsSince: undefined });
    }
    // The youngest go first, as in a ReplicaSet.
    this.#pods.length = count;
  }

  /** The oldest one that is ready hangs from now on. */
  hang(time: number): void {
    const pod = this.#pods.find(({ readyAt, hangsSince }) => readyAt <= time && hangsSince === undefined);
    if (pod !== undefined) pod.hangsSince = time;
  }

  /** How many work at this time; hung ones that were found out are restarted. */
  working(time: number): number {
    let count = 0;
    for (const pod of this.#pods) {
      if (pod.hangsSince !== undefined && time >= pod.hangsSince + restartAfter) {
        pod.readyAt = time + this.#nextStart();
        pod.hangsSince = undefined;
      }
      if (pod.readyAt <= time && pod.hangsSince === undefined) count++;
    }
    return count;
  }

  #nextStart(): number {
    const time = this.#startTimes[this.#started % this.#startTimes.length];
    this.#started++;
    return time ?? 0;
  }
}

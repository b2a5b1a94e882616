/**
 * How the processes of a ChatCluster use memory. What a message costs is largely what the system takes for memory that
 * is given back and asked for again: each page of it is a fault.
 */

/**
 * For Node.js, in servers and workers.
 *
 * 1. V8 lets its young generation grow to 64 MiB and more in a burst of joins, and never gives that back: with ten
 *    thousand connections that was more than half of their memory. A small one costs no speed.
 * 2. Buffers count as part of the heap, of which 64 MiB may be in use before it is collected. Left alone, V8 collects
 *    the whole heap for each 32 MiB of buffers that come and go, several times a second: a third of a worker's time.
 *    Later versions do so by themselves and no longer know the flag, which package.json's "engines" must keep away.
 */
export const nodeFlags: readonly string[] = [
  "--max-semi-space-size=4",
  "--external-memory-accounted-in-global-limit",
  "--initial-heap-size=64",
];

/**
 * For the same processes: glibc takes memory in pages of 2 MiB where the system has them, and keeps what was freed.
 * Buffers of one tick are memory of another then, without a fault in between.
 */
export const nodeEnvironment: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: [
    "glibc.malloc.hugetlb=1",
    "glibc.malloc.trim_threshold=268435456",
    "glibc.malloc.mmap_threshold=33554432",
  ].join(":"),
};

/**
 * For nats-server on a machine with so many `cores`, which it shares with servers and workers. What the collector of Go
 * has freed goes back only when the system is short of memory. A second thread on two cores mostly looks for work.
 */
export const natsEnvironment = (cores: number): Readonly<Record<string, string>> => ({
  GODEBUG: "madvdontneed=0",
  GOMAXPROCS: String(Math.max(1, Math.floor(cores / 2))),
});

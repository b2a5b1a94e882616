/**
 * The run that is part of the tests: the kinds that find the most in the least time, each once; `make chaos` has
 * them all.
 *
 * With this seed, a worker cannot send for 5.3 s, while nothing else happens to workers or NATS: what it could not
 * send arrives when another worker has stored the same batches. `make chaos-mutants ARGS=--short` shows that
 * the run finds the fault without the fence, without gap repair, and with a queue that discards its oldest.
 */
export const shortRun = {
  seed: 12008,
  kinds:
    "kill-server,freeze-server,kill-worker,freeze-worker,silent-worker-nats,one-way-worker-nats," +
    "cut-server-nats,silent-server-nats,kill-nats,isolate-nats,step-down,kill-redis,full-disk-nats,full-queue",
};

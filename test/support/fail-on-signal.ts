/**
 * To be loaded into a process (NODE_OPTIONS=--import) that is to fail in a way that nobody foresaw: on SIGUSR2
 * something throws, on SIGHUP a promise is rejected.
 */
process.on("SIGUSR2", () => {
  throw new Error("thrown by a test");
});
process.on("SIGHUP", () => {
  void Promise.reject(new Error("rejected by a test"));
});

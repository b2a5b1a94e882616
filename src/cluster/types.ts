export type * from "./chat-cluster.ts";
export { maxWorkers, streamReplicas } from "./derived.ts";

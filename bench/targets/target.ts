import type { Processes } from "../measure/processes.ts";

/** A chat service that runs, to be measured. */
export type Target = {
  readonly protocol: "chat" | "irc";
  readonly host: string;
  readonly port: number;
  /** Its processes; `server` is the one that holds the connections, or the first of them. */
  readonly processes: Processes;
  stop(): Promise<void>;
};

import { type DisroomOptions, startDisroom } from "./disroom.ts";
import { startNgircd } from "./ngircd.ts";
import type { Target } from "./target.ts";

/** A service with the way it is set up. */
export type Variant = {
  readonly id: string;
  readonly title: string;
  start(): Promise<Target>;
};

const disroom = (id: string, title: string, options: DisroomOptions): Variant => ({
  id,
  title: `DisRoom, ${title}`,
  start: () => startDisroom(options),
});

export const variants: readonly Variant[] = [
  { id: "ngircd", title: "ngIRCd", start: startNgircd },
  disroom("no-fsync", "no fsync", { sync: false }),
  disroom("fsync", "fsync", { sync: true }),
  disroom("nats3", "3 NATS nodes, no fsync", { sync: false, nats: 3 }),
  disroom("nats3-fsync", "3 NATS nodes, fsync", { sync: true, nats: 3 }),
  disroom("2x3", "2 servers and 3 workers, no fsync", { sync: false, servers: 2, workers: 3 }),
];

import { Gauge, type Registry } from "prom-client";

/** The metric of leader election, named as client-go names it: for `onChange` of an Elector. */
export function electorMetrics(registry: Registry, name: string): (isLeader: boolean) => void {
  const status = new Gauge({
    name: "leader_election_master_status",
    help: "Whether this process leads: 1, or 0",
    labelNames: ["name"],
    registers: [registry],
  });
  status.set({ name }, 0);
  return (isLeader) => status.set({ name }, isLeader ? 1 : 0);
}

import { readdir, readFile, readlink } from "node:fs/promises";
import { run } from "../../kube/run.ts";

/** What a Kubernetes on this machine could leave behind on it. */
export async function machineState() {
  return {
    links: lines(await run(["ip", "-oneline", "link"])).map((line) => line.split(": ")[1]),
    addresses: lines(await run(["ip", "-oneline", "address"])).map((line) => line.replace(/valid_lft.*/, "")),
    routes: lines(await run(["ip", "route"])),
    mounts: lines(await readFile("/proc/mounts", "utf8")),
    // Counters and the time of day are different each time.
    packetFilter: lines(await run(["iptables-save"])).filter((line) => !/^[#:]/.test(line)),
    controlGroups: lines(await run(["find", "/sys/fs/cgroup", "-type", "d", "-path", "*disroom*"])),
    /** Processes that are in namespaces of their own, by their commands. */
    processes: await processesElsewhere(),
  };
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

async function processesElsewhere(): Promise<string[]> {
  const own = await readlink("/proc/self/ns/pid");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map(async (pid) => {
      const namespace = await readlink(`/proc/${pid}/ns/pid`).catch(() => own);
      return namespace === own ? "" : await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    }),
  );
  return commands.filter((command) => command !== "").sort();
}

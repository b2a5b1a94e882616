import { readdir, readFile } from "node:fs/promises";
import { state } from "../../kube/state.ts";
import { run } from "../../kube/system/run.ts";

/** For each kind of thing that the local Kubernetes could leave behind on this machine, what there is of it. */
export type MachineState = Record<keyof Awaited<ReturnType<typeof machineState>>, string[]>;

export async function machineState() {
  return {
    links: lines(await run("ip -oneline link")).map((line) => line.split(": ")[1] ?? ""),
    addresses: lines(await run("ip -oneline address")).map((line) => line.replace(/valid_lft.*/, "")),
    routes: lines(await run("ip route")),
    // Others may mount things meanwhile: image builds, for example.
    mounts: lines(await readFile("/proc/mounts", "utf8")).filter((line) => /kube|containerd|node/.test(line)),
    // Counters and the time of day are different each time.
    packetFilter: lines(await run("iptables-save")).filter((line) => !/^[#:]/.test(line)),
    controlGroups: lines(await run("find /sys/fs/cgroup -type d -path *disroom*")),
    // Those that the kubelet would change.
    settings: lines(
      await run("sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops"),
    ),
    files: await entries("/opt", "/etc", "/var/lib", "/run"),
    processes: await ourProcesses(),
  };
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

async function entries(...folders: string[]): Promise<string[]> {
  const names = await Promise.all(
    folders.map(async (folder) => (await readdir(folder)).map((name) => `${folder}/${name}`)),
  );
  return names.flat();
}

/** The commands of processes that have to do with this checkout's Kubernetes, or are in a node's namespaces. */
async function ourProcesses(): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const read = (pid: string, file: string): Promise<string> =>
    readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
  const commands = await Promise.all(
    pids.map(async (pid) => {
      const command = await read(pid, "cmdline");
      const isOurs = `${command}${await read(pid, "mountinfo")}`.includes(state.folder);
      return isOurs || command.includes("kube/hub.ts") ? command : "";
    }),
  );
  return commands.filter((command) => command !== "");
}

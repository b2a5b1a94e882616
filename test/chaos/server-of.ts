import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Part } from "../../src/local/supervisor.ts";

/**
 * The name of the server at the other end of a connection from `localPort` to the shared chat port: Linux
 * tells the socket, and which process holds it. `?` where it cannot be found out.
 */
export function serverOf(servers: readonly Part[], localPort: number, chatPort: number): string {
  try {
    const ports = `${address(chatPort)} ${address(localPort)} `;
    const line = readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .find((row) => row.includes(ports));
    const inode = line?.trim().split(/\s+/)[9];
    const holder = servers.find(({ pid }) => pid !== undefined && holds(pid, `socket:[${inode}]`));
    return holder?.name ?? "?";
  } catch {
    return "?";
  }
}

/** 127.0.0.1 as the kernel prints it. */
const address = (port: number): string => `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;

function holds(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((descriptor) => {
    try {
      return readlinkSync(`${folder}/${descriptor}`) === socket;
    } catch {
      return false;
    }
  });
}

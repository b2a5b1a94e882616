import { accessSync, constants, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { toolsFolder } from "../../src/local/binaries.ts";
import { freePorts } from "../../src/local/ports.ts";
import { UsageError } from "../../src/platform/settings.ts";
import { Child } from "./child.ts";
import type { Target } from "./target.ts";
import { removeFolder, tempFolder } from "./temp-folder.ts";

const host = "127.0.0.1";
const startLimit = 10_000;

/**
 * All limits off. Penalties are what ngIRCd slows down a client with that sends much: the wait grows by at most
 * MaxPenaltyTime, which 0 turns off. Name and identity lookups would only slow down connecting.
 */
const configuration = (port: number): string => `[Global]
Name = bench.example.net
Info = bench
Listen = ${host}
Ports = ${port}
MotdPhrase = bench

[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxJoins = 0
MaxNickLength = 20
MaxPenaltyTime = 0
MaxListSize = 0
PingTimeout = 3600

[Options]
DNS = no
Ident = no
PAM = no
`;

/** ngIRCd of Debian's package, on a free port of the loopback address. */
export async function startNgircd(): Promise<Target> {
  const file = findNgircd();
  const [port = 0] = await freePorts(1);
  const folder = tempFolder();
  const config = join(folder, "ngircd.conf");
  writeFileSync(config, configuration(port));
  const child = new Child(file, ["--nodaemon", "--config", config]);
  const stop = async (): Promise<void> => {
    await child.stop();
    removeFolder(folder);
  };
  try {
    const deadline = performance.now() + startLimit;
    while (!(await accepts(port))) {
      child.check();
      if (performance.now() > deadline) throw new Error("ngircd does not listen");
      await delay(20);
    }
    return { protocol: "irc", host, port, processes: { server: child.pid }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

export function findNgircd(): string {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", toolsFolder(process.env)];
  for (const folder of folders) {
    const file = join(folder, "ngircd");
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Look on.
    }
  }
  throw new UsageError("ngircd is missing; `hack/setup.sh bench` installs it");
}

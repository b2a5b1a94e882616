import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { text } from "node:stream/consumers";
import { findRunning, socketFile } from "../state.ts";
import type { KubernetesNode } from "./node.ts";

/**
 * Lets others switch nodes off and on, through a socket in the file system: `POST /node-2/off`. Answered when it is
 * done.
 */
export async function serveNodePower(nodes: readonly KubernetesNode[]): Promise<void> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
    };
    const [, name, power] = request.url?.split("/") ?? [];
    const node = nodes.find((other) => other.name === name);
    if (node === undefined) {
      answer(404, `there is no node ${name}; there are ${nodes.map((other) => other.name).join(", ")}`);
      return;
    }
    if (request.method !== "POST" || (power !== "on" && power !== "off")) {
      answer(400, `POST /${name}/on or POST /${name}/off`);
      return;
    }
    (power === "on" ? node.powerOn() : node.powerOff()).then(
      () => answer(200, `${name} is ${power}`),
      (error: Error) => answer(500, error.message),
    );
  });
  await rm(socketFile, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketFile, resolve);
  });
}

/** Switches a node of the local Kubernetes that runs on this machine; done when it is on or off. */
export async function switchNode(node: string, power: "on" | "off"): Promise<string> {
  const running = await findRunning();
  if (running === undefined) throw new Error("no Kubernetes runs; `make kube-up` starts one");
  const asked = request({ socketPath: socketFile, path: `/${node}/${power}`, method: "POST" }).end();
  const [response] = await once(asked, "response");
  const answer = (await text(response)).trim();
  if (response.statusCode !== 200) throw new Error(answer);
  return answer;
}

import { expect } from "vitest";
import { ChatClient } from "./chat-client.ts";
import { welcome } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import type { Namespace } from "./namespace.ts";

/** A client of a chat service at an address, on the chat port, that has read the welcome. */
export async function connectTo(address: string): Promise<ChatClient> {
  const client = await ChatClient.connect(8080, address);
  await client.reads(welcome);
  return client;
}

export async function join(client: ChatClient, room: string, user: string): Promise<void> {
  client.type(`join ${room} ${user}`);
  await client.reads(`Joined room ${room} as ${user}\n`);
}

/** A client that is in a room. */
export async function joined(address: string, room: string, user: string): Promise<ChatClient> {
  const client = await connectTo(address);
  await join(client, room, user);
  return client;
}

/** Waits until people can chat; where they connect. */
export async function whenReady(namespace: Namespace, name = "demo"): Promise<string> {
  await namespace.kubectl("wait", "--for=condition=Ready", `chat/${name}`, "--timeout=240s");
  const endpoint = await namespace.get(["chat", name], "{.status.endpoint}");
  expect(endpoint).toMatch(/^198\.18\.1\.\d+:8080$/);
  const address = endpoint.slice(0, endpoint.indexOf(":"));
  // Nodes learn a moment later than the operator that a server is ready.
  const client = await eventually(() => ChatClient.connect(8080, address), {
    milliseconds: 30_000,
    interval: 250,
  });
  await client.reads(welcome);
  client.close();
  return address;
}

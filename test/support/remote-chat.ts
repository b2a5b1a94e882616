import { ChatClient } from "./chat-client.ts";
import { welcome } from "./cluster.ts";

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

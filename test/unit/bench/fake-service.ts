import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** What becomes of the copy of a message that goes to one member: the lines that it gets instead. */
export type Tamper = (receiver: string, line: string, count: number) => string[];

type Client = { readonly socket: Socket; nick: string; room: string; copies: number };

/** As much of a chat service, or of an IRC server, as a load generator needs; `tamper` makes its mistakes. */
export class FakeService {
  readonly #server = createServer((socket) => this.#accept(socket));
  readonly #clients = new Set<Client>();
  readonly #protocol: "chat" | "irc";
  readonly #tamper: Tamper;

  private constructor(protocol: "chat" | "irc", tamper: Tamper) {
    this.#protocol = protocol;
    this.#tamper = tamper;
  }

  static async start(protocol: "chat" | "irc", tamper: Tamper = (_, line) => [line]): Promise<FakeService> {
    const service = new FakeService(protocol, tamper);
    await new Promise<void>((resolve) => service.#server.listen(0, "127.0.0.1", resolve));
    return service;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    for (const { socket } of this.#clients) socket.destroy();
    this.#server.close();
  }

  #accept(socket: Socket): void {
    const client: Client = { socket, nick: "", room: "", copies: 0 };
    this.#clients.add(client);
    socket.on("error", () => {});
    socket.on("close", () => this.#clients.delete(client));
    if (this.#protocol === "chat") socket.write("Welcome to the DisRoom\nAvailable commands: none\n");
    const take = this.#protocol === "chat" ? this.#chat : this.#irc;
    createInterface({ input: socket }).on("line", (line) => take.call(this, client, line));
  }

  #chat(client: Client, line: string): void {
    const [command, room = "", nick = ""] = line.split(" ");
    if (command === "join") {
      Object.assign(client, { room, nick });
      client.socket.write(`Joined room ${room} as ${nick}\n`);
      this.#tell(client, `* ${nick} joined ${room}\n`);
    } else {
      this.#hand(client, `[10:00:00] ${client.nick}: ${line.slice("send ".length)}\n`, true);
    }
  }

  #irc(client: Client, line: string): void {
    const [command, argument = ""] = line.split(" ");
    const from = (): string => `:${client.nick}!~${client.nick}@127.0.0.1`;
    if (command === "NICK") client.nick = argument;
    if (command === "USER")
      client.socket.write(`:fake 001 ${client.nick} :Hi\r\n:fake 376 ${client.nick} :End\r\n`);
    if (command === "JOIN") {
      client.room = argument;
      client.socket.write(`:fake 366 ${client.nick} ${argument} :End of NAMES list\r\nPING :fake\r\n`);
      this.#tell(client, `${from()} JOIN :${argument}\r\n`);
    }
    if (command === "PRIVMSG") this.#hand(client, `${from()} ${line}\r\n`, false);
  }

  #tell(from: Client, line: string): void {
    for (const client of this.#clients) {
      if (client !== from && client.room === from.room) client.socket.write(line);
    }
  }

  #hand(from: Client, line: string, echo: boolean): void {
    for (const client of this.#clients) {
      if (client.room !== from.room || (client === from && !echo)) continue;
      for (const copy of this.#tamper(client.nick, line, client.copies++)) client.socket.write(copy);
    }
  }
}

export type Login = { readonly user: string; readonly password: string };

/** What one nats-server needs to know. */
export type NatsNode = {
  /** Unique in its cluster and the same over restarts; or the environment variable that holds it. */
  readonly name: string | { readonly variable: string };
  readonly host: string;
  readonly port: number;
  /** Port of the HTTP monitoring (/healthz, /varz, /jsz). */
  readonly monitorPort: number;
  readonly login: Login;
  /** Who may look after the nodes themselves, by the system account; nobody unless given. */
  readonly systemLogin?: Login;
  readonly storeFolder: string;
  readonly storageBytes: number;
  /** Whether a message is on the disk before it is acknowledged. */
  readonly syncAlways: boolean;
  /** Where there is more than one node, or may be later. */
  readonly cluster?: NatsCluster;
  /** Where a node may be alone in its cluster. */
  readonly companion?: Companion;
};

/**
 * A second nats-server beside a node, without JetStream. A node of a cluster waits for somebody to talk to before it
 * takes part in a vote, even where it has the only one. Nothing passes between the two.
 */
export type Companion = { readonly port: number; readonly login: Login };

export type NatsCluster = {
  readonly name: string;
  readonly port: number;
  readonly login: Login;
  /** All nodes, this one too, as `host:port`. */
  readonly nodes: readonly string[];
  /** Where the other nodes are told that this one is, in place of where it listens. */
  readonly advertise?: string;
};

/**
 * nats-server's configuration. The text holds passwords: it belongs into a file that only its owner reads,
 * or into a Secret.
 */
export function natsConfig(node: NatsNode): string {
  return `server_name: ${value(node.name)}
listen: ${value(`${node.host}:${node.port}`)}
http: ${value(`${node.host}:${node.monitorPort}`)}

authorization {
  users: [ ${loginBlock(node.login)} ]
  timeout: 2
}
${
  node.systemLogin === undefined
    ? ""
    : `accounts { $SYS { users: [ ${loginBlock(node.systemLogin)} ] } }
`
}
jetstream {
  store_dir: ${value(node.storeFolder)}
  max_memory_store: ${megabytes(64)}
  max_file_store: ${node.storageBytes}
${node.syncAlways ? "  sync_interval: always\n" : ""}}
${node.cluster === undefined ? "" : `\n${clusterBlock(node.cluster, node.host)}`}${node.companion === undefined ? "" : `\n${leafBlock(node.companion)}`}
# A client or server that is gone without a word is noticed after at most three pings.
ping_interval: "2s"
ping_max: 2

# A client that does not read is closed, so that it does not slow the others.
write_deadline: "10s"
max_pending: ${megabytes(64)}
max_payload: ${megabytes(1)}

# A node that is told to go lets its clients move to the others bit by bit; 30 s is the least that there is.
lame_duck_grace_period: "2s"
lame_duck_duration: "30s"
`;
}

/** The configuration of a node's companion. It listens on loopback alone, and for nobody but the node. */
export function companionConfig({ port, login }: Companion): string {
  return `server_name: companion
listen: "127.0.0.1:-1"
authorization { users: [ ${loginBlock(login)} ] }
leafnodes {
  listen: ${value(`127.0.0.1:${port}`)}
  authorization ${loginBlock(login)}
}
`;
}

function leafBlock({ port, login }: Companion): string {
  const { user, password } = login;
  const url = `nats-leaf://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  return `leafnodes {
  reconnect: "1s"
  remotes: [ { url: ${value(url)}, deny_imports: ">", deny_exports: ">" } ]
}
`;
}

const loginBlock = ({ user, password }: Login): string =>
  `{ user: ${value(user)}, password: ${value(password)} }`;

function clusterBlock({ name, port, login, nodes, advertise }: NatsCluster, host: string): string {
  const { user, password } = login;
  const routes = nodes.map((node) =>
    value(`nats-route://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${node}`),
  );
  return `cluster {
  name: ${value(name)}
  listen: ${value(`${host}:${port}`)}
${advertise === undefined ? "" : `  advertise: ${value(advertise)}\n`}  authorization { user: ${value(user)}, password: ${value(password)}, timeout: 2 }
  # Addresses behind the Service or on this machine's loopback are of no use to clients.
  no_advertise: true
  ping_interval: "2s"
  ping_max: 2
  routes: [
    ${routes.join("\n    ")}
  ]
}
`;
}

const megabytes = (count: number): number => count * 1_048_576;

/** A string in nats-server's syntax, where a bare word that begins with $ is a variable. */
function value(given: string | { readonly variable: string }): string {
  return typeof given === "string" ? JSON.stringify(given) : `$${given.variable}`;
}

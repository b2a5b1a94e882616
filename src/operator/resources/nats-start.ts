import { createHash } from "node:crypto";
import { nameOf } from "./names.ts";
import type { StoredChatCluster } from "./options.ts";

/** Where things are for a node that starts. */
export type StartFolders = { readonly config: string; readonly store: string };

/** The variable that nats-server takes its name from. */
export const nodeNameVariable = "NATS_NODE_NAME";

/** What a volume's node is called, in its store. */
const nameFile = "node-name";

/** Of the folder with the configuration: what a node starts from whose volume is empty. */
export const startFiles = {
  script: "start.sh",
  config: "nats.conf",
  companion: "companion.conf",
  /** One line for each node. */
  nodes: "nodes",
  joinerPeers: "joiner-peers",
  founderPeers: "founder-peers",
  founderName: "founder-name",
} as const;

/**
 * The shell script that starts a NATS node. A node is named after its volume, not after its pod: what comes back
 * without its messages must not pass for the one that had them. An empty volume gets a name, and a list of the members
 * of its cluster: that of the founder, who is alone at first, or that of one who joins and never votes for itself.
 */
export function startScript({ config, store }: StartFolders): string {
  return `set -eu
umask 027
name_file='${store}/${nameFile}'
if [ ! -s "$name_file" ]; then
  if [ -e '${store}/jetstream/$G' ]; then
    echo 'This volume has messages, but no name of a node: another version of DisRoom made it. It stays as it is.' >&2
    exit 1
  fi
  meta='${store}/jetstream/$SYS/_js_/_meta_'
  mkdir -p "$meta"
  if [ "\${POD_NAME##*-}" = 0 ] && [ -s '${config}/${startFiles.founderName}' ]; then
    name=$(cat '${config}/${startFiles.founderName}')
    cat '${config}/${startFiles.founderPeers}' >"$meta/peers.idx"
  else
    read -r id </proc/sys/kernel/random/uuid
    name="$POD_NAME-\${id%%-*}"
    cat '${config}/${startFiles.joinerPeers}' >"$meta/peers.idx"
  fi
  # The name is written last: as long as it is not there, all this begins anew.
  sync
  printf %s "$name" >"$name_file.new"
  sync
  mv "$name_file.new" "$name_file"
  sync
fi
${nodeNameVariable}=$(cat "$name_file")
export ${nodeNameVariable}

# A node waits for somebody to talk to before it votes, be it alone in its cluster.
GOMEMLIMIT=32MiB GOMAXPROCS=1 nats-server --config '${config}/${startFiles.companion}' >/dev/null 2>&1 &
exec nats-server --config '${config}/${startFiles.config}'
`;
}

/**
 * Hands the leaderships of a node to others and closes its clients bit by bit. A node that is alone has nobody to hand
 * over to.
 */
export const leaveScript = ({ config }: StartFolders): string =>
  `[ "$(wc -l <${config}/${startFiles.nodes})" -le 1 ] || nats-server --signal ldm=1`;

/** What the founder is called. Where a new one founds anew, it is alone, and nobody knows of the old one. */
export const founderName = (cluster: StoredChatCluster): string =>
  `${nameOf(cluster, "nats")}-0-${cluster.metadata.uid.slice(0, 8)}`;

/** The pod whose node has this name. */
export const podOfNode = (node: string): string => node.slice(0, node.lastIndexOf("-"));

/** Members of a cluster as nats-server keeps them (peers.idx): how many it has, and the ids of those that are known. */
export function peersFile(size: number, names: readonly string[]): Buffer {
  const counts = Buffer.alloc(8);
  counts.writeUInt32LE(size, 0);
  counts.writeUInt32LE(names.length, 4);
  // Whether the cluster reaches beyond itself, of which nothing is known yet.
  const extension = Buffer.alloc(2);
  return Buffer.concat([counts, ...names.map((name) => Buffer.from(peerId(name))), extension]);
}

/** So many that one who joins never has the majority: it waits until a leader adds it. */
const never = 255;

export const founderPeers = (cluster: StoredChatCluster): Buffer => peersFile(1, [founderName(cluster)]);
export const joinerPeers = peersFile(never, []);

/** By what nats-server knows a node in votes: eight digits of base 62 from the hash of its name. */
export function peerId(name: string): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const hash = createHash("sha256").update(name).digest().subarray(0, 8);
  return Array.from(hash, (byte) => digits[byte % digits.length]).join("");
}

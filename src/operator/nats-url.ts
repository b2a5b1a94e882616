import type { Credentials } from "../cluster/credentials.ts";
import { natsUsers } from "./resources/credentials.ts";
import { natsAddress } from "./resources/names.ts";
import type { StoredChatCluster } from "./resources/options.ts";

/** Where the NATS of a ChatCluster is for the user that servers, workers and the operator are. */
export function natsUrl(cluster: StoredChatCluster, { nats }: Pick<Credentials, "nats">): string {
  return `nats://${natsUsers.clients}:${nats}@${natsAddress(cluster)}`;
}

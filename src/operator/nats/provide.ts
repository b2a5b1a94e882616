import type { NatsConnection } from "@nats-io/transport-node";
import type { Credentials } from "../../cluster/credentials.ts";
import {
  isTemporary,
  PartitionMismatch,
  type Provisioned,
  provisionStreams,
} from "../../cluster/provision.ts";
import { createLog } from "../../platform/log.ts";
import { closing, connectNats } from "../../platform/nats.ts";
import { natsUsers } from "../resources/credentials.ts";
import { natsAddress, natsNodes } from "../resources/names.ts";
import type { StoredChatCluster } from "../resources/options.ts";
import { goneMembers, isComplete, type MetaGroup, readMetaGroup, removeMember } from "./meta-group.ts";

/** Why NATS is not as it should be. */
export class NatsError extends Error {
  readonly reason: "NATSUnreachable" | "NATSBusy" | "PartitionMismatch" | "StreamsRefused";

  constructor(reason: NatsError["reason"], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** What NATS is like, and what was done to it. */
export type ProvidedNats = Provisioned & {
  /** Nodes that have a vote, and how many of them answered. */
  readonly members: number;
  readonly present: number;
  /** Names of nodes that had one and will never come back. */
  readonly removed: readonly string[];
  /** Whether there is nothing more to do until something changes. */
  readonly isSettled: boolean;
};

/** How long it may take to reach NATS, in milliseconds. */
const connectLimit = 5000;

/**
 * Makes NATS be as a ChatCluster says, as far as its own API goes: nodes that are gone for good have no vote, streams
 * and consumers are there, and have as many copies as there are nodes for. It does what can be done now and says what
 * is still to come; called again, it goes on from there.
 * `address`: another than that of the ChatCluster's Service, as `host:port`.
 * @throws NatsError
 */
export async function provideNats(
  cluster: StoredChatCluster,
  credentials: Credentials,
  signal: AbortSignal,
  address = natsAddress(cluster),
): Promise<ProvidedNats> {
  const connect = async (user: string, password: string): Promise<NatsConnection> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(connectLimit)]);
    const url = `nats://${user}:${password}@${address}`;
    try {
      return await connectNats(url, "disroom operator", createLog("operator", "silent"), { signal: limit });
    } catch (error) {
      const message = `NATS cannot be reached at ${address}: ${(error as Error).message}`;
      throw new NatsError("NATSUnreachable", message, error);
    }
  };
  const system = await connect(natsUsers.system, credentials.natsSystem);
  const { group, removed } = await closing(system, signal, () => tidyMembers(system, cluster));
  const connection = await connect(natsUsers.clients, credentials.nats);
  const isWhole = isComplete(group, cluster.spec.nats.replicas);
  const provisioned = await closing(connection, signal, () =>
    explained(() => provisionStreams(connection, cluster.spec, { mayRaise: isWhole })),
  );
  const isSettled = isWhole && provisioned.growing === undefined;
  const present = group.members.filter((member) => member.present).length;
  return { ...provisioned, members: group.size, present, removed, isSettled };
}

async function tidyMembers(
  system: NatsConnection,
  cluster: StoredChatCluster,
): Promise<{ group: MetaGroup; removed: string[] }> {
  const group = await explained(() => readMetaGroup(system));
  const removed: string[] = [];
  for (const member of goneMembers(group, natsNodes(cluster))) {
    await explained(() => removeMember(system, member));
    removed.push(member.name);
  }
  return { group, removed };
}

/** An error as a person is to read it. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof PartitionMismatch) throw new NatsError("PartitionMismatch", message, error);
    if (isTemporary(error)) throw new NatsError("NATSBusy", `NATS does not answer yet: ${message}`, error);
    throw new NatsError("StreamsRefused", `NATS refuses: ${message}`, error);
  }
}

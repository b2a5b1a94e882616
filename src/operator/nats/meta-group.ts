import { errors, type NatsConnection } from "@nats-io/transport-node";
import { podOfNode } from "../resources/nats-start.ts";

/** A NATS node that has a vote. */
export type Member = {
  readonly name: string;
  /** By which votes know it. */
  readonly id: string;
  /** Whether it has all that the leader has. */
  readonly current: boolean;
  /** Whether it answers. */
  readonly present: boolean;
};

/** The nodes that vote on which streams there are and where (JetStream's meta group), the leader first. */
export type MetaGroup = {
  /** How many there are to vote, also those that are known by their number alone. */
  readonly size: number;
  readonly members: readonly Member[];
};

type Answer = {
  readonly server?: { readonly name?: string };
  readonly data?: {
    readonly meta_cluster?: {
      readonly leader?: string;
      readonly peer?: string;
      readonly cluster_size?: number;
      readonly replicas?: readonly { name: string; peer: string; current?: boolean }[];
    };
  };
};

/** How long the nodes are waited for, and how long after the last that answered, in milliseconds. */
const answers = { maxWait: 2000, stall: 300 };

/**
 * Asks all nodes, by a connection to the system account, and believes the leader: what others know of each other is old.
 * Nor does a leader notice one that was gone before it led. Throws where there is none.
 */
export async function readMetaGroup(system: NatsConnection): Promise<MetaGroup> {
  const present = new Set<string>();
  let told: NonNullable<Answer["data"]>["meta_cluster"];
  const { maxWait, stall } = answers;
  for await (const message of await system.requestMany("$SYS.REQ.SERVER.PING.JSZ", "", {
    strategy: "stall",
    maxWait,
    stall,
  })) {
    const { server, data } = message.json<Answer>();
    if (server?.name === undefined) continue;
    present.add(server.name);
    if (data?.meta_cluster?.leader === server.name) told = data.meta_cluster;
  }
  if (told?.leader === undefined) throw new errors.TimeoutError();
  const leader = { name: told.leader, peer: told.peer ?? "", current: true };
  const members = [leader, ...(told.replicas ?? [])].map(({ name, peer, current = false }) => ({
    name,
    id: peer,
    current,
    present: present.has(name),
  }));
  return { size: told.cluster_size ?? 0, members };
}

/** Whether it is complete: `wanted` nodes, all there and with all that there is. */
export function isComplete({ size, members }: MetaGroup, wanted: number): boolean {
  return (
    size === wanted &&
    members.length === wanted &&
    members.every(({ current, present }) => current && present)
  );
}

/**
 * Members that will never come back, whose votes would be missed for ever: their pod has come back with an empty volume,
 * and so as another node, or they are too many. `pods`: those that there are to be. A leader that started while a member
 * was away knows its number, not its name. So what is of none of these pods is too many only once each of them has a
 * node in the group: before, it may be one that comes back.
 */
export function goneMembers({ members }: MetaGroup, pods: readonly string[]): Member[] {
  const replaced = new Set(
    members.filter(({ current, present }) => current && present).map(({ name }) => podOfNode(name)),
  );
  const areAllThere = pods.every((pod) => replaced.has(pod));
  return members.filter(({ name, present }) => {
    const pod = podOfNode(name);
    return !present && (replaced.has(pod) || (areAllThere && !pods.includes(pod)));
  });
}

/** Takes a member's vote away; the copies of streams that it had are made anew on others. */
export async function removeMember(system: NatsConnection, { id }: Member): Promise<void> {
  const request = JSON.stringify({ peer_id: id });
  const message = await system.request("$JS.API.SERVER.REMOVE", request, { timeout: 5000 });
  const { error } = message.json<{ error?: { err_code: number; description: string } }>();
  if (error !== undefined && error.err_code !== notAMember) throw new Error(error.description);
}

const notAMember = 10044;

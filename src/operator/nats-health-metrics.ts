import type { Registry } from "prom-client";
import { keyOf, type ObjectName } from "./kube/objects.ts";
import type { NatsHealth, StreamHealth } from "./nats-health.ts";
import { type Sample, sampledGauge } from "./sampled-gauge.ts";

export type NatsHealthMetrics = {
  /** What was read last; undefined where JetStream did not answer. */
  set(cluster: ObjectName, health: NatsHealth | undefined): void;
  /** The ChatCluster is gone, or looked after by another operator. */
  forget(cluster: ObjectName): void;
};

/** Metrics of the NATS of every ChatCluster, labelled with its namespace and name. What is not known is not there. */
export function natsHealthMetrics(registry: Registry): NatsHealthMetrics {
  const known = new Map<string, { cluster: ObjectName; health: NatsHealth | undefined }>();
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    read: (health: NatsHealth | undefined) => readonly Reading[],
  ): void =>
    sampledGauge(registry, `disroom_${name}`, help, ["namespace", "name", ...labels], () =>
      [...known.values()].flatMap(({ cluster: { namespace = "", name }, health }) =>
        read(health).flatMap(({ labels = {}, value }): Sample[] =>
          value === undefined ? [] : [{ labels: { namespace, name, ...labels }, value }],
        ),
      ),
    );
  const ofCluster = (name: string, help: string, read: (health: NatsHealth) => number | undefined): void =>
    gauge(name, help, [], (health) => (health === undefined ? [] : [{ value: read(health) }]));
  const ofStream = (name: string, help: string, read: (stream: StreamHealth) => number | undefined): void =>
    gauge(name, help, ["stream"], (health) =>
      (health?.streams ?? []).map((stream) => ({ labels: { stream: stream.name }, value: read(stream) })),
    );

  gauge("jetstream_up", "Whether JetStream answers: 1, or 0", [], (health) => [
    { value: Number(health !== undefined) },
  ]);
  ofCluster("jetstream_storage_bytes", "Bytes of all copies of all streams", (of) => of.storageBytes);
  ofCluster(
    "jetstream_storage_limit_bytes",
    "Bytes that all NATS nodes together may keep",
    (of) => of.storageLimitBytes,
  );
  ofCluster("dead_letters", "Messages in the stream of those that were set aside", (of) => of.deadLetters);
  ofStream("stream_replicas_current", "Copies of a stream that have all of it", (of) => of.replicasCurrent);
  ofStream("stream_replicas_wanted", "Copies that a stream is to have", (of) => of.replicasWanted);
  ofStream("stream_bytes", "Bytes in a stream, of one copy", (of) => of.bytes);
  ofStream("stream_limit_bytes", "Bytes that a stream may have at most, of one copy", (of) => of.limitBytes);
  return {
    set: (cluster, health) => void known.set(keyOf(cluster), { cluster, health }),
    forget: (cluster) => void known.delete(keyOf(cluster)),
  };
}

type Reading = { readonly labels?: Readonly<Record<string, string>>; readonly value: number | undefined };

/** What a part serves as Prometheus text. */
export async function metricsOf(address: string): Promise<string> {
  const answer = await fetch(`http://${address}/metrics`);
  return answer.text();
}

type Sample = { readonly labels: string; readonly value: number };

/** The samples of a metric in Prometheus text. */
function samplesOf(text: string, name: string): Sample[] {
  return [...text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].flatMap(([, found, labels = "", value]) =>
    found === name ? [{ labels, value: Number(value) }] : [],
  );
}

/** The sum of all samples of a metric in what a part serves as Prometheus text. Throws when it has none. */
export async function metricSum(address: string, name: string): Promise<number> {
  return sumOfMetric(await metricsOf(address), name, address);
}

/** The same in the text itself; `from` is who served it. */
export function sumOfMetric(text: string, name: string, from: string): number {
  const samples = samplesOf(text, name);
  if (samples.length === 0) throw new Error(`${from} has no metric ${name}`);
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/** Batches and their bytes that wait in ChatIngress, by a NATS node's own monitoring. */
export async function queueBacklog(natsAddress: string): Promise<{ batches: number; bytes: number }> {
  const answer = await fetch(`http://${natsAddress}/jsz?streams=true`);
  const { account_details: accounts = [] } = (await answer.json()) as Jsz;
  const stream = accounts
    .flatMap(({ stream_detail: streams = [] }) => streams)
    .find(({ name }) => name === "ChatIngress");
  if (stream === undefined) throw new Error(`${natsAddress} has no stream ChatIngress`);
  return { batches: stream.state.messages, bytes: stream.state.bytes };
}

type Jsz = {
  account_details?: {
    stream_detail?: { name: string; state: { messages: number; bytes: number } }[];
  }[];
};

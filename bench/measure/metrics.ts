/** The sum of all samples of a metric in what a part serves as Prometheus text. Throws when it has none. */
export async function metricSum(address: string, name: string): Promise<number> {
  const answer = await fetch(`http://${address}/metrics`);
  const samples = [...(await answer.text()).matchAll(/^(\w+)(?:\{.*\})? (\S+)$/gm)].filter(
    ([, found]) => found === name,
  );
  if (samples.length === 0) throw new Error(`${address} has no metric ${name}`);
  return samples.reduce((sum, [, , value]) => sum + Number(value), 0);
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

const unitBytes: Record<string, number> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * Bytes of a Kubernetes quantity such as `10Gi` or `500M`: whole numbers of bytes, which is all that a
 * ChatCluster takes. Throws for anything else.
 */
export function parseBytes(quantity: string): number {
  const match = /^(\d+)([KMGT]i|[kMGT]|)$/.exec(quantity);
  const bytes = Number(match?.[1]) * (unitBytes[match?.[2] ?? ""] ?? Number.NaN);
  if (Number.isNaN(bytes)) throw new Error(`not a size such as 10Gi or 500M: "${quantity}"`);
  return bytes;
}

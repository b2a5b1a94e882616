/** Finds what an expression of the monitoring speaks of. It knows the shapes that stand there, not all of PromQL. */

const metric = String.raw`\b(?:disroom|controller_runtime|workqueue|rest_client|leader_election|process|nodejs)_\w+(?:\{[^}]*\})?`;

/** The selectors of an expression: metrics, with the labels that are asked of them. */
export function selectorsOf(expr: string): string[] {
  return [...new Set(expr.match(new RegExp(metric, "g")) ?? [])];
}

export type Grouping = { readonly labels: readonly string[]; readonly selector: string };

/** What is summed up by which labels. Throws where the expression has a `by` of a shape that it does not know. */
export function groupingsOf(expr: string): Grouping[] {
  const found = [...expr.matchAll(new RegExp(String.raw`\bby \(([^)]*)\) \((?:\w+\()*(${metric})`, "g"))];
  if (found.length !== [...expr.matchAll(/\bby\b/g)].length) throw new Error(`not understood: ${expr}`);
  return found.map(([, labels = "", selector = ""]) => ({ labels: labels.split(", "), selector }));
}

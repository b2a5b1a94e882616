import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { parseBytes } from "../../src/cluster/quantity.ts";

type Container = {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly resources: { readonly limits: { readonly memory: string } };
};
type Deployment = {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container] } } };
};

/** How deploy/operator.yaml lets the operator use memory. */
export type OperatorContainer = {
  /** In bytes. */
  readonly memoryLimit: number;
  readonly env: Readonly<Record<string, string>>;
};

/** Here is no container: shares of its memory become what they are of its limit. */
export function operatorContainer(
  manifests = readFileSync("deploy/operator.yaml", "utf8"),
): OperatorContainer {
  const objects = parseAllDocuments(manifests).map((document) => document.toJS() as Deployment | null);
  const deployment = objects.find((object) => object?.kind === "Deployment");
  if (deployment == null) throw new Error("deploy/operator.yaml has no Deployment");
  const [{ env, resources }] = deployment.spec.template.spec.containers;
  const memoryLimit = parseBytes(resources.limits.memory);
  const inMebibytes = (_: string, percentage: string): string =>
    `--max-old-space-size=${Math.floor((memoryLimit * Number(percentage)) / 100 / 2 ** 20)}`;
  return {
    memoryLimit,
    env: Object.fromEntries(
      env.map(({ name, value }) => [
        name,
        value.replace(/--max-old-space-size-percentage=(\d+)/g, inMebibytes),
      ]),
    ),
  };
}

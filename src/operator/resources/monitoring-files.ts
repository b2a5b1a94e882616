import { readFileSync } from "node:fs";
import { parse } from "yaml";

export type RuleGroup = {
  readonly name: string;
  readonly rules: readonly { readonly expr: string; readonly [field: string]: unknown }[];
};

export type DashboardFile = {
  readonly uid: string;
  readonly title: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly [field: string]: unknown;
};

/** monitoring/rules/chat-cluster.yaml. */
export const chatClusterRules = once(
  () => (parse(read("rules/chat-cluster.yaml")) as { groups: RuleGroup[] }).groups,
);

/** monitoring/dashboards/chat-cluster.json. */
export const chatClusterDashboard = once(
  () => JSON.parse(read("dashboards/chat-cluster.json")) as DashboardFile,
);

/** As far from here in src/ as in dist/. */
function read(file: string): string {
  return readFileSync(new URL(`../../../monitoring/${file}`, import.meta.url), "utf8");
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

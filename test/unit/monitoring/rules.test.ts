import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { prometheusProgram } from "../../support/prometheus.ts";

type Alert = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

type Tests = {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly input_series: readonly { readonly series: string }[];
    readonly promql_expr_test: readonly { readonly exp_samples?: readonly { readonly labels: string }[] }[];
  }[];
};

const names = ["chat-cluster", "operator"];
const rulesOf = (name: string): Alert[] => {
  const { groups } = parse(readFileSync(`monitoring/rules/${name}.yaml`, "utf8")) as {
    groups: { rules: Alert[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
};
const alerts = names.flatMap(rulesOf);

/** What promtool says; throws, with what it says, where it finds fault. */
function promtool(...args: string[]): string {
  return execFileSync(prometheusProgram("promtool"), args, { encoding: "utf8", stdio: "pipe" });
}

describe.each(names)("the rules %s", (name) => {
  test("are such that Prometheus takes them", () => {
    expect(promtool("check", "rules", `monitoring/rules/${name}.yaml`)).toContain("SUCCESS");
  });

  test("fire when they should, and not when they should not", () => {
    expect(promtool("test", "rules", `monitoring/tests/${name}.yaml`)).toContain("SUCCESS");
  });

  test("each have a test in which they fire, beside something of which they do not", () => {
    const { tests } = parse(readFileSync(`monitoring/tests/${name}.yaml`, "utf8"), { merge: true }) as Tests;
    const tested = tests.flatMap(({ promql_expr_test: [early, late], input_series }) => {
      expect(early).not.toHaveProperty("exp_samples");
      expect(input_series.some(({ series }) => /="(good|else)"/.test(series))).toBe(true);
      return (late?.exp_samples ?? []).map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1]);
    });
    expect([...new Set(tested)].toSorted()).toEqual(
      rulesOf(name)
        .map(({ alert }) => alert)
        .toSorted(),
    );
  });
});

test.each(alerts)(
  "$alert says how bad it is, what people notice, and what to do",
  ({ alert, expr, labels, annotations }) => {
    expect(labels).toEqual({ severity: expect.stringMatching(/^(critical|warning)$/) });
    expect(annotations).toEqual({
      summary: expect.stringMatching(/^\w.*\.$/),
      description: expect.stringMatching(/^\S[\s\S]*\.$/),
      runbook_url: `https://github.com/disroom/disroom/blob/main/docs/runbooks/${alert}.md`,
    });
    // Labels that are not there would be shown as nothing.
    const kept = [...expr.matchAll(/by \(([^)]*)\)/g)].map(([, by = ""]) => by.split(", "));
    for (const text of Object.values(annotations)) {
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) {
        for (const by of kept) expect(by, alert).toContain(label);
      }
    }
  },
);

test("the rules of ChatClusters have metrics of DisRoom only, so that they can be narrowed down to one", () => {
  for (const { expr } of rulesOf("chat-cluster")) {
    const words = expr
      .replaceAll(/\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)/g, "")
      .match(/[a-z_]\w*/gi)
      ?.filter((word) => !word.startsWith("disroom_"));
    const known = ["max", "min", "sum", "count", "rate", "increase", "and", "or", "unless"];
    expect(known).toEqual(expect.arrayContaining(words ?? []));
  }
});

test("each alert has its runbook, and each runbook its alert", () => {
  const runbooks = readdirSync("docs/runbooks").toSorted();
  expect(runbooks).toEqual(alerts.map(({ alert }) => `${alert}.md`).toSorted());
  const index = readFileSync("docs/monitoring.md", "utf8");
  for (const { alert, labels } of alerts) {
    const text = readFileSync(`docs/runbooks/${alert}.md`, "utf8");
    expect(text.startsWith(`# ${alert}\n`), alert).toBe(true);
    expect([...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual([
      "What it means",
      "How to check",
      "How to mend it",
    ]);
    expect(index).toContain(`| [${alert}](runbooks/${alert}.md) | ${labels.severity} |`);
  }
});

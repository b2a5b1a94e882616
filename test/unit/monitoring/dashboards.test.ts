import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

type Dashboard = { panels: { targets?: { expr: string }[] }[] };

test.each([
  ["chat-cluster", 'role=~"server|worker"'],
  ["operator", 'role="operator"'],
])(
  "the dashboard %s has processes of DisRoom alone, not the exporters beside NATS and Redis",
  (name, role) => {
    const { panels } = JSON.parse(readFileSync(`monitoring/dashboards/${name}.json`, "utf8")) as Dashboard;
    const selectors = panels
      .flatMap(({ targets = [] }) => targets)
      .flatMap(({ expr }) => expr.match(/\b(?:process|nodejs)_\w+(?:\{[^}]*\})?/g) ?? []);
    expect(selectors.length).toBeGreaterThan(2);
    for (const selector of selectors) expect(selector).toContain(role);
  },
);

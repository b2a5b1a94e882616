import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { helm, kubeVersion } from "../support/helm.ts";

/** The commands with Helm in what people read are ones that Helm and the charts take. */

/** Options of installations that `helm template` does not have. */
const onlyInstalls = /^--(create-namespace|wait|install|reset-then-reuse-values|take-ownership)$/;

const commands = ["README.md", ...globSync(["docs/*.md", "charts/*/README.md"])].flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(/(?:^|`)(helm (?:install|upgrade|template) [^`\n|]*)/gm)].map(
    ([, command = ""]) => [file, command.trim()] as const,
  ),
);

test("there are some", () => {
  expect(new Set(commands.map(([file]) => file)).size).toBeGreaterThan(3);
});

test.each(commands.filter(([, command]) => !command.includes("my-spec.yaml")))(
  "%s: %s",
  async (_, command) => {
    const [, , ...words] = command.split(" ").map((word) => word.replaceAll("'", ""));
    const args = words.filter((word) => !onlyInstalls.test(word));
    expect(await helm("template", ...args, kubeVersion)).toContain("kind: ");
  },
);

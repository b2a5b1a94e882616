import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nodeEnvironment, nodeFlags } from "../../../src/cluster/process-settings.ts";
import { variableName } from "../../../src/platform/settings.ts";
import { serverSettings } from "../../../src/server/settings.ts";

const packageJson = JSON.parse(readFileSync("package.json", "utf8"));

type Instruction = { readonly name: string; readonly text: string };

/** The stages of the Dockerfile; the first one is what stands before all of them. */
const stages: Instruction[][] = [[]];
const lines = readFileSync("Dockerfile", "utf8")
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll("\\\n", " ")
  .split("\n");
for (const line of lines.filter((each) => each.trim() !== "")) {
  const [name = "", ...rest] = line.trim().split(/\s+/);
  if (name === "FROM") stages.push([]);
  stages.at(-1)?.push({ name, text: rest.join(" ") });
}
const image = stages.at(-1) ?? [];

const all = (name: string): string[] => image.filter((each) => each.name === name).map(({ text }) => text);

function one(name: string): string {
  const [text, ...others] = all(name);
  if (text === undefined || others.length > 0) throw new Error(`not one ${name}`);
  return text;
}

/** Of `ENV A="1" B="2"`, say. */
const pairs = (texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    texts.flatMap((text) =>
      [...text.matchAll(/(\S+?)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]),
    ),
  );

test("every stage has the Node.js that package.json pins", () => {
  const base = `BASE=docker.io/library/node:${packageJson.devDependencies.node}-bookworm-slim`;
  expect(stages[0]).toEqual([{ name: "ARG", text: base }]);
  const from = stages.slice(1).map(([first]) => first?.text);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Docker's.
  expect(from).toEqual(["${BASE} AS build", "${BASE}"]);
});

test("Node.js runs as process-settings.ts says, without a shell", () => {
  expect(JSON.parse(one("ENTRYPOINT"))).toEqual([
    "/usr/local/bin/node",
    ...nodeFlags,
    "/disroom/dist/main.js",
  ]);
});

test("the environment is what process-settings.ts says, and addresses that others can reach", () => {
  expect(pairs(all("ENV"))).toEqual({
    ...nodeEnvironment,
    [variableName("host")]: "0.0.0.0",
    [variableName("httpHost")]: "0.0.0.0",
  });
});

test("the ports are those that roles listen on", () => {
  const { port, httpPort } = serverSettings;
  expect(one("EXPOSE")).toBe(`${port.default} ${httpPort.default}`);
});

test("it does not run as root, and the user is a number", () => {
  expect(one("USER")).toMatch(/^[1-9]\d*:[1-9]\d*$/);
});

test("its labels are those of package.json", () => {
  expect(pairs(all("LABEL"))).toMatchObject({
    "org.opencontainers.image.description": packageJson.description,
    "org.opencontainers.image.licenses": packageJson.license,
  });
});

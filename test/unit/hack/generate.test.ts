import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const crd = "crds/chatclusters.disroom.io.yaml";
const operator = "charts/disroom-operator";
const cluster = "charts/disroom-cluster";

/** Has what files are made from, and those files; what is changed there is changed nowhere else. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disroom-generate-"));
  for (const each of ["crds", "charts", "monitoring", "deploy", "src/cluster/chat-cluster.ts"]) {
    if (existsSync(each)) cpSync(each, join(folder, each), { recursive: true });
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function change(file: string, before: string, after: string): void {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  expect(text).toContain(before);
  writeFileSync(path, text.replace(before, after));
}

function add(file: string, text: string): void {
  mkdirSync(join(folder, file, ".."), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function run(program: string, ...args: string[]): { status: number | null; stderr: string } {
  return spawnSync(process.execPath, [resolve(program), ...args], { cwd: folder, encoding: "utf8" });
}

/** The files that a check calls stale, if any. */
function stale(): string[] {
  const { status, stderr } = run("hack/generate.ts", "--check");
  const files = stderr
    .split("\n")
    .flatMap((line) => /^(.*): is not what .* says; run `npm run generate`$/.exec(line)?.[1] ?? []);
  expect(status).toBe(files.length === 0 ? 0 : 1);
  return files;
}

test("what is made from others is what they say", () => {
  expect(run("hack/generate.ts", "--check")).toMatchObject({ status: 0, stderr: "" });
  expect(run("hack/charts/manifests.ts", "--check")).toMatchObject({ status: 0, stderr: "" });
});

const table = (chart: string): string => `${chart}/README.md`;
const description = "What the container is guaranteed.";

test.each<[string, () => void, string[]]>([
  [
    "a new field of the CRD",
    () =>
      change(
        crd,
        "                paused:\n",
        "                topic: { type: string }\n                paused:\n",
      ),
    ["src/cluster/chat-cluster.ts", `${operator}/files/${crd}`, `${cluster}/values.schema.json`],
  ],
  [
    "another name that a ChatCluster may have",
    () => change(crd, "maxLength: 40", "maxLength: 30"),
    [`${operator}/files/${crd}`, `${cluster}/values.schema.json`],
  ],
  [
    "other words in a schema",
    () => change(`${cluster}/values.schema.json`, description, "What it gets."),
    [`${cluster}/values.schema.json`, table(cluster)],
  ],
  [
    "another default",
    () => change(`${operator}/values.yaml`, "replicas: 2", "replicas: 3"),
    [table(operator)],
  ],
  [
    "other words above a value",
    () => change(`${operator}/values.yaml`, "# How many operators run.", "# Operators."),
    [table(operator)],
  ],
  [
    "a new dashboard",
    () => add("monitoring/dashboards/new.json", "{}"),
    [`${operator}/files/dashboards/new.json`],
  ],
  ["new rules", () => add("monitoring/rules/new.yaml", "groups: []"), [`${operator}/files/rules/new.yaml`]],
  [
    "a copy of what is gone",
    () => add(`${operator}/files/rules/old.yaml`, "groups: []"),
    [`${operator}/files/rules/old.yaml`],
  ],
])("%s makes the check fail until files are written again", (_, make, files) => {
  make();
  const found = stale();
  expect(found).toEqual(expect.arrayContaining(files));
  if (found.includes("src/cluster/chat-cluster.ts")) {
    // The new field has no words yet, which its table needs.
    expect(run("hack/generate.ts").stderr).toContain("spec.topic: nothing says what it means");
    change(crd, "topic: { type: string }", "topic: { type: string, description: Of what people talk. }");
  }
  expect(run("hack/generate.ts").status).toBe(0);
  expect(stale()).toEqual([]);
});

test.each([
  [
    "a value that the schema does not know",
    "replicas: 2\n",
    "replicas: 2\n# New.\nnovel: 1\n",
    "novel: is not in the schema",
  ],
  [
    "a value without words",
    "# How many operators run. One acts; another one takes over within 20 seconds when that one is gone.\n",
    "\n",
    "replicas: nothing says what it means",
  ],
])("%s is a mistake", (_, before, after, message) => {
  change(`${operator}/values.yaml`, before, after);
  expect(run("hack/generate.ts")).toMatchObject({ status: 1, stderr: expect.stringContaining(message) });
});

test.each([
  [`${operator}/values.yaml`, "replicas: 2", "replicas: 3"],
  [`${operator}/templates/_rules.tpl`, "verbs: [get, patch]", "verbs: [get, list, patch]"],
  [`${operator}/Chart.yaml`, "appVersion: 0.1.0", "appVersion: 0.2.0"],
  ["deploy/operator.yaml", "sha256 of that: ", "sha256 of that: 0"],
])("a change of %s makes deploy/ stale", (file, before, after) => {
  change(file, before, after);
  expect(run("hack/charts/manifests.ts", "--check")).toMatchObject({
    status: 1,
    stderr: `deploy/operator.yaml: is not what ${operator} says; run \`make manifests\`\n`,
  });
});

test("`npm run check` asks for all of it", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(scripts.check).toContain("node hack/generate.ts --check");
  expect(scripts.check).toContain("node hack/charts/manifests.ts --check");
  expect(scripts.generate).toBe("node hack/generate.ts");
});

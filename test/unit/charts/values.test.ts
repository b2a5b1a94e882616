import { globSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { shownDefault } from "../../../src/help.ts";
import { operatorSettings } from "../../../src/operator/settings.ts";
import { optionName } from "../../../src/platform/settings.ts";
import { everyField } from "../../support/every-field.ts";

/** What is said in the charts and elsewhere is said alike. */

const text = (file: string): string => readFileSync(file, "utf8");
const values = parse(text("charts/disroom-operator/values.yaml"));
const deployment = text("charts/disroom-operator/templates/deployment.yaml");

test.each(["disroom-operator", "disroom-cluster"])("%s has the version in package.json", (chart) => {
  const { version } = JSON.parse(text("package.json"));
  expect(parse(text(`charts/${chart}/Chart.yaml`))).toMatchObject({
    name: chart,
    version,
    appVersion: version,
  });
});

test("every setting of the operator is a value, or the chart's own to say", () => {
  const said = Object.keys(operatorSettings).filter((name) => deployment.includes(optionName(name)));
  // The image has them; the operator finds out its pod's namespace.
  const left = ["httpHost", "httpPort", "leaseNamespace"];
  expect([...Object.keys(values.settings), ...said, ...left].toSorted()).toEqual(
    Object.keys(operatorSettings).toSorted(),
  );
});

test("settings have the defaults that the operator has by itself", () => {
  const defaults = Object.entries(operatorSettings).map(([name, { default: fallback, parse: read }]) => [
    name,
    shownDefault(fallback, read as (text: string) => unknown),
  ]);
  const shown = Object.entries(values.settings).map(([name, value]) => [name, String(value)]);
  expect(defaults).toEqual(expect.arrayContaining(shown));
});

test("the port is the operator's", () => {
  const ports = globSync("charts/disroom-operator/templates/*.yaml").flatMap((file) =>
    [...text(file).matchAll(/\b808\d\b/g)].map(([port]) => Number(port)),
  );
  expect(new Set(ports)).toEqual(new Set([operatorSettings.httpPort.default]));
});

const accepts = new Ajv({ strict: false }).compile(
  JSON.parse(text("charts/disroom-cluster/values.schema.json")),
);

test("a cluster's schema knows every field", () => {
  expect(accepts({ global: {}, name: "demo", labels: {}, annotations: {}, spec: everyField })).toBe(true);
  for (const file of globSync("examples/*.yaml"))
    expect(accepts({ spec: parse(text(file)).spec })).toBe(true);
});

/** `object` with a misspelt field in each group of fields in turn, and where that is. */
function* misspelt(object: object, at = ""): Generator<[place: string, object: object]> {
  yield [at, { ...object, naem: 1 }];
  for (const [name, inner] of Object.entries(object)) {
    const groups = Array.isArray(inner) ? inner.entries() : [[undefined, inner] as const];
    for (const [index, group] of groups) {
      if (typeof group !== "object") continue;
      for (const [place, wrong] of misspelt(group, `${at}.${name}`)) {
        yield [place, { ...object, [name]: index === undefined ? wrong : inner.with(index, wrong) }];
      }
    }
  }
}

test("a cluster's schema refuses a misspelt field wherever fields have names", () => {
  const all = [...misspelt(everyField)];
  expect(all.length).toBeGreaterThan(30);
  const taken = all.filter(([, spec]) => accepts({ spec })).map(([place]) => place);
  // Resources can be of any kind, and what is in an affinity Kubernetes alone knows.
  expect(taken.filter((place) => !/\.(requests|limits|affinity(\..*)?)$/.test(place))).toEqual([]);
  expect(accepts({ sepc: {} })).toBe(false);
});

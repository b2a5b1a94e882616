import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

/** Every link within the project, and every heading that one points to, is there. */

const files = globSync("**/*.md", { exclude: (path) => /(^|\/)(node_modules|dist|\.[^/]*)$/.test(path) });

/** What people see as text, not as code. */
function proseOf(file: string): string {
  return readFileSync(file, "utf8")
    .replace(/^```.*?^```/gms, "")
    .replace(/`[^`\n]*`/g, "code");
}

/** Targets of links and images of a page: `[text](target)`, not those with a scheme. */
function linksOf(file: string): string[] {
  return [...proseOf(file).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) =>
    /^[a-z]+:/.test(target) ? [] : [target],
  );
}

/** Anchors as GitHub makes them of headings: lower case, no punctuation, hyphens for spaces, a number for a repeated one. */
function anchorsOf(file: string): Set<string> {
  const text = readFileSync(file, "utf8").replace(/^```.*?^```/gms, "");
  const seen = new Map<string, number>();
  const anchors = [...text.matchAll(/^#{1,6} +(.+?)\s*$/gm)].map(([, heading = ""]) => {
    const anchor = heading
      .replace(/\]\([^)]*\)/g, "]")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\- _]/gu, "")
      .replaceAll(" ", "-");
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
  return new Set(anchors);
}

/** What is wrong with a link of `file`; undefined if it leads somewhere. */
function problemOf(file: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const to = path === "" ? file : normalize(join(dirname(file), path));
  if (to.startsWith("..")) return `${target} leads out of the project`;
  if (!existsSync(to)) return `${target}: there is no ${to}`;
  if (anchor === undefined) return undefined;
  if (!statSync(to).isFile() || !to.endsWith(".md")) return `${target}: ${to} has no headings`;
  return anchorsOf(to).has(anchor) ? undefined : `${target}: ${to} has no such heading`;
}

test("there are pages, links and links to headings", () => {
  const links = files.flatMap(linksOf);
  expect(files).toContain("README.md");
  expect(links.length).toBeGreaterThan(50);
  expect(links.filter((link) => link.includes("#")).length).toBeGreaterThan(5);
});

test.each(files)("the links of %s lead somewhere", (file) => {
  expect(linksOf(file).flatMap((target) => problemOf(file, target) ?? [])).toEqual([]);
});

test("README.md leads to every page for those who run it", () => {
  expect(linksOf("README.md")).toEqual(expect.arrayContaining(globSync("docs/*.md")));
});

test.each([
  ["docs/none.md", "there is no docs/none.md"],
  ["ARCHITECTURE.md#no-such-heading", "ARCHITECTURE.md has no such heading"],
  ["docs#a", "docs has no headings"],
  ["../elsewhere.md", "leads out of the project"],
])("a link to %s is found to lead nowhere", (target, why) => {
  expect(problemOf("README.md", target)).toContain(why);
});

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "./machine.ts";
import { markdownOf, sectionLines } from "./markdown.ts";
import { type Curve, plotOf } from "./plot.ts";
import type { Section } from "./section.ts";

const plotFile = "latency.svg";

/** What has been measured so far; written anew after each part, so that a long run that is ended leaves something. */
export class BenchReport {
  readonly #folder: string;
  readonly #machine: Machine;
  readonly #whenWell: string;
  readonly #sections: Section[] = [];
  #plot: string | undefined;

  /** `whenWell`: what it says where nothing failed. */
  constructor(folder: string, machine: Machine, whenWell: string) {
    this.#folder = folder;
    this.#machine = machine;
    this.#whenWell = whenWell;
    mkdirSync(folder, { recursive: true });
  }

  get failures(): string[] {
    return this.#sections.flatMap(({ failures }) => failures);
  }

  plot(curves: readonly Curve[]): void {
    const { processor, date } = this.#machine;
    this.#plot = plotOf(curves, `20 rooms of 10, all send, 64 bytes; ${processor}, ${date?.slice(0, 10)}`);
  }

  add(section: Section): void {
    this.#sections.push(section);
    console.log(`\n${sectionLines(section).join("\n")}\n`);
    const write = (file: string, text: string): void => writeFileSync(join(this.#folder, file), text);
    if (this.#plot !== undefined) write(plotFile, this.#plot);
    write("results.md", markdownOf(this.#machine, this.#sections, this.#plot && plotFile, this.#whenWell));
    write(
      "results.json",
      `${JSON.stringify({ machine: this.#machine, sections: this.#sections }, undefined, 2)}\n`,
    );
  }
}

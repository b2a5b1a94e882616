import { createHash } from "node:crypto";

const annotation = "disroom.io/config-hash";

/**
 * An annotation for a pod template, so that pods are made anew when what they read once at their start is another,
 * and only then: `config` is what is not in the template itself. It may hold passwords of full strength.
 */
export function configHash(...config: readonly string[]): Readonly<Record<string, string>> {
  const hash = createHash("sha256").update(JSON.stringify(config)).digest("hex");
  return { [annotation]: hash.slice(0, 16) };
}

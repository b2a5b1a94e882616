import { chatClusterSchema, type Schema } from "../../src/cluster/schema.ts";

export type CrdRule = {
  /** The field that it speaks of, such as `spec.nats.replicas`. */
  readonly field: string;
  readonly message: string;
  /** Whether it compares an object with the one before. */
  readonly isTransition: boolean;
};

/** The CEL rules of the CRD. */
export function crdRules(): CrdRule[] {
  return rulesIn(chatClusterSchema(), "");
}

type CelRule = { rule: string; message: string; fieldPath?: string };

function rulesIn(schema: Schema, at: string): CrdRule[] {
  const own = ((schema["x-kubernetes-validations"] ?? []) as CelRule[]).map(
    ({ rule, message, fieldPath = "" }) => ({
      field: `${at}${fieldPath}`,
      message,
      isTransition: rule.includes("oldSelf"),
    }),
  );
  const inner = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    rulesIn(property, at === "" ? name : `${at}.${name}`),
  );
  return [...own, ...inner];
}

import { parseAllDocuments } from "yaml";
import { UsageError } from "../platform/settings.ts";
import type { ChatCluster } from "./chat-cluster.ts";
import { brokenRules } from "./rules.ts";
import { fillAndCheck } from "./schema.ts";

export type { ChatCluster, ChatClusterSpec } from "./chat-cluster.ts";

/**
 * The one ChatCluster in `yamlText`, checked and with its defaults filled in; other objects are left alone.
 * Throws a UsageError whose message has a line for each mistake: `<fileName>: <field>: <what it must be>`.
 */
export function loadChatCluster(yamlText: string, fileName = "chatcluster.yaml"): ChatCluster {
  const found = parseObjects(yamlText, fileName).filter(isChatCluster);
  if (found.length !== 1) {
    const many = found.length === 0 ? "no ChatCluster" : `${found.length} ChatClusters`;
    throw new UsageError(
      `${fileName}: holds ${many}; it must hold one object of apiVersion disroom.io/v1alpha1, kind ChatCluster`,
    );
  }
  return checkChatCluster(found[0], fileName);
}

/** Like loadChatCluster, for an object that has been parsed; `object` itself stays as it is. */
export function checkChatCluster(object: unknown, fileName = "chatcluster.yaml"): ChatCluster {
  const filled = structuredClone(object);
  const mistakes = fillAndCheck(filled);
  const problems = mistakes.length > 0 ? mistakes : brokenRules((filled as ChatCluster).spec);
  if (problems.length > 0) {
    throw new UsageError(problems.map((problem) => `${fileName}: ${problem}`).join("\n"));
  }
  return filled as ChatCluster;
}

function parseObjects(yamlText: string, fileName: string): unknown[] {
  const documents = parseAllDocuments(yamlText);
  if (!Array.isArray(documents)) return [];
  for (const { errors } of documents) {
    const [error] = errors;
    if (error !== undefined) throw new UsageError(`${fileName}: ${error.message.split(":\n")[0]}`);
  }
  try {
    return documents.map((document) => document.toJS());
  } catch (error) {
    // An alias that stands for nothing shows only here.
    throw new UsageError(`${fileName}: ${(error as Error).message}`);
  }
}

const isChatCluster = (object: unknown): boolean =>
  (object as { kind?: unknown } | null)?.kind === "ChatCluster";

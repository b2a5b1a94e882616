import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import {
  blobFile,
  type Descriptor,
  imagesFolder,
  nameOf,
  readIndex,
  withName,
  writeIndex,
} from "../../kube/images/layout.ts";

type Manifest = { readonly config: Descriptor; readonly [field: string]: unknown };
type Config = {
  readonly config: { readonly Env: readonly string[]; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
};

/** Loaded before anything else: a worker then works on one batch at a time, and for a while on each message. */
const slowRouting = (milliseconds: number): string => `
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "file:///disroom/dist/worker/worker.js";
import { decodeSections } from "file:///disroom/dist/chat/batch.js";
import { headers } from "file:///disroom/dist/chat/subjects.js";
const start = Worker.start;
const around = (handle) => async (delivery) => {
  const { headers: told, data } = delivery.message;
  const sections = decodeSections(told?.get(headers.sections), data);
  await delay(${milliseconds} * sections.reduce((sum, { messages }) => sum + messages, 0));
  return handle(delivery);
};
Worker.start = (options) => start.call(Worker, { ...options, settings: { ...options.settings, slots: 1 }, around });
`;

/**
 * Adds an image for the local Kubernetes that is `image` but for its workers, which take `milliseconds` for each
 * message; its name. Images that nobody needs go when one is built.
 */
export function addSlowImage(image: string, milliseconds: number): string {
  const folder = imagesFolder();
  const index = readIndex(folder);
  const original = index.manifests.find((each) => nameOf(each) === image);
  if (original === undefined) throw new Error(`there is no image ${image}`);
  const manifest = read<Manifest>(folder, original);
  const config = read<Config>(folder, manifest.config);
  const module = Buffer.from(slowRouting(milliseconds)).toString("base64");
  const Env = [...config.config.Env, `NODE_OPTIONS=--import=data:text/javascript;base64,${module}`];
  const slowConfig = write(folder, manifest.config, { ...config, config: { ...config.config, Env } });
  const slow = write(folder, original, { ...manifest, config: slowConfig });
  const name = `${image}-slow-${slow.digest.slice("sha256:".length, 20)}`;
  const others = index.manifests.filter((each) => nameOf(each) !== name);
  writeIndex(folder, { ...index, manifests: [...others, withName(slow, name)] });
  return name;
}

function read<T>(folder: string, { digest }: Descriptor): T {
  return JSON.parse(readFileSync(blobFile(folder, digest), "utf8"));
}

function write(folder: string, { mediaType }: Descriptor, content: object): Descriptor {
  const text = JSON.stringify(content);
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  writeFileSync(blobFile(folder, digest), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

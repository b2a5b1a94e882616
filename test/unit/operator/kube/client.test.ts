import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAuthority } from "../../../../kube/control-plane/certificates.ts";
import { KubeApi } from "../../../../src/operator/kube/api.ts";
import { Credentials } from "../../../../src/operator/kube/credentials.ts";
import { resources } from "../../../../src/operator/kube/resource.ts";
import { failure } from "../../../support/kube-api.ts";

const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name: "x" } };
const name = { namespace: "default", name: "x" };
const { configMaps } = resources;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** In place of an API server, for what a real one does not do on demand. */
let server: Server;
let folder: string;
let api: KubeApi;
/** What it answers to one request after the other; the last one to all further ones. */
let answers: Answer[] = [];
let seen: IncomingMessage[] = [];
let loads = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "disroom-client-"));
  const authority = await createAuthority(folder);
  const { certificateFile, keyFile } = await authority.issue({
    name: "server",
    commonName: "server",
    hosts: ["127.0.0.1"],
  });
  const options = { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
  server = createServer(options, (request, response) => {
    seen.push(request);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    answer?.(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    const cluster = { name: "c", server: url, caFile: authority.certificateFile, skipTLSVerify: false };
    config.loadFromClusterAndUser(cluster, { name: "u", token: `token-${loads++}\n` });
    return config;
  };
  api = new KubeApi({ credentials: new Credentials(load), userAgent: "test/1", maxAnswerBytes: 1000 });
});

beforeEach(() => {
  seen = [];
});

afterAll(() => {
  api.close();
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

const ok: Answer = (_, response) => void response.end(JSON.stringify(object));
const status =
  (code: number, headers: Record<string, string> = {}, body = ""): Answer =>
  (_, response) =>
    void response.writeHead(code, headers).end(body);
const reset: Answer = (request) => void request.socket.destroy();

test("says who it is", async () => {
  answers = [ok];
  await api.get(configMaps, name);
  expect(seen[0]?.headers).toMatchObject({ "user-agent": "test/1", authorization: "Bearer token-0" });
});

test.each([429, 503])("waits as long as the API server asks for with %i, and tries again", async (code) => {
  answers = [status(code, { "retry-after": "1" }), ok];
  const began = performance.now();
  await api.apply(configMaps, object);
  expect(performance.now() - began).toBeGreaterThanOrEqual(999);
  expect(seen).toHaveLength(2);
});

test("does not wait for what comes after its time, and does not try for ever", async () => {
  answers = [status(503, { "retry-after": "60" })];
  const began = performance.now();
  expect(await failure(api.get(configMaps, name))).toMatchObject({ code: 503, retryAfter: 60_000 });
  expect(performance.now() - began).toBeLessThan(1000);
  answers = [status(429, { "retry-after": "0" })];
  seen = [];
  expect((await failure(api.get(configMaps, name))).code).toBe(429);
  expect(seen).toHaveLength(5);
});

test("creates again only what was certainly not created", async () => {
  answers = [status(429, { "retry-after": "0" }), ok];
  await api.create(configMaps, object);
  expect(seen).toHaveLength(2);
  for (const answer of [status(503, { "retry-after": "0" }), reset]) {
    seen = [];
    answers = [answer, ok];
    await failure(api.create(configMaps, object));
    expect(seen).toHaveLength(1);
  }
});

test("a connection that is closed at the other end is replaced by another one, once", async () => {
  answers = [reset, ok];
  await api.delete(configMaps, name);
  expect(seen).toHaveLength(2);
  answers = [reset];
  seen = [];
  expect(await failure(api.get(configMaps, name))).toMatchObject({ reason: "Unreachable", isNoAnswer: true });
  expect(seen).toHaveLength(2);
});

test("what is refused for another reason is not sent again", async () => {
  answers = [status(500, {}, "etcdserver: no leader\nmore")];
  expect((await failure(api.get(configMaps, name))).message).toBe(
    "get /api/v1/namespaces/default/configmaps/x: etcdserver: no leader (500)",
  );
  expect(seen).toHaveLength(1);
});

test("reads anew who it is when it is not known any more, and asks once more", async () => {
  answers = [status(401), ok];
  const before = loads;
  await api.get(configMaps, name);
  expect(seen.map(({ headers }) => headers.authorization)).toEqual([
    "Bearer token-0",
    `Bearer token-${before}`,
  ]);
  answers = [status(401)];
  seen = [];
  expect((await failure(api.get(configMaps, name))).isUnauthorized).toBe(true);
  expect(seen).toHaveLength(1);
});

test("an answer that is too large, or none, or half, is an error", async () => {
  answers = [(_, response) => void response.end("x".repeat(2000))];
  expect((await failure(api.get(configMaps, name))).reason).toBe("AnswerTooLarge");
  answers = [(_, response) => void response.end("<html>")];
  expect((await failure(api.get(configMaps, name))).reason).toBe("AnswerNotUnderstood");
  answers = [
    (_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{", () => response.destroy());
    },
  ];
  expect((await failure(api.get(configMaps, name))).reason).toBe("Unreachable");
});

test("a kubeconfig that names no API server is said so", () => {
  expect(() => new Credentials(() => new KubeConfig())).toThrow("names no API server");
  const plain = (): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: "c", server: "http://localhost:8080" } as never, { name: "u" });
    return config;
  };
  expect(() => new Credentials(plain)).toThrow("must be reached by https, not http://localhost:8080");
});

import { expect, test } from "vitest";
import { generateCredentials } from "../../../../src/cluster/credentials.ts";
import {
  credentialsSecret,
  lastCredentials,
  readCredentials,
} from "../../../../src/operator/resources/credentials.ts";
import { objectsOf } from "../../../../src/operator/resources/objects.ts";
import { minimal } from "./chat-clusters.ts";

test("credentials are made once: they differ each time, fit into a URL, and come back out of their Secret", () => {
  const credentials = lastCredentials(undefined, undefined);
  const { nats, natsRoutes, redis } = credentials;
  expect(new Set([nats, natsRoutes, redis, generateCredentials().nats]).size).toBe(4);
  for (const password of Object.values(credentials)) {
    expect(password.length).toBeGreaterThanOrEqual(32);
    expect(encodeURIComponent(password)).toBe(password);
  }
  expect(readCredentials(credentialsSecret(minimal, credentials))).toEqual(credentials);
});

test("those that parts run with come back out of their configurations", () => {
  const credentials = generateCredentials();
  const options = { mayFound: true, image: "", workers: 1, credentials };
  const [nats, redis] = ["demo-nats", "demo-redis"].map((name) =>
    objectsOf(minimal, options).find(({ kind, metadata }) => kind === "Secret" && metadata.name === name),
  );
  expect(lastCredentials(nats, redis)).toEqual(credentials);
  // Redis holds nothing that is lost with a new one.
  const { redis: _, ...ofNats } = credentials;
  expect(lastCredentials(nats, undefined)).toMatchObject(ofNats);
});

test.each([
  ["a missing", undefined],
  ["an empty", ""],
  ["an unsafe", "p@ss word"],
])("%s password is named", (_, redis) => {
  const secret = credentialsSecret(minimal, {
    nats: "a",
    natsRoutes: "b",
    natsSystem: "c",
    redis: redis ?? "",
  });
  if (redis === undefined) delete (secret.data as Record<string, string>)["redis-password"];
  expect(() => readCredentials(secret)).toThrow("Secret demo-credentials: redis-password must be a password");
});

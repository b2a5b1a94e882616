import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { podConnection } from "../../../../src/operator/kube/pod-connection.ts";

const folder = mkdtempSync(join(tmpdir(), "disroom-pod-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const variables = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

test("outside of a pod there is none", () => {
  expect(podConnection(join(folder, "nowhere"), variables)).toBeUndefined();
});

test("in a pod it is the service account's, whose token is replaced", async () => {
  writeFileSync(join(folder, "token"), "first\n");
  writeFileSync(join(folder, "ca.crt"), "certificate");
  const connection = podConnection(folder, variables);
  expect(connection?.getCurrentCluster()).toEqual({ server: "https://10.96.0.1:443" });
  const options = async (): Promise<RequestOptions> => {
    const given: RequestOptions = {};
    await connection?.applyToHTTPSOptions(given);
    return given;
  };
  expect(await options()).toEqual({
    ca: Buffer.from("certificate"),
    headers: { Authorization: "Bearer first" },
  });
  writeFileSync(join(folder, "token"), "second");
  expect((await options()).headers).toEqual({ Authorization: "Bearer second" });

  const inVersion6 = podConnection(folder, { ...variables, KUBERNETES_SERVICE_HOST: "fd00::1" });
  expect(inVersion6?.getCurrentCluster()).toEqual({ server: "https://[fd00::1]:443" });
  expect(() => podConnection(folder, {})).toThrow("KUBERNETES_SERVICE_HOST");
});

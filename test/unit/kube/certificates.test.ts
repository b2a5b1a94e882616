import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { firstAddress } from "../../../kube/control-plane/certificate-set.ts";
import {
  type Authority,
  type Certificate,
  createAuthority,
  createServiceAccountKeys,
} from "../../../kube/control-plane/certificates.ts";
import { writeKubeconfig } from "../../../kube/control-plane/kubeconfig.ts";

let folder = "";
let authority: Authority;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "disroom-certificates-"));
  authority = await createAuthority(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = ({ certificateFile }: Certificate): X509Certificate =>
  new X509Certificate(readFileSync(certificateFile));
const modeOf = (file: string): number => statSync(file).mode & 0o777;

test("issues certificates for names and addresses", async () => {
  const issued = read(
    await authority.issue({
      name: "server",
      commonName: "server",
      hosts: ["kubernetes", "10.96.0.1", "::1"],
    }),
  );
  const own = read(authority);
  expect(own.ca).toBe(true);
  expect(issued.ca).toBe(false);
  expect(issued.verify(own.publicKey)).toBe(true);
  expect(issued.checkIssued(own)).toBe(true);
  expect(issued.checkHost("kubernetes")).toBe("kubernetes");
  expect(issued.checkHost("other")).toBeUndefined();
  expect(issued.checkIP("10.96.0.1")).toBe("10.96.0.1");
  expect(issued.checkIP("::1")).toBe("::1");
});

test("names users and groups, also ones with signs that openssl reads as its own", async () => {
  const user = read(
    await authority.issue({ name: "node", commonName: "system:node:a/b+c", organization: "system:nodes" }),
  );
  expect(user.subject).toBe("O=system:nodes\nCN=system:node:a/b\\+c");
});

test("keeps private keys from other users", async () => {
  const client = await authority.issue({ name: "client", commonName: "client" });
  const { privateKeyFile } = await createServiceAccountKeys(folder);
  const kubeconfig = join(folder, "kubeconfig");
  await writeKubeconfig(kubeconfig, { server: "https://127.0.0.1:6443", authority, client });
  expect([authority.keyFile, client.keyFile, privateKeyFile, kubeconfig].map(modeOf)).toEqual(
    Array(4).fill(0o600),
  );
});

test.each([
  ["10.96.0.0/16", "10.96.0.1"],
  ["10.96.7.9/12", "10.96.0.1"],
  ["192.168.4.128/25", "192.168.4.129"],
])("the first address of %s", (cidr, address) => {
  expect(firstAddress(cidr)).toBe(address);
});

test("says what is not a range of addresses", () => {
  expect(() => firstAddress("10.96.0.0")).toThrow("10.96.0.0 is not a range of IPv4 addresses");
});

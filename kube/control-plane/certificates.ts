import { generateKeyPair } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { run } from "../system/run.ts";

export type Certificate = { readonly certificateFile: string; readonly keyFile: string };

export type CertificateRequest = {
  /** Its files are `<name>.crt` and `<name>.key`. */
  readonly name: string;
  readonly commonName: string;
  /** Kubernetes takes the common name for the user and this for the user's group. */
  readonly organization?: string;
  /** Names and addresses of a server. */
  readonly hosts?: readonly string[];
};

export type Authority = Certificate & {
  /** A certificate for a client, and for a server where it has hosts. */
  issue(request: CertificateRequest): Promise<Certificate>;
};

/** A new certificate authority with its files in a folder of its own. */
export async function createAuthority(folder: string): Promise<Authority> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = await create(folder, "ca", { CN: "disroom" }, [
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,digitalSignature",
  ]);
  return {
    ...authority,
    issue: ({ name, commonName, organization, hosts = [] }) =>
      create(
        folder,
        name,
        { ...(organization !== undefined && { O: organization }), CN: commonName },
        [
          "basicConstraints=critical,CA:FALSE",
          "keyUsage=critical,digitalSignature",
          "extendedKeyUsage=clientAuth,serverAuth",
          ...(hosts.length > 0 ? [`subjectAltName=${hosts.map(alternativeName).join(",")}`] : []),
        ],
        authority,
      ),
  };
}

/** The key pair that service accounts' tokens are signed with and checked by. */
export type ServiceAccountKeys = { readonly privateKeyFile: string; readonly publicKeyFile: string };

export async function createServiceAccountKeys(folder: string): Promise<ServiceAccountKeys> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const privateKeyFile = join(folder, "service-accounts.key");
  const publicKeyFile = join(folder, "service-accounts.pub");
  await writeFile(privateKeyFile, privateKey, { mode: 0o600 });
  await writeFile(publicKeyFile, publicKey);
  return { privateKeyFile, publicKeyFile };
}

/** openssl writes private keys for their owner only (mode 0600). */
async function create(
  folder: string,
  name: string,
  subject: Readonly<Record<string, string>>,
  extensions: readonly string[],
  signer?: Certificate,
): Promise<Certificate> {
  const certificateFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  await run([
    "openssl",
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650".split(" "),
    // The machine's own would add extensions.
    ...["-config", "/dev/null"],
    ...["-subj", Object.entries(subject).map(attribute).join("")],
    ...extensions.flatMap((extension) => ["-addext", extension]),
    ...(signer === undefined ? [] : ["-CA", signer.certificateFile, "-CAkey", signer.keyFile]),
    ...["-keyout", keyFile, "-out", certificateFile],
  ]);
  return { certificateFile, keyFile };
}

function attribute([type, value]: [string, string]): string {
  return `/${type}=${value.replace(/[\\/+]/g, "\\$&")}`;
}

function alternativeName(host: string): string {
  return `${isIP(host) === 0 ? "DNS" : "IP"}:${host}`;
}

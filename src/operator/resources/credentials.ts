import { type Credentials, generateCredentials } from "../../cluster/credentials.ts";
import type { KubeObject } from "../kube/objects.ts";
import type { StoredChatCluster } from "./options.ts";
import { secretOf } from "./secret.ts";

/** The keys of the Secret. */
export const credentialKeys = {
  nats: "nats-password",
  natsRoutes: "nats-routes-password",
  natsSystem: "nats-system-password",
  redis: "redis-password",
} as const satisfies Record<keyof Credentials, string>;

/**
 * Who logs in to NATS: servers, workers and the operator by one name, nodes among themselves by another, and the
 * operator by a third where it looks after the nodes.
 */
export const natsUsers = { clients: "disroom", routes: "routes", system: "system" } as const;

/** A Secret that somebody has broken. */
export class CredentialsError extends Error {}

/** The credentials in a Secret that exists. @throws CredentialsError says which one is missing or cannot stand in a URL */
export function readCredentials(secret: KubeObject): Credentials {
  const data = (secret.data ?? {}) as Readonly<Record<string, string>>;
  const read = (key: string): string => {
    const password = Buffer.from(data[key] ?? "", "base64").toString();
    // Passwords become part of URLs where nothing could escape them.
    if (!/^[\w~.-]+$/.test(password)) {
      throw new CredentialsError(
        `Secret ${secret.metadata.name}: ${key} must be a password of letters, digits and the characters - . _ ~`,
      );
    }
    return password;
  };
  return {
    nats: read(credentialKeys.nats),
    natsRoutes: read(credentialKeys.natsRoutes),
    natsSystem: read(credentialKeys.natsSystem),
    redis: read(credentialKeys.redis),
  };
}

/**
 * Credentials for a ChatCluster without that Secret: those that its parts run with, as the Secrets with their
 * configurations tell, and new ones where there are none. A password that is in use must not change by itself; NATS
 * nodes with different ones do not find together.
 */
export function lastCredentials(nats: KubeObject | undefined, redis: KubeObject | undefined): Credentials {
  const made = generateCredentials();
  const login = (user: string): RegExp => new RegExp(`user: "${user}", password: "([\\w~.-]+)"`);
  return {
    nats: found(nats, login(natsUsers.clients)) ?? made.nats,
    natsRoutes: found(nats, login(natsUsers.routes)) ?? made.natsRoutes,
    natsSystem: found(nats, login(natsUsers.system)) ?? made.natsSystem,
    redis: found(redis, /^requirepass "([\w~.-]+)"$/m) ?? made.redis,
  };
}

function found(secret: KubeObject | undefined, pattern: RegExp): string | undefined {
  const files = Object.values((secret?.data ?? {}) as Readonly<Record<string, string>>);
  const text = files.map((file) => Buffer.from(file, "base64").toString()).join("\n");
  return pattern.exec(text)?.[1];
}

/** The Secret that keeps them. The parts read their passwords from it, and so does the next reconciliation. */
export function credentialsSecret(cluster: StoredChatCluster, credentials: Credentials): KubeObject {
  return secretOf(cluster, "credentials", {
    [credentialKeys.nats]: credentials.nats,
    [credentialKeys.natsRoutes]: credentials.natsRoutes,
    [credentialKeys.natsSystem]: credentials.natsSystem,
    [credentialKeys.redis]: credentials.redis,
  });
}

import { randomBytes } from "node:crypto";

/** Passwords of the parts of a ChatCluster among themselves. */
export type Credentials = {
  readonly nats: string;
  readonly natsRoutes: string;
  readonly natsSystem: string;
  readonly redis: string;
};

/** For a ChatCluster that has none yet. They may stand in a URL as they are. */
export function generateCredentials(): Credentials {
  const password = (): string => randomBytes(24).toString("base64url");
  return { nats: password(), natsRoutes: password(), natsSystem: password(), redis: password() };
}

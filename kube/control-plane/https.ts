import { readFile } from "node:fs/promises";
import { Agent, get } from "node:https";
import type { Authority, Certificate } from "./certificates.ts";

/** Asks a URL and tells the status of the answer; undefined where there is none. */
export type Ask = (url: string) => Promise<number | undefined>;

/** Asks as a client with a certificate, and believes only servers of the authority. */
export async function askAs(client: Certificate, authority: Authority): Promise<Ask> {
  const agent = new Agent({
    ca: await readFile(authority.certificateFile),
    cert: await readFile(client.certificateFile),
    key: await readFile(client.keyFile),
    timeout: 5000,
  });
  return (url) =>
    new Promise((resolve) => {
      const request = get(url, { agent }, (answer) => {
        answer.resume();
        answer.once("close", () => resolve(answer.statusCode));
      });
      request.once("timeout", () => request.destroy());
      request.once("error", () => resolve(undefined));
    });
}

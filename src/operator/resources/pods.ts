import type { ChatClusterSpec } from "../../cluster/chat-cluster.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A securityContext that keeps to the Pod Security standard `restricted`; `user` where the image names none by number. */
export function podSecurity(user?: number): Fields {
  return {
    runAsNonRoot: true,
    ...(user !== undefined && {
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      // A large store is not walked through at every start.
      fsGroupChangePolicy: "OnRootMismatch",
    }),
    seccompProfile: { type: "RuntimeDefault" },
  };
}

export const containerSecurity: Fields = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/** What a container gets and may not exceed. */
export type Resources = ChatClusterSpec["server"]["resources"];

/** Requests and limits where there are any, all as text, as the API server keeps them. */
export function resourcesOf({ requests = {}, limits = {} }: Resources): Fields {
  const texts = (quantities: Record<string, string | number>): Fields =>
    Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, String(quantity)]));
  const resources = {
    ...(Object.keys(requests).length > 0 && { requests: texts(requests) }),
    ...(Object.keys(limits).length > 0 && { limits: texts(limits) }),
  };
  return Object.keys(resources).length > 0 ? { resources } : {};
}

/** A Secret's keys as files, which the pod's group may read and others not. */
export function secretVolume(name: string, secretName: string): Fields {
  return { name, secret: { secretName, defaultMode: 0o440 } };
}

import type { KubeApi } from "./kube/api.ts";
import { KubeApiError } from "./kube/api-error.ts";
import type { KubeObject } from "./kube/objects.ts";
import { resources } from "./kube/resource.ts";
import { TokenBucket } from "./kube/token-bucket.ts";
import { natsClaim } from "./resources/names.ts";
import type { Problem } from "./status/conditions.ts";
import { matters } from "./status/pods.ts";

type Event = KubeObject & {
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string;
  readonly eventTime?: string;
};
type Sized = { readonly spec?: { readonly replicas?: number } };
type Placed = { readonly spec?: { readonly nodeName?: string } };

/**
 * How long what was found is taken for granted, in milliseconds: while pods come up, much happens at once. Later, less
 * and less is new: a thousand that cannot come up must not hold up those that can.
 */
const first = 3000;
const most = 5 * 60_000;
const growth = 1.5;
/** Looks a second, of all ChatClusters: each takes two requests, one of which searches all Events of a namespace. */
const looksPerSecond = 5;

type Found = {
  readonly obstacle: Problem | undefined;
  /** How long it is taken for granted, in milliseconds. */
  readonly pause: number;
  /** When to look again (performance.now()). */
  readonly lookAt: number;
  /** Whether it has waited for its turn among others: then nothing holds it back at that time. */
  readonly hasTurn: boolean;
};

/**
 * Knows what keeps the NATS nodes from coming up where neither the StatefulSet nor its pods tell: that a pod or its
 * volume is refused (a quota, a rule of the namespace), or that a volume is not made (no such storage class). Kubernetes
 * tells these in Events only.
 */
export class Obstacles {
  readonly #api: KubeApi;
  /** By uid of a StatefulSet whose pods are not all there. */
  readonly #found = new Map<string, Found>();
  readonly #looks = new TokenBucket(looksPerSecond, 2 * looksPerSecond);

  constructor(api: KubeApi) {
    this.#api = api;
  }

  /** `pods`: those of NATS. */
  async find(
    statefulSet: KubeObject | undefined,
    pods: readonly KubeObject[],
    signal: AbortSignal,
  ): Promise<Problem | undefined> {
    if (statefulSet === undefined) return undefined;
    const id = statefulSet.metadata.uid ?? "";
    const alive = pods.filter(matters);
    const waiting = alive.find((pod) => (pod as Placed).spec?.nodeName === undefined);
    const wanted = (statefulSet as Sized).spec?.replicas ?? 0;
    if (alive.length >= wanted && waiting === undefined) {
      this.#found.delete(id);
      return undefined;
    }
    const last = this.#found.get(id);
    const now = performance.now();
    if (last !== undefined && now < last.lookAt) return last.obstacle;
    const wait = last?.hasTurn ? 0 : this.#looks.take();
    if (wait > 0) {
      const { obstacle, pause = first } = last ?? {};
      this.#found.set(id, { obstacle, pause, lookAt: now + wait, hasTurn: true });
      return obstacle;
    }
    const obstacle = await (alive.length < wanted
      ? obstacleOfPods(this.#api, statefulSet, signal)
      : obstacleOfVolume(this.#api, waiting as KubeObject, signal)
    ).catch(nothingIfUnreadable);
    const pause = last === undefined ? first : Math.min(last.pause * growth, most);
    this.#found.set(id, { obstacle, pause, lookAt: performance.now() + pause, hasTurn: false });
    return obstacle;
  }

  /** In how many milliseconds there may be something new to be found. */
  lookAgain(statefulSet: KubeObject | undefined): number {
    const { lookAt } = this.#found.get(statefulSet?.metadata.uid ?? "") ?? {};
    return lookAt === undefined ? most : Math.max(1, lookAt - performance.now());
  }

  /** An object is gone. */
  forget({ metadata: { uid = "" } }: KubeObject): void {
    this.#found.delete(uid);
  }
}

/** Whoever cannot read these knows less, but the rest. */
function nothingIfUnreadable(error: unknown): undefined {
  if (error instanceof KubeApiError) return undefined;
  throw error;
}

async function obstacleOfPods(
  api: KubeApi,
  statefulSet: KubeObject,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  const last = await lastEvent(api, statefulSet, ["FailedCreate", "SuccessfulCreate"], signal);
  return last?.reason === "FailedCreate" ? problemOf(last) : undefined;
}

async function obstacleOfVolume(
  api: KubeApi,
  { metadata: { namespace, name } }: KubeObject,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  const claim = await api.get<KubeObject>(
    resources.persistentVolumeClaims,
    { namespace, name: natsClaim(name) },
    { signal },
  );
  if ((claim.status as { phase?: string } | undefined)?.phase !== "Pending") return undefined;
  const last = await lastEvent(api, claim, ["ProvisioningFailed", "FailedBinding"], signal);
  return last && problemOf(last, `no volume for ${name}: `);
}

/** Of those with one of these reasons; of two at the same time, the one whose reason comes first. */
async function lastEvent(
  api: KubeApi,
  { metadata: { namespace, uid } }: KubeObject,
  reasons: readonly string[],
  signal: AbortSignal,
): Promise<Event | undefined> {
  const fieldSelector = `involvedObject.uid=${uid}`;
  const { items } = await api.list<Event>(resources.events, { namespace, fieldSelector, signal });
  const rank = ({ reason = "" }: Event): number => reasons.indexOf(reason);
  const [last] = items
    .filter((event) => rank(event) >= 0)
    .toSorted((a, b) => timeOf(b) - timeOf(a) || rank(a) - rank(b));
  return last;
}

function timeOf({ lastTimestamp, eventTime, metadata }: Event): number {
  return Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "") || 0;
}

function problemOf({ reason = "", message = "" }: Event, prefix = ""): Problem {
  return { reason, message: `${prefix}${message}` };
}

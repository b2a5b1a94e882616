/*
 * The rule of Kubernetes' horizontal pod autoscaler (autoscaling/v2, pkg/controller/podautoscaler) for external
 * metrics with a target of type AverageValue, with the defaults of its behavior fields:
 *
 * - a metric asks for ceil(value / target) replicas, or for what runs if value / (target x replicas) is within
 *   10 % of 1; of several metrics the one that asks for most counts
 * - growth: per 15 s, 4 pods or 100 % of what ran when they began, whichever is more; at once
 * - shrinking: to the highest of the last 300 s
 * - a metric that cannot be had stops shrinking; if none can be had, nothing changes
 */

/** How often it looks, in seconds. */
export const syncPeriod = 15;
const tolerance = 0.1;
const growthPeriod = 15;
const growthPods = 4;
const stabilizationWindow = 300;

type Timed = { readonly at: number; readonly replicas: number };

export type HpaState = {
  /** What was asked for, before limits, and when. */
  readonly recommendations: readonly Timed[];
  /** How many were added, and when. */
  readonly added: readonly Timed[];
};

/** At the beginning what runs counts as a recommendation. */
export const initialHpa = (replicas: number, time: number): HpaState => ({
  recommendations: [{ at: time, replicas }],
  added: [],
});

/** Replicas that one metric asks for. */
export function desiredReplicas(value: number, target: number, replicas: number): number {
  const ratio = value / (target * replicas);
  const isNear = ratio >= 1 - tolerance && ratio <= 1 + tolerance;
  return isNear ? replicas : Math.ceil(value / target);
}

/** One sync; `desired` has what each metric asks for. */
export function sync(
  state: HpaState,
  { desired, replicas, min, max }: { desired: readonly number[]; replicas: number; min: number; max: number },
  time: number,
): { readonly state: HpaState; readonly replicas: number } {
  if (desired.length === 0) return { state, replicas };
  const wanted = Math.max(...desired);
  const recommendations = [
    ...state.recommendations.filter(({ at }) => at > time - stabilizationWindow),
    { at: time, replicas: wanted },
  ];
  const added = state.added.filter(({ at }) => at > time - growthPeriod);
  const start = replicas - added.reduce((sum, { replicas: count }) => sum + count, 0);
  const limit = Math.max(replicas, start + growthPods, start * 2);
  const highest = Math.max(...recommendations.map(({ replicas: count }) => count));
  const stabilized = wanted > replicas ? wanted : Math.min(replicas, highest);
  const next = Math.min(max, limit, Math.max(min, stabilized));
  if (next > replicas) added.push({ at: time, replicas: next - replicas });
  return { state: { recommendations, added }, replicas: next };
}

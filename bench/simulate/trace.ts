/** Seconds of a step of the simulation. */
export const step = 0.5;

/** What arrives in one step, a second. */
export type Arrivals = {
  readonly messages: number;
  readonly bytes: number;
  /** Batches that servers would make of it if each was stored at once; while batches wait, they get fewer and larger. */
  readonly batches: number;
};

/**
 * What happens, whatever any policy does about it. Everything random is drawn beforehand, so that each policy meets
 * the same. Times are in seconds from the beginning.
 */
export type Trace = {
  readonly name: string;
  readonly title: string;
  readonly arrivals: readonly Arrivals[];
  /** Each partition's share of what arrives; they make 1. */
  readonly shares: readonly number[];
  /** Chat servers. */
  readonly servers: number;
  /** Workers that run at the beginning, under each policy that changes their number. */
  readonly workersAtStart: number;
  /** Whether these run already, or begin to start. */
  readonly startsCold: boolean;
  /** How fast workers are in each step, 1 is normal. */
  readonly speed: readonly number[];
  /** When a worker hangs. */
  readonly hangs: readonly number[];
  /** When no policy gets a measurement. */
  readonly gap: { readonly from: number; readonly to: number } | undefined;
  /** When our policy's samples are taken, and by what factor each is off. */
  readonly samples: readonly { readonly at: number; readonly error: number }[];
  /** When the HPA syncs for the first time. */
  readonly firstSync: number;
  /** How long each pod takes until it is ready, in the order of their making. */
  readonly startTimes: readonly number[];
  /** Numbers from 0 to 1, for what is random in each step. */
  readonly chance: readonly number[];
};

/** The bounds and targets of all policies: a ChatCluster's defaults. */
export const settings = {
  minReplicas: 1,
  maxReplicas: 16,
  lag: { targetSeconds: 2, scaleDownDelaySeconds: 300 },
} as const;

import type { LagSample } from "./sample.ts";

/** How long it takes until a worker that is asked for now helps, with the time to the next sample, in seconds. */
const leadTime = 8;
/** How much more has to arrive than workers can store for the lag to be expected to grow on. */
const overload = 1.25;
/**
 * Messages that wait longer gather in larger batches, which cost less each; so the lag is small until nearly all of
 * what workers can do is used up, and then grows steeply. A worker is given up only where a lag that grows with the
 * fourth power of what is left to each would stay in bounds.
 */
const lagPower = 4;
/** The part of the workers that stays at a time, however small the lag is, unless they are idle. */
const leastKept = 0.6;
/** How much of the time workers may be storing without any batch having to wait for them. */
const fullyBusy = 0.9;
/** What is left at least of what a worker can do, when the lag is smaller: batches have a largest size. */
const leastLeft = 0.8;
/** A lag is left to get as short as it should be by itself if it does so in this time, in seconds. */
const patience = 24;
/** Lags from so many times what they should be are no noise. */
const muchTooLong = 2;
/** From this lag on, in seconds, only what waits in all says how much there is to catch up with. */
const longLag = 10;

/** Bytes per second that arrived since the last sample, which were stored or wait; undefined if it cannot be told. */
export function arrivalRate(last: LagSample | undefined, sample: LagSample): number | undefined {
  const growth = backlogGrowth(last, sample);
  if (growth === undefined || sample.storedBytesPerSecond === undefined) return undefined;
  return Math.max(0, sample.storedBytesPerSecond + growth);
}

/** Bytes per second by which more waits. */
function backlogGrowth(last: LagSample | undefined, sample: LagSample): number | undefined {
  if (last === undefined || sample.at <= last.at) return undefined;
  return (sample.lagBytes - last.lagBytes) / secondsBetween(last, sample);
}

const secondsBetween = (last: LagSample, sample: LagSample): number => (sample.at - last.at) / 1000;

/** Whether messages come faster than these workers can store them, so that soon more than `limit` seconds wait. */
export function isOverloaded(last: LagSample | undefined, sample: LagSample, limit: number): boolean {
  const growth = backlogGrowth(last, sample);
  const arrivals = arrivalRate(last, sample);
  const each = storedByEach(sample);
  if (growth === undefined || arrivals === undefined || each === undefined) return false;
  const possible = each * sample.workers;
  return arrivals > possible * overload && sample.lagBytes + growth * leadTime > possible * limit;
}

/**
 * How many workers keep the lag at `limit` seconds with what will arrive when they are there, and store what waits
 * beyond that in as long as the oldest of it has waited: a short outage is to be over soon, a long one should not ask
 * for workers that are only of use until it is over. `mute` workers, which are ready but do not answer, are of no
 * use. undefined if it is not known what a worker can do.
 */
export function needed(
  last: LagSample | undefined,
  sample: LagSample,
  arrivalsBefore: number | undefined,
  limit: number,
  mute: number,
): number | undefined {
  const growth = backlogGrowth(last, sample);
  const arrivals = surely(arrivalRate(last, sample), arrivalsBefore, sample);
  const each = storedByEach(sample);
  if (last === undefined || growth === undefined || arrivals === undefined || each === undefined)
    return undefined;
  const isJump = arrivals > each * sample.workers * overload;
  const rise = isJump
    ? Math.max(0, arrivals - (arrivalsBefore ?? arrivals)) / secondsBetween(last, sample)
    : 0;
  // What waits in all, since the oldest may be of a partition whose worker died.
  const wait = sample.lagBytes === 0 ? 0 : Math.min(sample.lagSeconds, sample.lagBytes / arrivals);
  const toKeepUp = (arrivals + rise * leadTime) / (each * left(wait / limit));
  const excess = mute === 0 && isStuck(last, sample, limit) ? sample.lagSeconds - limit : 0;
  const excessBytes = Math.max(0, sample.lagBytes - arrivals * limit, excess * arrivals);
  // Until it is stored, batches stay as large as they are, and so does what each can do.
  const toCatchUp = (arrivals + excessBytes / Math.max(leadTime, sample.lagSeconds)) / each;
  const workers = Math.ceil(Math.max(toKeepUp, toCatchUp));
  return mute + (growth < 0 ? workers : Math.max(workers, sample.workers + 1));
}

/** What arrives at least: where much waits, a small error in that makes a large one in this, in one of two samples. */
function surely(arrivals: number | undefined, before: number | undefined, { lagBytes }: LagSample) {
  if (arrivals === undefined || before === undefined) return arrivals;
  return lagBytes > arrivals * longLag ? Math.min(arrivals, before) : arrivals;
}

/**
 * Whether the oldest messages wait on for much too long although what waits in all may get less: those of the
 * partitions that get the most, which few workers are slow to catch up with.
 */
function isStuck(last: LagSample, sample: LagSample, limit: number): boolean {
  const { lagSeconds } = sample;
  if (lagSeconds < muchTooLong * limit || lagSeconds > longLag) return false;
  const shortening = (last.lagSeconds - lagSeconds) / secondsBetween(last, sample);
  return lagSeconds - limit > shortening * patience;
}

/** What a worker can still do of what it does now, if the lag is to be this many times smaller. */
const left = (times: number): number => Math.max(leastLeft, Math.min(1, times ** (-1 / lagPower)));

/** How many workers would keep the lag at `limit` seconds, when it is less than that with so many. */
export function enough({ lagSeconds, busy = 1 }: LagSample, workers: number, limit: number): number {
  const kept = Math.min(Math.ceil(workers * leastKept), Math.ceil((workers * busy) / fullyBusy));
  return Math.max(kept, Math.ceil(workers * (lagSeconds / limit) ** (1 / lagPower)));
}

/** Bytes per second of a worker while it was storing; undefined if none was. */
function storedByEach({ storedBytesPerSecond: stored, workers, busy }: LagSample): number | undefined {
  if (stored === undefined || busy === undefined) return undefined;
  const each = stored / (busy * workers);
  return each > 0 && Number.isFinite(each) ? each : undefined;
}

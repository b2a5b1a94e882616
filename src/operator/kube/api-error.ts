/** What the API server answers instead of an object when it refuses; also the object of a watch's ERROR event. */
export type Status = {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
};

/** Why there was no answer. The API server's own reasons are words such as NotFound, Conflict, AlreadyExists. */
export type NoAnswer = "Unreachable" | "TimedOut" | "AnswerTooLarge" | "AnswerNotUnderstood";

/** A request that failed. */
export class KubeApiError extends Error {
  override readonly name = "KubeApiError";
  /** The HTTP status; 0 where there was no answer. */
  readonly code: number;
  readonly reason: string;
  /** What was answered, without what was asked. */
  readonly answer: string;
  /** How long the API server wants to be left alone, in milliseconds. */
  readonly retryAfter: number | undefined;

  constructor(
    message: string,
    {
      code = 0,
      reason,
      answer = message,
      retryAfter,
      cause,
    }: {
      code?: number;
      reason: string;
      answer?: string;
      retryAfter?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.reason = reason;
    this.answer = answer;
    this.retryAfter = retryAfter;
  }

  static noAnswer(request: string, reason: NoAnswer, why: string, cause?: unknown): KubeApiError {
    return new KubeApiError(`${request}: ${why}`, { reason, cause });
  }

  /** `body` is what was answered: a Status, or whatever stands between here and the API server. */
  static ofAnswer(request: string, code: number, body: string, retryAfterHeader?: string): KubeApiError {
    const status = parseStatus(body);
    const seconds = Number(retryAfterHeader ?? status?.details?.retryAfterSeconds ?? Number.NaN);
    const answer = status?.message || firstLine(body) || "no reason given";
    return new KubeApiError(`${request}: ${answer} (${code})`, {
      code,
      reason: status?.reason || reasonOfCode(code),
      answer,
      retryAfter: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
    });
  }

  static ofStatus(request: string, status: Status): KubeApiError {
    return KubeApiError.ofAnswer(request, status.code ?? 500, JSON.stringify(status));
  }

  get isNotFound(): boolean {
    return this.code === 404;
  }

  /** The object exists already. */
  get isAlreadyExists(): boolean {
    return this.code === 409 && this.reason === "AlreadyExists";
  }

  /** Somebody else was quicker, or owns a field. */
  get isConflict(): boolean {
    return this.code === 409 && this.reason !== "AlreadyExists";
  }

  /** The API server has forgotten the resource version or the page. */
  get isGone(): boolean {
    return this.code === 410;
  }

  get isUnauthorized(): boolean {
    return this.code === 401;
  }

  get isForbidden(): boolean {
    return this.code === 403;
  }

  /** The object breaks a rule of its kind: trying again is in vain. */
  get isInvalid(): boolean {
    return this.code === 422 || this.code === 400;
  }

  /** The API server has understood what is asked and will not do it, now or in a moment. */
  get isRefusal(): boolean {
    return this.code >= 400 && !passing.has(this.code);
  }

  /** Nobody answered, or only a part came. */
  get isNoAnswer(): boolean {
    return this.code === 0;
  }
}

/** Not logged in (a token has just ended), too many requests, and nobody behind whoever answers. */
const passing: ReadonlySet<number> = new Set([401, 429, 502, 503, 504]);

function parseStatus(body: string): Status | undefined {
  try {
    const status = JSON.parse(body) as Status | null;
    return typeof status === "object" && status !== null ? status : undefined;
  } catch {
    return undefined;
  }
}

function firstLine(body: string): string {
  return (body.split("\n")[0] ?? "").slice(0, 200);
}

function reasonOfCode(code: number): string {
  switch (code) {
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 429:
      return "TooManyRequests";
    case 503:
      return "ServiceUnavailable";
    default:
      return "Unknown";
  }
}

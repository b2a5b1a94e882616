import { describe, expect, it } from "vitest";
import {
  duration,
  flag,
  integer,
  oneOf,
  optionName,
  parseDuration,
  readSettings,
  text,
  UsageError,
  variableName,
} from "../../../src/platform/settings.ts";
import { serverSettings } from "../../../src/server/settings.ts";
import { workerSettings } from "../../../src/worker/settings.ts";

const settings = {
  natsUrl: text("nats://127.0.0.1:4222", "where NATS is"),
  sendQueueBytes: integer(1024, "unread bytes", { min: 64, max: 4096 }),
  slots: integer(16, "slots"),
  joinTimeout: duration(60_000, "time to join", { min: 100 }),
  reusePort: flag("share the port"),
  logLevel: oneOf(["debug", "info"], "info", "what is logged"),
};

const read = (args: string[], environment: Record<string, string> = {}) =>
  readSettings(settings, args, environment);

/** What the user is told. */
function complaint(args: string[], environment: Record<string, string> = {}): string {
  try {
    read(args, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  return "";
}

describe("a value", () => {
  it("is the default when nothing is given", () => {
    expect(read([])).toEqual({
      natsUrl: "nats://127.0.0.1:4222",
      sendQueueBytes: 1024,
      slots: 16,
      joinTimeout: 60_000,
      reusePort: false,
      logLevel: "info",
    });
  });

  it("comes from the command line, in both forms", () => {
    const args = ["--nats-url", "nats://a", "--send-queue-bytes=64", "--slots", "0", "--join-timeout=5m"];
    expect(read([...args, "--reuse-port", "--log-level", "debug"])).toEqual({
      natsUrl: "nats://a",
      sendQueueBytes: 64,
      slots: 0,
      joinTimeout: 300_000,
      reusePort: true,
      logLevel: "debug",
    });
  });

  it("comes from the environment", () => {
    const environment = {
      DISROOM_NATS_URL: "nats://a",
      DISROOM_SEND_QUEUE_BYTES: "4096",
      DISROOM_REUSE_PORT: "true",
      DISROOM_JOIN_TIMEOUT: "250ms",
      SLOTS: "3",
      DISROOM_UNKNOWN: "x",
    };
    expect(read([], environment)).toMatchObject({
      natsUrl: "nats://a",
      sendQueueBytes: 4096,
      slots: 16,
      reusePort: true,
      joinTimeout: 250,
    });
    expect(read([], { DISROOM_REUSE_PORT: "false" }).reusePort).toBe(false);
  });

  it("on the command line stands above the environment's, even a bad one", () => {
    expect(read(["--slots", "3"], { DISROOM_SLOTS: "4" }).slots).toBe(3);
    expect(read(["--slots", "3"], { DISROOM_SLOTS: "many" }).slots).toBe(3);
  });

  it("that is empty in the environment is not given", () => {
    expect(read([], { DISROOM_SLOTS: "", DISROOM_NATS_URL: "" })).toMatchObject({
      slots: 16,
      natsUrl: "nats://127.0.0.1:4222",
    });
  });
});

describe("a mistake is told in one line, with where it is and what is allowed", () => {
  it.each([
    [["--slots", "many"], '--slots must be a whole number from 0, not "many"'],
    [["--slots", "1.5"], '--slots must be a whole number from 0, not "1.5"'],
    [["--slots", "1e3"], '--slots must be a whole number from 0, not "1e3"'],
    [["--slots", " 1"], '--slots must be a whole number from 0, not " 1"'],
    [["--slots=-1"], '--slots must be a whole number from 0, not "-1"'],
    [["--slots", "9".repeat(20)], `--slots must be a whole number from 0, not "${"9".repeat(20)}"`],
    [["--send-queue-bytes", "63"], '--send-queue-bytes must be a whole number from 64 to 4096, not "63"'],
    [["--send-queue-bytes", "4097"], '--send-queue-bytes must be a whole number from 64 to 4096, not "4097"'],
    [["--join-timeout", "60"], '--join-timeout must be a duration such as 250ms, 60s or 5m, not "60"'],
    [["--join-timeout", "99ms"], '--join-timeout must be a duration such as 250ms, 60s or 5m, not "99ms"'],
    [["--log-level", "trace"], '--log-level must be one of debug, info, not "trace"'],
    [["--unknown"], "Unknown option '--unknown'"],
    [["--slot", "1"], "Unknown option '--slot'"],
  ])("%j", (args, message) => {
    expect(complaint(args)).toBe(message);
  });

  it.each([
    [{ DISROOM_SLOTS: "many" }, 'DISROOM_SLOTS must be a whole number from 0, not "many"'],
    [{ DISROOM_REUSE_PORT: "1" }, 'DISROOM_REUSE_PORT must be true or false, not "1"'],
    [{ DISROOM_JOIN_TIMEOUT: "soon" }, /^DISROOM_JOIN_TIMEOUT must be a duration .*, not "soon"$/],
  ])("%j", (environment, message) => {
    expect(complaint([], environment as Record<string, string>)).toMatch(message);
  });

  it.each([["positional"], ["--slots"], ["--reuse-port=maybe"]])("%s", (arg) => {
    expect(complaint([arg])).toMatch(/^[^\n]+$/);
  });
});

describe("a duration", () => {
  it.each([
    ["250ms", 250],
    ["60s", 60_000],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["720h", 2_592_000_000],
    ["0s", 0],
  ])("%s is %i ms", (given, milliseconds) => {
    expect(parseDuration(given)).toBe(milliseconds);
  });

  it.each(["", "5", "s", "-5s", "5 s", "5d", "5S", ".5s", "5.s", "1e3s", "5s\n", "5m30s"])(
    "is not %j",
    (given) => {
      expect(parseDuration(given)).toBeUndefined();
    },
  );
});

it("options and variables are named after the setting", () => {
  expect(optionName("sendQueueBytes")).toBe("--send-queue-bytes");
  expect(variableName("sendQueueBytes")).toBe("DISROOM_SEND_QUEUE_BYTES");
  expect(optionName("host")).toBe("--host");
});

describe("a role's settings", () => {
  it.each([
    ["server", serverSettings],
    ["worker", workerSettings],
  ])("the defaults of a %s are themselves allowed", (_, role) => {
    for (const [name, setting] of Object.entries(role)) {
      const given =
        typeof setting.default === "number" && /Timeout|Grace|Lease|Interval/.test(name)
          ? `${setting.default}ms`
          : String(setting.default);
      expect(setting.parse(given), name).toBe(setting.default);
    }
  });

  it("a wait is never longer than a timer can be: Node fires such a one at once", () => {
    const longest = 2 ** 31 - 1;
    let joinTimeout = longest;
    try {
      ({ joinTimeout } = readSettings(serverSettings, ["--join-timeout", "720h"], {}));
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
    }
    expect(joinTimeout).toBeLessThanOrEqual(longest);
  });
});

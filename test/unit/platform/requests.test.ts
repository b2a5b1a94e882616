import { type Msg, type NatsConnection, headers as newHeaders } from "@nats-io/transport-node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Requests } from "../../../src/platform/requests.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const timeout = 2000;

/** Requests, what was published of them, and a way to answer. */
function asking() {
  const published: { subject: string; reply: string }[] = [];
  let deliver: (error: null, message: Msg) => void = () => {};
  const connection = {
    subscribe: (_: string, options: { callback: typeof deliver }) => {
      deliver = options.callback;
    },
    publish: (subject: string, _: Uint8Array, { reply }: { reply: string }) => {
      published.push({ subject, reply });
    },
  } as unknown as NatsConnection;
  const requests = new Requests(connection, timeout);
  const settled: Record<string, string> = {};
  const ask = (subject: string): void => {
    requests.request(subject, Buffer.from("?"), newHeaders()).then(
      (answer) => {
        settled[subject] = answer.string();
      },
      (error: Error) => {
        settled[subject] = error.name;
      },
    );
  };
  const answer = (index: number, text: string, code = 0): void => {
    const data = Buffer.from(text);
    const headers = code === 0 ? undefined : { code };
    deliver(null, { subject: published[index]?.reply, data, headers, string: () => text } as unknown as Msg);
  };
  return { published, settled, ask, answer };
}

test("each answer reaches whoever asked, in any order, also before others are asked", async () => {
  const { ask, answer, settled } = asking();
  for (const subject of ["a", "b", "c"]) ask(subject);
  answer(2, "third");
  answer(0, "first");
  ask("d");
  answer(3, "fourth");
  answer(1, "second");
  await vi.advanceTimersByTimeAsync(0);
  expect(settled).toEqual({ a: "first", b: "second", c: "third", d: "fourth" });
});

test("nobody who listens is an error at once; an empty answer is an answer", async () => {
  const { ask, answer, settled } = asking();
  ask("a");
  ask("b");
  answer(0, "", 503);
  answer(1, "");
  await vi.advanceTimersByTimeAsync(0);
  expect(settled).toEqual({ a: "NoResponders", b: "" });
});

test("no answer in time is an error for that request alone, and one that comes later is dropped", async () => {
  const { ask, answer, settled } = asking();
  ask("a");
  await vi.advanceTimersByTimeAsync(timeout / 2);
  ask("b");
  await vi.advanceTimersByTimeAsync(timeout / 2 - 1);
  expect(settled).toEqual({});
  await vi.advanceTimersByTimeAsync(102);
  expect(settled).toEqual({ a: "TimeoutError" });
  answer(0, "late");
  answer(1, "in time");
  await vi.advanceTimersByTimeAsync(timeout);
  expect(settled).toEqual({ a: "TimeoutError", b: "in time" });
});

test("what publishing throws is the caller's, and nothing waits for it", async () => {
  const connection = {
    subscribe: () => {},
    publish: () => {
      throw new Error("too large");
    },
  } as unknown as NatsConnection;
  const requests = new Requests(connection, timeout);
  await expect(requests.request("a", Buffer.from("?"), newHeaders())).rejects.toThrow("too large");
  expect(vi.getTimerCount()).toBe(1);
});

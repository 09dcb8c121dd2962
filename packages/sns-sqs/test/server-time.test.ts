import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ServerTime } from "../src/client/server-time.ts";

const now = 1_700_000_000_000;
const date = (ms: number) => new Date(ms).toUTCString();

beforeEach(() => {
  vi.useFakeTimers({ now });
});
afterEach(() => {
  vi.useRealTimers();
});

it("is unknown before a response has told of it", () => {
  const time = new ServerTime();
  time.note(undefined);
  time.note("no date");
  expect(time.now()).toBeUndefined();
});

it("is this computer's while that is not evidently wrong: a date has whole seconds only", () => {
  const time = new ServerTime();
  time.note(date(now + 1_000));
  expect(time.now()).toBe(now);
});

it("is the service's where the clocks differ, and stays steady from one response to the next", () => {
  const time = new ServerTime();
  time.note(date(now - 600_000));
  expect(time.now()).toBe(now - 600_000 + 500);
  vi.advanceTimersByTime(400);
  time.note(date(now - 600_000));
  expect(time.now()).toBe(now - 600_000 + 900);
  vi.setSystemTime(now - 599_600);
  time.note(date(now - 600_000));
  expect(time.now()).toBe(now - 599_600);
});

it("is read from the responses of a client", async () => {
  const time = new ServerTime();
  let middleware: ((next: unknown) => (args: unknown) => Promise<unknown>) | undefined;
  const add = (given: typeof middleware) => {
    middleware = given;
  };
  time.follow({ middlewareStack: { add } } as never);
  const result = { response: { headers: { date: date(now + 600_000) } }, output: {} };
  expect(await middleware?.(async () => result)({})).toBe(result);
  expect(time.now()).toBe(now + 600_500);
});

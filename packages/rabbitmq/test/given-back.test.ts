import { afterEach, expect, it, vi } from "vitest";
import { GivenBack } from "../src/receiving/given-back.ts";

afterEach(() => {
  vi.useRealTimers();
});

it("knows for a minute how much came back, and some more for acks that were lost", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const givenBack = new GivenBack();
  givenBack.note("q", 100);
  expect([givenBack.of("q"), givenBack.of("other")]).toEqual([125, 0]);
  vi.advanceTimersByTime(61_000);
  expect(givenBack.of("q")).toBe(0);
});

it("holds no more queues than it may, the oldest go, and none of which nothing came back", () => {
  const givenBack = new GivenBack();
  for (let n = 0; n <= 10_000; n++) givenBack.note(`q${n}`, 4);
  expect([givenBack.of("q0"), givenBack.of("q1")]).toEqual([0, 5]);
  givenBack.note("q1", 0);
  expect(givenBack.of("q1")).toBe(0);
});

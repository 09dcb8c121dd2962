import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Pulse } from "../src/pulse.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Answers how often it was taken for dead, when a question goes unanswered. */
async function deathsAfterSilence(meanwhile: (pulse: Pulse) => void): Promise<number> {
  let deaths = 0;
  const unanswered = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1_000));
  const pulse = new Pulse(1_000, unanswered, () => {
    deaths++;
  });
  pulse.owe();
  pulse.owe();
  await vi.advanceTimersByTimeAsync(1_500);
  meanwhile(pulse);
  await vi.advanceTimersByTimeAsync(600);
  pulse.stop();
  return deaths;
}

it("takes a connection for dead that does not answer, and not one that answers something else", async () => {
  expect(await deathsAfterSilence(() => {})).toBe(1);
  expect(await deathsAfterSilence((pulse) => pulse.paid(true))).toBe(0);
  const givenUpAndBegunAnew = (pulse: Pulse) => {
    for (let call = 0; call < 2; call++) pulse.paid(false);
    pulse.owe();
  };
  expect(await deathsAfterSilence(givenUpAndBegunAnew)).toBe(1);
});

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ConnectionMonitor } from "../src/client/connection-monitor.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Resolves with how often it was taken for dead, when a question goes unanswered. */
async function deathsAfterSilence(meanwhile: (monitor: ConnectionMonitor) => void): Promise<number> {
  let deaths = 0;
  const unanswered = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1_000));
  const monitor = new ConnectionMonitor(1_000, unanswered, () => {
    deaths++;
  });
  monitor.callStarted();
  monitor.callStarted();
  await vi.advanceTimersByTimeAsync(1_500);
  meanwhile(monitor);
  await vi.advanceTimersByTimeAsync(600);
  monitor.stop();
  return deaths;
}

it("takes a connection for dead that does not answer, and not one that answers something else", async () => {
  expect(await deathsAfterSilence(() => {})).toBe(1);
  expect(await deathsAfterSilence((monitor) => monitor.callEnded(true))).toBe(0);
  const givenUpAndBegunAnew = (monitor: ConnectionMonitor) => {
    for (let call = 0; call < 2; call++) monitor.callEnded(false);
    monitor.callStarted();
  };
  expect(await deathsAfterSilence(givenUpAndBegunAnew)).toBe(1);
});

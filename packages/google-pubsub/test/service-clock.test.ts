import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ServiceClock } from "../src/client/service-clock.ts";

const now = 1_700_000_000_000;
const hourMs = 3_600_000;
const date = (ms: number) => new Date(ms).toUTCString();

beforeEach(() => {
  vi.useFakeTimers({ now });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The service's clock shows this much more than this computer's, and a response with a date has just come. */
function asked(clock: ServiceClock, aheadMs: number, tookMs = 0): void {
  const askedAt = performance.now();
  vi.advanceTimersByTime(tookMs);
  clock.noteDate(date(Date.now() + aheadMs), askedAt);
}

/** What the clock takes the service's to be ahead of this computer's by. */
const ahead = (clock: ServiceClock) => performance.now() + clock.offsetMs - Date.now();

it("shows nothing while no response had a date, and then this computer's clock is all there is", () => {
  const clock = new ServiceClock();
  for (const date of [undefined, "", "no date", 7]) clock.noteDate(date, performance.now());
  expect(clock.now()).toBeUndefined();
  expect(ahead(clock)).toBe(0);
});

it.each([0, 400, -900, 1_000])(
  "is this computer's while that may be right: dates have whole seconds (%i ms)",
  (ms) => {
    const clock = new ServiceClock();
    clock.noteDate(date(now), performance.now() - ms);
    expect(clock.now()).toBe(now);
  },
);

it.each([-hourMs, hourMs])(
  "is the service's where this computer's is wrong, and never ahead of it (%i ms)",
  (ms) => {
    const clock = new ServiceClock();
    vi.setSystemTime(now + 700);
    asked(clock, ms, 100);
    expect(ahead(clock)).toBe(ms - 800);
    // Nearer to it with each response that comes just when a second begins.
    vi.advanceTimersByTime(250);
    asked(clock, ms);
    expect(ahead(clock)).toBeGreaterThanOrEqual(ms - 50);
    expect(ahead(clock)).toBeLessThanOrEqual(ms);
  },
);

it("goes on steadily when this computer's clock is set", () => {
  const clock = new ServiceClock();
  asked(clock, 0);
  vi.setSystemTime(now + hourMs);
  vi.advanceTimersByTime(1_000);
  expect(clock.now()).toBeLessThanOrEqual(now + 1_000);
  expect(clock.now()).toBeGreaterThan(now + 990);
});

it("is not before what it has stored, where its responses have no dates", () => {
  const clock = new ServiceClock();
  clock.noteStored(now + hourMs);
  expect(ahead(clock)).toBe(hourMs);
  clock.noteStored(now - hourMs);
  expect(ahead(clock)).toBe(hourMs);
  expect(clock.now()).toBeUndefined();
});

it("holds for days, less what steady clocks may drift apart", () => {
  const clock = new ServiceClock();
  clock.noteStored(now + hourMs);
  vi.advanceTimersByTime(24 * hourMs);
  clock.noteStored(now + hourMs);
  expect(ahead(clock)).toBeLessThanOrEqual(hourMs);
  expect(ahead(clock)).toBeGreaterThan(hourMs - 60_000);
});

it.each([-hourMs, hourMs])("follows the service's clock when that is set (%i ms)", (ms) => {
  const clock = new ServiceClock();
  asked(clock, 0);
  asked(clock, ms);
  expect(ahead(clock)).toBe(ms);
});

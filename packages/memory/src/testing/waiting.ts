import type { Clock } from "@waybill/core/spi";
import { turn } from "../broker/turn.ts";
import type { VirtualClock } from "../broker/virtual-clock.ts";

const realTime = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** How long a test waits by default: five seconds of real time, or an hour of virtual time. */
export const defaultTimeoutMs = { real: 5_000, virtual: 3_600_000 };

/** How long a handler under a virtual clock may take over something real, such as a file, in milliseconds. */
const realGraceMs = 1_000;

export function isVirtual(clock: Clock): clock is VirtualClock {
  return "advance" in clock && "nextTimerAt" in clock;
}

/**
 * Waits until the condition holds, and tells whether it came to. A virtual clock is
 * moved on from timer to timer meanwhile, so that whatever waits for time gets it.
 */
export function until(
  clock: Clock,
  condition: () => boolean,
  isBusy: () => boolean,
  timeoutMs = defaultTimeoutMs[isVirtual(clock) ? "virtual" : "real"],
): Promise<boolean> {
  return isVirtual(clock)
    ? untilVirtual(clock, condition, isBusy, timeoutMs)
    : untilReal(condition, performance.now() + timeoutMs);
}

async function untilReal(condition: () => boolean, end: number): Promise<boolean> {
  await turn();
  while (!condition()) {
    if (performance.now() >= end) return false;
    await realTime(1);
  }
  return true;
}

async function untilVirtual(
  clock: VirtualClock,
  condition: () => boolean,
  isBusy: () => boolean,
  timeoutMs: number,
): Promise<boolean> {
  const end = clock.now() + timeoutMs;
  const realEnd = performance.now() + realGraceMs;
  await turn();
  while (!condition()) {
    const next = clock.nextTimerAt() ?? Number.POSITIVE_INFINITY;
    const isInTime = next <= end;
    if (!isInTime && performance.now() >= realEnd) return false;
    // A running handler may be waiting for something that no clock of ours moves.
    if (!isInTime || isBusy()) await realTime(1);
    if (isInTime && !condition()) await clock.advance(Math.max(0, next - clock.now()));
  }
  return true;
}

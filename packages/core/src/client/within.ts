import type { Clock } from "../spi/clock.ts";
import { sleep } from "./sleep.ts";

/** How long, in milliseconds, core waits for a driver that was told to end and does not. */
export const driverGraceMs = 5_000;

/** Waits until the promise has settled, but no longer than `ms`. Never rejects: a failure goes to `onFailure`. */
export async function within(
  clock: Clock,
  ms: number,
  promise: Promise<unknown>,
  onFailure: (cause: unknown) => void,
): Promise<void> {
  const over = new AbortController();
  await Promise.race([promise.catch(onFailure), sleep(clock, ms, over.signal)]);
  over.abort();
}

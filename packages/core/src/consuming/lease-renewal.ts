import { MessagingError } from "../errors/messaging-error.ts";
import { normalise } from "../errors/normalise.ts";
import type { Clock } from "../spi/clock.ts";
import type { Driver } from "../spi/driver.ts";
import type { Delivery } from "../spi/message.ts";
import { unlessAborted } from "../spi/unless-aborted.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Generation } from "./generation.ts";

export interface LeaseRenewalContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly maxLeaseMs: number;
  readonly onError: (error: MessagingError) => void;
}

/**
 * Renews the leases of all that is held, every third of the lease, so that one
 * renewal may fail. What is held for longer than the maximum is let go, as is what
 * the broker has taken back.
 */
export function renewLeases(generation: Generation, context: LeaseRenewalContext): void {
  const { driver, clock, dispatcher, maxLeaseMs } = context;
  const { lease } = driver.capabilities;
  const { consumer } = generation;
  if (lease === undefined || consumer.extend === undefined) return;

  /** It is not waited for before the next: one that hangs must not cost the lease. */
  const extend = async (deliveries: readonly Delivery[]) => {
    const giveUp = new AbortController();
    const onTime = () => giveUp.abort(new MessagingError("TIMEOUT", "A lease was not renewed in time."));
    const timer = clock.setTimeout(onTime, lease.ms);
    const signal = AbortSignal.any([generation.signal, giveUp.signal]);
    try {
      const lost = await unlessAborted(
        consumer.extend?.(deliveries, { signal }) ?? Promise.resolve([]),
        signal,
      );
      if (lost.length > 0) dispatcher.loseUnsettled(new Set(lost), leaseLost());
    } catch (cause) {
      if (!generation.signal.aborted) context.onError(normalise(driver, cause));
    } finally {
      clock.clearTimeout(timer);
    }
  };
  const renew = () => {
    schedule();
    const now = clock.now();
    dispatcher.loseWithFollowers(
      (held) => held.generation === generation && !held.lost && now - held.receivedAt >= maxLeaseMs,
      new MessagingError("LEASE_LOST", `A message was held for its maximum of ${maxLeaseMs} ms.`, {
        remedy: "Raise `maxLeaseMs`, or make the handler quicker.",
      }),
    );
    const held = dispatcher.leased(generation);
    if (held.length > 0) void extend(held.map((each) => each.wire));
  };
  let timer: unknown;
  const schedule = () => {
    timer = clock.setTimeout(renew, Math.min(lease.ms / 3, maxLeaseMs));
  };
  generation.signal.addEventListener("abort", () => clock.clearTimeout(timer), { once: true });
  schedule();
}

function leaseLost(): MessagingError {
  return new MessagingError("LEASE_LOST", "The lease of a message ran out before it was renewed.", {
    remedy: "It is or will be delivered again. Keep the process responsive, or choose a longer lease.",
  });
}

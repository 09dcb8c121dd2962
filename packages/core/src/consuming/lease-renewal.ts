import { MessagingError } from "../errors/messaging-error.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { eventLoopTurns } from "../runtime/event-loop-turns.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Driver } from "../spi/driver.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { normalise } from "../spi/normalise.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { DeliveryScheduler } from "./delivery-scheduler.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

export interface LeaseRenewalContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly scheduler: DeliveryScheduler;
  readonly maxLeaseMs: number;
  readonly onError: (error: MessagingError) => void;
}

/**
 * Renews the leases of all that is held, every third of the lease, so that one
 * renewal may fail. What is held for longer than the maximum is let go, as is what
 * the broker has taken back.
 */
export function renewLeases(session: ConsumerSession, context: LeaseRenewalContext): void {
  const { driver, clock, scheduler, maxLeaseMs } = context;
  const { lease } = driver.capabilities;
  const { consumer } = session;
  if (lease === undefined || consumer.extend === undefined) return;

  /** It is not waited for before the next: one that hangs must not cost the lease. */
  const extend = async (deliveries: readonly ReceivedMessage[]) => {
    const giveUp = new AbortController();
    const onTime = () =>
      giveUp.abort(
        new MessagingError("TIMEOUT", "A lease was not renewed in time.", {
          remedy: "Check the connection: the broker may deliver its messages again.",
        }),
      );
    const timer = clock.setTimeout(onTime, lease.ms);
    const signal = AbortSignal.any([session.signal, giveUp.signal]);
    try {
      const lost = await unlessAborted(
        consumer.extend?.(deliveries, { signal }) ?? Promise.resolve([]),
        signal,
      );
      if (lost.length > 0) scheduler.loseUnsettled(new Set(lost), leaseLost());
    } catch (cause) {
      if (!session.signal.aborted) context.onError(normalise(driver, cause));
    } finally {
      clock.clearTimeout(timer);
    }
  };
  /** Counted from when its handler was called: what waits for its turn is not its fault. */
  const isHeldTooLong = ({ session: own, lost, startedAt, state }: InFlightDelivery) =>
    own === session &&
    !lost &&
    state === "running" &&
    startedAt !== undefined &&
    monotonicNow(clock) - startedAt >= maxLeaseMs;
  const renew = async () => {
    schedule();
    // The leases of many subscriptions are due at the same time.
    if (eventLoopTurns.isOver) await eventLoopTurns.next();
    if (session.signal.aborted) return;
    scheduler.letGo(
      isHeldTooLong,
      // A renewal that is under way may begin one lease more.
      2 * lease.ms,
      new MessagingError("LEASE_LOST", `A message was being handled for its maximum of ${maxLeaseMs} ms.`, {
        remedy: "Raise `maxLeaseMs`, or make the handler quicker.",
      }),
    );
    const held = scheduler.leased(session);
    if (held.length > 0) void extend(held.map((each) => each.message));
  };
  let timer: unknown;
  const schedule = () => {
    timer = clock.setTimeout(() => void renew(), Math.min(lease.ms / 3, maxLeaseMs));
  };
  session.signal.addEventListener("abort", () => clock.clearTimeout(timer), { once: true });
  schedule();
}

function leaseLost(): MessagingError {
  return new MessagingError("LEASE_LOST", "The lease of a message ran out before it was renewed.", {
    remedy: "Keep the process responsive, or choose a longer lease: it is delivered again.",
  });
}

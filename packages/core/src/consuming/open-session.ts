import { MessagingError } from "../errors/messaging-error.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import { nothingStarted } from "../spi/driver.ts";
import { AckBatcher } from "./ack-batcher.ts";
import { ConsumerSession } from "./consumer-session.ts";
import type { DeliveryScheduler } from "./delivery-scheduler.ts";
import { renewLeases } from "./lease-renewal.ts";
import type { SubscriptionContext, SubscriptionSpec } from "./subscription-spec.ts";

/** Begins a consumer's life. Waits for a connection until `waiting` fires; the consumer has a time limit of its own. */
export async function openSession(
  spec: SubscriptionSpec,
  context: SubscriptionContext,
  scheduler: DeliveryScheduler,
  closing: AbortSignal,
  waiting: AbortSignal,
): Promise<ConsumerSession> {
  const { driver, link, clock, onError, startTimeoutMs } = context;
  const { address, start, filter, settings } = spec;
  const connection = await link.connection(waiting);

  const session = new ConsumerSession();
  // From here on a lost connection ends it, also while it is still being opened.
  const forget = link.onLost((error) => session.end(error));
  session.signal.addEventListener("abort", forget, { once: true });
  const giveUp = new AbortController();
  let timer: unknown;
  try {
    await unlessAborted(context.prepare({ address, start, filter }), closing);
    if (session.error !== undefined) throw session.error;
    // From here: a broker that was slow to make a topic may be as slow to serve it.
    timer = clock.setTimeout(() => giveUp.abort(), startTimeoutMs);
    const opening = connection.consume(
      {
        address,
        start,
        filter,
        prefetch: settings.prefetch,
        prefetchBytes: settings.prefetchBytes,
      },
      {
        revoking: (partitions) => revoke(session, scheduler, partitions),
        revoked: (partitions) => takeAway(session, scheduler, partitions),
      },
      { signal: AbortSignal.any([session.signal, closing, giveUp.signal]) },
    );
    session.consumer = await unlessAborted(opening, closing, (late) => void late.close(nothingStarted));
  } catch (cause) {
    session.end();
    throw session.error ?? cause;
  } finally {
    clock.clearTimeout(timer);
  }
  session.acks = new AckBatcher({
    driver,
    clock,
    consumer: session.consumer,
    signal: session.signal,
    onReleased: (held, result) => scheduler.released(held, result),
    onSilence: (error) => session.end(error),
    onError,
  });
  // What is not settled has no lease either.
  if (spec.settles)
    renewLeases(session, { driver, clock, scheduler, maxLeaseMs: settings.maxLeaseMs, onError });
  return session;
}

/** Partitions are going: what runs may end and be settled. */
async function revoke(
  session: ConsumerSession,
  scheduler: DeliveryScheduler,
  names: readonly string[],
): Promise<void> {
  const partitions = session.known(names);
  await scheduler.revoke(partitions);
  await session.acks.idle();
  for (const partition of partitions) session.forget(partition);
}

/** Partitions are gone: whatever of them is left is someone else's. */
function takeAway(session: ConsumerSession, scheduler: DeliveryScheduler, names: readonly string[]): void {
  const partitions = new Set(session.known(names));
  scheduler.lose(
    (held) => held.partition !== undefined && partitions.has(held.partition),
    new MessagingError("LEASE_LOST", "Its partition moved to another member."),
  );
  session.acks.forget(partitions);
  for (const partition of partitions) session.forget(partition);
}

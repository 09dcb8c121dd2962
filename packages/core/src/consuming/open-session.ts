import { stopHandling } from "../errors/ended.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Source } from "../spi/address.ts";
import { type CloseConsumerOptions, nothingStarted } from "../spi/driver.ts";
import { AckBatcher } from "./ack-batcher.ts";
import { ConsumerSession } from "./consumer-session.ts";
import type { DeliveryScheduler } from "./delivery-scheduler.ts";
import { renewLeases } from "./lease-renewal.ts";
import type { SubscriptionContext, SubscriptionSpec } from "./subscription-spec.ts";

/** How long making a topic or queue may take at least, in milliseconds: some brokers are slow at it, and none takes for ever. */
const prepareTimeoutMs = 60_000;

/** Begins a consumer's life. Waits for a connection until `waiting` fires; the consumer has a time limit of its own. */
export async function openSession(
  spec: SubscriptionSpec,
  context: SubscriptionContext,
  scheduler: DeliveryScheduler,
  closing: AbortSignal,
  waiting: AbortSignal,
  prefetch: number,
): Promise<ConsumerSession> {
  const { driver, connector, clock, onError, startTimeoutMs } = context;
  const { address, start, filter, settings } = spec;
  const connection = await connector.connection(waiting);

  const session = new ConsumerSession();
  // Before there is a consumer: partitions may move while it is still being opened.
  session.acks = new AckBatcher({
    driver,
    clock,
    consumer: () => session.consumer,
    signal: session.signal,
    onReleased: (delivery, result) => scheduler.released(delivery, result),
    onSilence: (error) => session.end(error),
    onGivenUp: (error) => session.end(error),
    onError,
  });
  // From here on a lost connection ends it, also while it is still being opened.
  const forget = connector.onLost((error) => {
    session.end(error);
    // At once: by the time that this consumer is closed, others may have what its handlers work on.
    scheduler.loseAllOf(session);
  });
  session.signal.addEventListener("abort", forget, { once: true });
  const giveUp = new AbortController();
  const limit = (ms: number) => clock.setTimeout(() => giveUp.abort(startTimedOut(spec, ms)), ms);
  let timer = limit(Math.max(prepareTimeoutMs, startTimeoutMs));
  const opening = AbortSignal.any([session.signal, closing, giveUp.signal]);
  try {
    await unlessAborted(prepareAll(spec, context, opening), opening);
    if (session.error !== undefined) throw session.error;
    // From here: a broker that was slow to make a topic may be as slow to serve it.
    clock.clearTimeout(timer);
    timer = limit(startTimeoutMs);
    const consumer = connection.consume(
      {
        address,
        start,
        filter,
        ...(scheduler.isIsolated
          ? { prefetch: 1, prefetchBytes: settings.prefetchBytes }
          : prefetchOf(spec, context, prefetch)),
      },
      {
        revoking: (partitions) => revoke(session, scheduler, partitions),
        revoked: (partitions) => takeAway(session, scheduler, partitions),
      },
      { signal: opening },
    );
    session.consumer = await unlessAborted(consumer, opening, (late) => void late.close(nothingStarted));
  } catch (cause) {
    session.end();
    throw session.error ?? cause;
  } finally {
    clock.clearTimeout(timer);
  }
  // What is not settled has no lease either.
  if (spec.settles)
    renewLeases(session, { driver, clock, scheduler, maxLeaseMs: settings.maxLeaseMs, onError });
  return session;
}

function prefetchOf(
  { address, settings }: SubscriptionSpec,
  { driver }: SubscriptionContext,
  prefetch: number,
): Pick<Source, "prefetch" | "prefetchBytes"> {
  const { prefetchBytes, maxParkedBytes } = settings;
  if (!address.ordered || driver.capabilities.settlement === "cumulative") return { prefetch, prefetchBytes };
  return { prefetch, prefetchBytes: prefetchBytes + maxParkedBytes };
}

/** What it reads from, and where the operator makes topics and queues, what its failed messages go to. */
async function prepareAll(
  spec: SubscriptionSpec,
  context: SubscriptionContext,
  signal: AbortSignal,
): Promise<void> {
  const { address, start, filter, deadLetter } = spec;
  await context.prepare({ address, start, filter }, signal);
  if (context.verifies && deadLetter !== undefined)
    await context.prepare({ address: deadLetter, start: { from: "latest" }, filter: undefined }, signal);
}

function startTimedOut({ address }: SubscriptionSpec, timeoutMs: number): MessagingError {
  return new MessagingError(
    "TIMEOUT",
    `The subscription to "${address.name}" did not begin within ${timeoutMs} ms.`,
    {
      remedy: "Check that the broker is well, or raise `connectTimeoutMs`.",
    },
  );
}

/** Partitions are going: what runs may end and be settled. */
async function revoke(
  session: ConsumerSession,
  scheduler: DeliveryScheduler,
  names: readonly string[],
): Promise<CloseConsumerOptions> {
  // Until it is gone, also for what is on its way here: taken for a new one, its acks would pass over what was left.
  const partitions = names.map((name) => session.partition(name));
  await scheduler.revoke(partitions);
  await session.acks.idle();
  return scheduler.unsettled(session, new Set(partitions));
}

/** Partitions are gone: whatever of them is left is someone else's. */
function takeAway(session: ConsumerSession, scheduler: DeliveryScheduler, names: readonly string[]): void {
  const partitions = new Set(session.known(names));
  scheduler.lose(
    (delivery) => delivery.partition !== undefined && partitions.has(delivery.partition),
    new MessagingError("LEASE_LOST", "Its partition moved to another member.", { remedy: stopHandling }),
  );
  session.acks.forget(partitions);
  for (const partition of partitions) session.forget(partition);
}

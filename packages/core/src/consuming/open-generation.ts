import { MessagingError } from "../errors/messaging-error.ts";
import { unlessAborted } from "../spi/unless-aborted.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { Generation } from "./generation.ts";
import { renewLeases } from "./lease-renewal.ts";
import { Settler } from "./settler.ts";
import type { SubscriptionContext, SubscriptionSpec } from "./subscription-spec.ts";

/** Begins a consumer's life. Waits for a connection until `waiting` fires; the consumer has a time limit of its own. */
export async function openGeneration(
  spec: SubscriptionSpec,
  context: SubscriptionContext,
  dispatcher: Dispatcher,
  closing: AbortSignal,
  waiting: AbortSignal,
): Promise<Generation> {
  const { driver, link, clock, onError, startTimeoutMs } = context;
  const { address, start, filter, settings } = spec;
  const connection = await link.connection(waiting);

  const generation = new Generation();
  // From here on a lost connection ends it, also while it is still being opened.
  const forget = link.onLost((error) => generation.end(error));
  generation.signal.addEventListener("abort", forget, { once: true });
  const giveUp = new AbortController();
  let timer: unknown;
  try {
    await unlessAborted(context.prepare({ address, start, filter }), closing);
    if (generation.error !== undefined) throw generation.error;
    // From here: a broker that was slow to make a topic may be as slow to serve it.
    timer = clock.setTimeout(() => giveUp.abort(), startTimeoutMs);
    const opening = connection.consume(
      {
        address,
        start,
        filter,
        prefetch: settings.prefetch,
      },
      {
        revoking: (lanes) => revoke(generation, dispatcher, lanes),
        revoked: (lanes) => takeAway(generation, dispatcher, lanes),
      },
      { signal: AbortSignal.any([generation.signal, closing, giveUp.signal]) },
    );
    generation.consumer = await unlessAborted(opening, closing, (late) => void late.close());
  } catch (cause) {
    generation.end();
    throw generation.error ?? cause;
  } finally {
    clock.clearTimeout(timer);
  }
  generation.settler = new Settler({
    driver,
    clock,
    consumer: generation.consumer,
    signal: generation.signal,
    onReleased: (held, result) => dispatcher.released(held, result),
    onSilence: (error) => generation.end(error),
    onError,
  });
  // What is not settled has no lease either.
  if (spec.settles)
    renewLeases(generation, { driver, clock, dispatcher, maxLeaseMs: settings.maxLeaseMs, onError });
  return generation;
}

/** Lanes are going: what runs may end and be settled. */
async function revoke(
  generation: Generation,
  dispatcher: Dispatcher,
  names: readonly string[],
): Promise<void> {
  const lanes = generation.known(names);
  await dispatcher.revoke(lanes);
  await generation.settler.idle();
  for (const lane of lanes) generation.forget(lane);
}

/** Lanes are gone: whatever of them is left is someone else's. */
function takeAway(generation: Generation, dispatcher: Dispatcher, names: readonly string[]): void {
  const lanes = new Set(generation.known(names));
  dispatcher.lose(
    (held) => held.lane !== undefined && lanes.has(held.lane),
    new MessagingError("LEASE_LOST", "Its partition moved to another member."),
  );
  generation.settler.forget(lanes);
  for (const lane of lanes) generation.forget(lane);
}

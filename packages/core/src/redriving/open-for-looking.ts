import type { ReconnectingConnection } from "../connection/reconnecting-connection.ts";
import type { Clock } from "../runtime/clock.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Address } from "../spi/address.ts";
import { type Consumer, type Driver, nothingStarted } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import { lookBounds } from "./look.ts";

/** What a log may be fetched ahead, in bytes: it comes on top of what is looked at. */
const aheadBytes = 8 * 1024 * 1024;

export interface OpeningContext {
  readonly driver: Driver;
  readonly connector: ReconnectingConnection;
  readonly clock: Clock;
}

/** A consumer that nobody handles messages of. Its signal fires, with the error, when the connection is lost. */
export async function openForLooking(
  { driver, connector, clock }: OpeningContext,
  address: Address,
  prepare: () => Promise<void>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<{ readonly consumer: Consumer; readonly signal: AbortSignal }> {
  const giveUp = new AbortController();
  const timer = clock.setTimeout(() => giveUp.abort(), options.timeoutMs);
  const waiting = AbortSignal.any([options.signal, giveUp.signal]);
  const lost = new AbortController();
  const forget = connector.onLost((error) => lost.abort(error));
  lost.signal.addEventListener("abort", forget, { once: true });
  try {
    const connection = await connector.connection(waiting);
    await unlessAborted(prepare(), waiting);
    const opening = connection.consume(
      {
        address,
        start: { from: "latest" },
        filter: undefined,
        prefetch: lookBounds.messages,
        prefetchBytes: driver.capabilities.settlement === "cumulative" ? aheadBytes : lookBounds.bytes,
      },
      { revoking: async () => {}, revoked: () => {} },
      { signal: waiting },
    );
    const consumer = await unlessAborted(opening, waiting, (late) => void late.close(nothingStarted));
    return { consumer: closing(consumer, forget), signal: lost.signal };
  } catch (cause) {
    forget();
    throw normalise(driver, lost.signal.aborted ? lost.signal.reason : cause);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** The consumer, and what is to be done when it has been closed. */
function closing(consumer: Consumer, after: () => void): Consumer {
  return {
    receive: (max, call) => consumer.receive(max, call),
    settle: (batch, call) => consumer.settle(batch, call),
    extend: (batch, call) => consumer.extend?.(batch, call) ?? Promise.resolve([]),
    close: (options) => consumer.close(options).finally(after),
  };
}

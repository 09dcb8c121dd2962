import { driverGraceMs } from "../connection/driver-grace.ts";
import type { Clock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import { within } from "../runtime/within.ts";
import { type Consumer, nothingStarted } from "../spi/driver.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { wireSize } from "../spi/wire-size.ts";
import { quietTimeFor } from "./quiet-time.ts";

/** So much is held unsettled at once: what is more is not seen, and the report says so. */
export const lookBounds = { messages: 5_000, bytes: 64 * 1024 * 1024 } as const;
/** How long to rest after a driver that had nothing, in milliseconds. */
const restMs = 50;

export interface LookContext {
  readonly clock: Clock;
  /** How many the broker has told of; `undefined` where it tells of none. */
  readonly known: number | undefined;
  /** How long a message may be held, in milliseconds, before its lease has to be renewed. */
  readonly leaseMs: number | undefined;
  /** Fires when the caller, or the connection, has given up. */
  readonly signal: AbortSignal;
  readonly consumer: Consumer;
  /** How long to wait for more while the broker has told of more, in milliseconds. */
  readonly missingTimeoutMs?: number;
  readonly onMessage?: (message: ReceivedMessage) => void;
}

/** What was there: how many messages, and whether those were all. */
export interface LookReport {
  readonly seen: number;
  readonly complete: boolean;
}

/**
 * A dry run: counts what is there and writes nothing. Messages are held unsettled and handed back
 * at the end, as no handler has seen them, so that it costs them no attempt.
 */
export async function look(context: LookContext): Promise<LookReport> {
  const { clock, consumer, known, signal, missingTimeoutMs, onMessage } = context;
  const held: ReceivedMessage[] = [];
  const stopRenewing = renew(context, held);
  let bytes = 0;
  let largest = 0;
  let isAll = false;
  try {
    for (;;) {
      isAll = known !== undefined && held.length >= known;
      const room = lookBounds.messages - held.length;
      if (isAll || room <= 0 || bytes >= lookBounds.bytes || signal.aborted) break;
      const batch = await next(context, room, quietTimeFor(held.length, known, missingTimeoutMs));
      if (batch.length === 0) {
        // A driver keeps to the same bound: there may be more, which it does not fetch for want of room.
        isAll = known === undefined && !signal.aborted && bytes + largest <= lookBounds.bytes;
        break;
      }
      for (const message of batch) {
        held.push(message);
        onMessage?.(message);
        const size = wireSize(message);
        bytes += size;
        largest = Math.max(largest, size);
      }
    }
  } finally {
    stopRenewing();
    await within(clock, driverGraceMs, consumer.close(nothingStarted));
  }
  return { seen: held.length, complete: isAll };
}

/** The next messages, or none when none came for so long. */
async function next(
  { clock, consumer, signal }: LookContext,
  max: number,
  waitMs: number,
): Promise<readonly ReceivedMessage[]> {
  const quiet = new AbortController();
  const timer = clock.setTimeout(() => quiet.abort(), waitMs);
  const over = AbortSignal.any([quiet.signal, signal]);
  try {
    for (;;) {
      let batch: readonly ReceivedMessage[] = [];
      let failure: { readonly cause: unknown } | undefined;
      const receiving = consumer.receive(max, { signal: over }).then((received) => {
        batch = received;
      });
      // A driver that does not heed its signal keeps nobody waiting for ever.
      await within(clock, waitMs + driverGraceMs, receiving, {
        onFailure: (cause) => {
          failure = { cause };
        },
      });
      if (failure !== undefined) throw (failure as { readonly cause: unknown }).cause;
      if (batch.length > 0 || over.aborted) return batch;
      await sleep(clock, restMs, over);
      if (over.aborted) return [];
    }
  } finally {
    clock.clearTimeout(timer);
  }
}

/** Renews the leases of what is held until the returned function is called. */
function renew({ clock, consumer, leaseMs }: LookContext, held: readonly ReceivedMessage[]): () => void {
  if (leaseMs === undefined) return () => {};
  const giveUp = new AbortController();
  let timer: unknown;
  const again = () => {
    timer = clock.setTimeout(() => {
      // A lease that could not be renewed: the message comes again, and is counted again.
      consumer.extend?.([...held], { signal: giveUp.signal }).catch(() => {});
      again();
    }, leaseMs / 3);
  };
  again();
  return () => {
    giveUp.abort();
    clock.clearTimeout(timer);
  };
}

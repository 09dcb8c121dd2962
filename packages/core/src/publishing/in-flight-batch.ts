import type { Call } from "../spi/call.ts";
import type { WireMessage } from "../spi/message.ts";
import type { PendingPublish } from "./pending-publish.ts";

/** One publish call under way. It has a signal of its own, so that giving it up harms no other. */
export class InFlightBatch implements Call {
  readonly entries: readonly PendingPublish[];
  readonly batch: readonly WireMessage[];
  /** In monotonic milliseconds, for the observer. */
  readonly startedAt: number;
  /** Given up: whatever it brings comes too late. */
  abandoned = false;
  #abort: AbortController | undefined;

  constructor(entries: readonly PendingPublish[], startedAt: number) {
    this.entries = entries;
    const batch: WireMessage[] = [];
    for (const entry of entries) {
      entry.inFlight = true;
      batch.push(entry.message);
    }
    this.batch = batch;
    this.startedAt = startedAt;
  }

  /** Made when it is first asked for: most drivers never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** When the first that still waits is out of time. */
  get nextDeadline(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { finished, deadline } of this.entries) if (!finished && deadline < next) next = deadline;
    return next === Number.POSITIVE_INFINITY ? this.lastDeadline : next;
  }

  /** When nobody waits for it any more. */
  get lastDeadline(): number {
    return this.entries.reduce((last, { deadline }) => Math.max(last, deadline), 0);
  }

  /** The driver has answered. */
  returned(): void {
    for (const entry of this.entries) entry.inFlight = false;
  }

  abandon(): void {
    this.abandoned = true;
    this.returned();
    this.#abort ??= new AbortController();
    this.#abort.abort();
  }
}

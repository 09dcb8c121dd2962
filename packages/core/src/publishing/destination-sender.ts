import type { Receipt } from "../api/publisher.ts";
import { aborted, closed } from "../errors/ended.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import { monotonicNow } from "../runtime/clock.ts";
import { eventLoopTurns } from "../runtime/event-loop-turns.ts";
import type { Address } from "../spi/address.ts";
import type { WireMessage } from "../spi/message.ts";
import { normalise } from "../spi/normalise.ts";
import type { PublishOutcome } from "../spi/settlement.ts";
import type { DestinationSenderContext } from "./destination-sender-context.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import { outOfTime } from "./out-of-time.ts";
import { Outage } from "./outage.ts";
import { type SendFailure, withOvertaken } from "./overtaken.ts";
import { type PendingOwner, PendingPublish } from "./pending-publish.ts";
import { Preparation } from "./preparation.ts";
import { SendQueue } from "./send-queue.ts";

/** Whoever keeps senders for later. */
export interface SenderOwner {
  /** Nothing is left to do. */
  resting(sender: DestinationSender): void;
  /** One that was not kept has something to do. */
  returned(sender: DestinationSender): void;
}

/**
 * Messages on their way to one destination. What is added in the same turn
 * leaves as one batch, and so does what gathers while no further call is allowed.
 * What fails and may succeed later goes out again, before anything younger, until
 * its time is over.
 */
export class DestinationSender implements PendingOwner {
  readonly address: Address;
  readonly #context: DestinationSenderContext;
  /** False once its owner has let go of it. */
  kept = true;
  readonly #owner: SenderOwner;
  readonly #limit: number;
  readonly #outage: Outage;
  readonly #waiting = new SendQueue();
  readonly #inFlight = new Set<InFlightBatch>();
  /** How many are not finished, waiting or under way. */
  #pending = 0;
  readonly #preparation: Preparation;
  #flushScheduled = false;
  #waitsForTurn = false;
  /** Of all that is added in this turn, and leaves together: asking for the time costs a tenth of a publish. */
  #turnDeadline = 0;
  #failuresInARow = 0;
  /** Set while a retry waits for its time: nothing leaves before, so that order is kept. */
  #pause: unknown;
  #watchdog: unknown;
  /** When the watchdog looks. */
  #watchesUntil = 0;

  constructor(address: Address, context: DestinationSenderContext, owner: SenderOwner) {
    this.address = address;
    this.#context = context;
    this.#outage = new Outage(context.connector, context.onError, context.troubleChanged);
    this.#preparation = new Preparation(address, context);
    this.#owner = owner;
    this.#limit = address.ordered ? 1 : context.driver.capabilities.publishing.inFlight;
  }

  /** Why what waits here has to go out again. */
  get trouble(): MessagingError | undefined {
    return this.#pending === 0 ? undefined : this.#outage.error;
  }

  /** Takes a message; the promise settles when the broker has confirmed it, or when it failed for good. */
  add(message: WireMessage, size: number, signal?: AbortSignal): Promise<Receipt> {
    if (signal?.aborted) return Promise.reject(aborted(signal));
    return new Promise((resolve, reject) => {
      const entry = this.enter(message, size, false, undefined, resolve, reject);
      if (signal !== undefined) entry?.abortWith(signal);
    });
  }

  /** As `add`, for whoever has to know at once, or to give it up. `undefined` when it has been refused. */
  enter(
    message: WireMessage,
    size: number,
    isCounted: boolean,
    givenDeadline: number | undefined,
    resolve: (receipt: Receipt) => void,
    reject: (error: MessagingError) => void,
  ): PendingPublish | undefined {
    const { budget, clock, timeoutMs } = this.#context;
    const refusal = isCounted ? undefined : budget.take(size);
    if (refusal !== undefined) {
      reject(refusal);
      return undefined;
    }
    if (!this.kept) this.#owner.returned(this);
    if (!this.#flushScheduled) this.#turnDeadline = monotonicNow(clock) + timeoutMs;
    const deadline = givenDeadline ?? this.#turnDeadline;
    const entry = new PendingPublish(this, message, size, isCounted, deadline, resolve, reject);
    if (this.#pending++ === 0 && this.#outage.error !== undefined) this.#context.troubleChanged();
    this.#waiting.add(entry);
    if (deadline < this.#watchesUntil) this.#stopWatching();
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.#flush);
    }
    return entry;
  }

  finished(entry: PendingPublish): void {
    if (!entry.isCounted) this.#context.budget.give(entry.size);
    if (--this.#pending > 0) return;
    this.#rest();
    if (this.#outage.error !== undefined) this.#context.troubleChanged();
  }

  /** Looks at the destination again before the next message. */
  forgetPrepared(): void {
    this.#preparation.forget();
  }

  /** Fails all that is left. */
  close(): void {
    const error = closed("client");
    this.#preparation.close(error);
    for (const inFlight of this.#inFlight) {
      this.#abandon(inFlight);
      for (const entry of inFlight.entries) entry.fail(error);
    }
    for (const entry of this.#waiting.takeAll()) entry.fail(error);
    this.#rest();
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#pending === 0 || this.#pause !== undefined) return;
    this.#watch();
    if (!this.#preparation.isReady) return this.#preparation.begin(this.#onUnprepared, this.#flush);
    const { maxMessages, maxBytes } = this.#context.driver.capabilities.publishing;
    while (this.#inFlight.size < this.#limit && this.#waiting.size > 0) {
      // A destination that confirms at once must not keep the event loop.
      if (eventLoopTurns.isOver) return this.#flushInTurn();
      const entries = this.#waiting.nextBatch(maxMessages, maxBytes);
      if (entries.length > 0) void this.#send(entries);
    }
  };

  #flushInTurn(): void {
    if (this.#waitsForTurn) return;
    this.#waitsForTurn = true;
    void eventLoopTurns.next().then(() => {
      this.#waitsForTurn = false;
      this.#flush();
    });
  }

  readonly #onUnprepared = (cause: unknown): void => {
    const error = normalise(this.#context.driver, cause);
    this.#failOrKeep(this.#waiting.takeAll().map((entry) => ({ entry, error })));
  };

  async #send(entries: readonly PendingPublish[]): Promise<void> {
    const { driver, connector, clock, observer } = this.#context;
    const inFlight = new InFlightBatch(entries, observer?.published === undefined ? 0 : monotonicNow(clock));
    this.#inFlight.add(inFlight);
    let outcomes: readonly PublishOutcome[] | undefined;
    let cause: unknown;
    try {
      const connection = connector.current ?? (await connector.connection(inFlight.signal));
      outcomes = await connection.publish(this.address, inFlight.batch, inFlight);
    } catch (thrown) {
      cause = thrown;
    }
    if (inFlight.abandoned) return;
    this.#inFlight.delete(inFlight);
    inFlight.returned();
    const refused: SendFailure[] = [];
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as PendingPublish;
      const outcome = outcomes?.[index];
      if (outcome?.ok) entry.succeed(outcome);
      else refused.push({ entry, error: normalise(driver, outcome?.cause ?? cause), index });
    }
    const failures = withOvertaken(entries, refused);
    this.#observe(inFlight, failures);
    if (failures.length > 0) this.#failOrKeep(failures);
    else {
      this.#failuresInARow = 0;
      this.#outage.ends();
    }
    this.#flush();
    if (this.#pending === 0) this.#rest();
  }

  #observe(inFlight: InFlightBatch, failures: readonly SendFailure[]): void {
    const { observer, clock } = this.#context;
    if (observer?.published === undefined) return;
    const errors = new Map(failures.map(({ index, error }) => [index, error]));
    observer.published(this.address, inFlight.batch, errors, monotonicNow(clock) - inFlight.startedAt);
  }

  /** Rejects what is final or out of time, and puts the rest back at the head, in order. */
  #failOrKeep(failures: readonly Pick<SendFailure, "entry" | "error">[]): void {
    const now = monotonicNow(this.#context.clock);
    const kept: PendingPublish[] = [];
    for (const { entry, error } of failures) {
      if (entry.finished) continue;
      if (!error.retryable) {
        // What was there may have been taken away: look again before the next one.
        if (error.code === "NOT_FOUND") {
          this.#preparation.forget();
          this.#context.forget(this.address);
        }
        entry.fail(error);
      } else if (entry.refusal !== undefined) {
        entry.fail(entry.refusal);
      } else {
        entry.error = error;
        if (now >= entry.deadline) entry.fail(this.#outOfTime(entry));
        else kept.push(entry);
      }
    }
    const last = kept.at(-1)?.error;
    if (last === undefined) return;
    this.#outage.lasts(last);
    this.#waiting.putBack(kept);
    const { clock, retryInitialMs, retryMaxMs } = this.#context;
    const pauseMs = Math.min(retryMaxMs, retryInitialMs * 2 ** this.#failuresInARow++);
    if (this.#pause !== undefined) return;
    this.#pause = clock.setTimeout(() => {
      this.#pause = undefined;
      this.#flush();
    }, pauseMs);
  }

  // ── Time limits ─────────────────────────────────────────────────────────────

  /** One timer for the whole sender: it looks when the oldest message is due to time out. */
  #watch(): void {
    if (this.#watchdog !== undefined) return;
    const { clock } = this.#context;
    let oldest = this.#waiting.nextDeadline;
    for (const inFlight of this.#inFlight) oldest = Math.min(oldest, inFlight.nextDeadline);
    if (oldest === Number.POSITIVE_INFINITY) return;
    this.#watchesUntil = oldest;
    this.#watchdog = clock.setTimeout(
      () => {
        this.#watchdog = undefined;
        this.#expireOverdue();
        this.#watch();
      },
      // Runtimes cut off parts of a millisecond: too early, and each length of a timer costs a list of its own.
      Math.max(0, Math.ceil(oldest - monotonicNow(clock))),
    );
  }

  #stopWatching(): void {
    if (this.#watchdog !== undefined) this.#context.clock.clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
  }

  #expireOverdue(): void {
    const now = monotonicNow(this.#context.clock);
    for (const inFlight of this.#inFlight) {
      const late: SendFailure[] = [];
      inFlight.entries.forEach((entry, index) => {
        if (now >= entry.deadline) late.push({ entry, error: this.#outOfTime(entry), index });
      });
      // A driver that answers nothing must not hold up those who come after.
      if (now >= inFlight.lastDeadline) {
        this.#abandon(inFlight);
        this.#observe(inFlight, late);
      }
      for (const { entry, error } of late) entry.fail(error);
    }
    for (const entry of this.#waiting.takeOverdue(now)) entry.fail(this.#outOfTime(entry));
    this.#flush();
  }

  #outOfTime(entry: PendingPublish): MessagingError {
    const { timeoutMs, connector } = this.#context;
    return outOfTime(this.address, timeoutMs, entry.error ?? connector.error);
  }

  #abandon(inFlight: InFlightBatch): void {
    this.#inFlight.delete(inFlight);
    inFlight.abandon();
  }

  /** Nobody waits any more. A call that is still under way keeps its time limit. */
  #rest(): void {
    const { clock } = this.#context;
    this.#waiting.takeAll();
    if (this.#pause !== undefined) clock.clearTimeout(this.#pause);
    this.#pause = undefined;
    if (this.#inFlight.size === 0) {
      this.#stopWatching();
      this.#owner.resting(this);
    }
  }
}

import type { Link } from "../client/link.ts";
import type { Observer } from "../client/observer.ts";
import type { Receipt } from "../client/types.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { aborted, closed, normalise } from "../errors/normalise.ts";
import type { Address } from "../spi/address.ts";
import type { Clock } from "../spi/clock.ts";
import type { Driver } from "../spi/driver.ts";
import type { WireMessage } from "../spi/message.ts";
import type { PublishOutcome } from "../spi/settlement.ts";
import { Deque } from "../structures/deque.ts";
import type { PendingBudget } from "./pending-budget.ts";

/** What every outbox of a client shares. */
export interface OutboxContext {
  readonly driver: Driver;
  readonly link: Link;
  readonly clock: Clock;
  readonly budget: PendingBudget;
  readonly timeoutMs: number;
  readonly retryInitialMs: number;
  readonly retryMaxMs: number;
  readonly observer: Observer | undefined;
  /** Makes or checks the destination, once. */
  prepare(address: Address): Promise<void>;
}

interface Entry {
  readonly message: WireMessage;
  readonly size: number;
  readonly deadline: number;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: MessagingError) => void;
  /** The last failure that was worth another try. */
  error: MessagingError | undefined;
  finished: boolean;
}

interface Flight {
  readonly entries: readonly Entry[];
  readonly deadline: number;
  abandoned: boolean;
}

/**
 * Messages on their way to one destination. What is added in the same turn
 * leaves as one batch, and so does what gathers while no further call is allowed.
 * What fails and may succeed later goes out again, before anything younger, until
 * its time is over.
 */
export class Outbox {
  readonly address: Address;
  readonly #context: OutboxContext;
  readonly #limit: number;
  readonly #waiting = new Deque<Entry>();
  readonly #flights = new Set<Flight>();
  #abort = new AbortController();
  #prepared: "no" | "under way" | "yes" = "no";
  #flushScheduled = false;
  #failuresInARow = 0;
  /** Set while a retry waits for its time: nothing leaves before, so that order is kept. */
  #pause: unknown;
  #watchdog: unknown;
  #idle: (() => void)[] = [];

  constructor(address: Address, context: OutboxContext) {
    this.address = address;
    this.#context = context;
    this.#limit = address.ordered ? 1 : context.driver.capabilities.publishing.inFlight;
  }

  /** Takes a message; the promise settles when the broker has confirmed it, or when it failed for good. */
  add(message: WireMessage, size: number, signal?: AbortSignal): Promise<Receipt> {
    const { budget, clock, timeoutMs } = this.#context;
    if (signal?.aborted) return Promise.reject(aborted(signal));
    const refusal = budget.take(size);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const deadline = clock.now() + timeoutMs;
      const entry: Entry = { message, size, deadline, resolve, reject, error: undefined, finished: false };
      this.#waiting.push(entry);
      if (signal !== undefined) this.#abortWith(entry, signal);
      if (!this.#flushScheduled) {
        this.#flushScheduled = true;
        queueMicrotask(this.#flush);
      }
    });
  }

  /** Looks at the destination again before the next message. */
  forgetPrepared(): void {
    if (this.#prepared === "yes") this.#prepared = "no";
  }

  /** Resolves when nothing is waiting or under way. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0 && this.#flights.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Fails all that is left. */
  close(): void {
    const error = closed("client");
    this.#clearTimers();
    for (const flight of this.#flights) this.#abandon(flight, error);
    this.#abort.abort();
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      this.#fail(entry, error);
    }
    this.#settleIdle();
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    if (this.#waiting.size === 0 || this.#pause !== undefined) return;
    this.#watch();
    if (this.#prepared !== "yes") {
      if (this.#prepared === "no") void this.#prepare();
      return;
    }
    while (this.#flights.size < this.#limit && this.#waiting.size > 0) {
      const entries = this.#nextBatch();
      if (entries.length > 0) void this.#send(entries);
    }
  };

  #nextBatch(): Entry[] {
    const { maxMessages, maxBytes } = this.#context.driver.capabilities.publishing;
    const entries: Entry[] = [];
    let bytes = 0;
    while (entries.length < maxMessages) {
      const next = this.#waiting.peek();
      if (next === undefined || (entries.length > 0 && bytes + next.size > maxBytes)) break;
      this.#waiting.shift();
      if (next.finished) continue;
      bytes += next.size;
      entries.push(next);
    }
    return entries;
  }

  async #prepare(): Promise<void> {
    this.#prepared = "under way";
    try {
      await this.#context.prepare(this.address);
      this.#prepared = "yes";
    } catch (cause) {
      this.#prepared = "no";
      const error = normalise(this.#context.driver, cause);
      const waiting: Entry[] = [];
      for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift())
        waiting.push(entry);
      this.#failOrKeep(waiting.map((entry) => ({ entry, error })));
    }
    this.#flush();
  }

  async #send(entries: readonly Entry[]): Promise<void> {
    const { link, clock, observer } = this.#context;
    const flight: Flight = { entries, deadline: (entries[0] as Entry).deadline, abandoned: false };
    this.#flights.add(flight);
    const batch = entries.map((entry) => entry.message);
    const call = { signal: this.#abort.signal };
    const startedAt = observer?.published === undefined ? 0 : clock.now();
    let outcomes: readonly PublishOutcome[] | undefined;
    let cause: unknown;
    try {
      const connection = link.current ?? (await link.connection(call.signal));
      outcomes = await connection.publish(this.address, batch, call);
    } catch (thrown) {
      cause = thrown;
    }
    // The watchdog has answered for these already, and freed their place.
    if (flight.abandoned) return;
    this.#flights.delete(flight);

    const failures: { entry: Entry; error: MessagingError; index: number }[] = [];
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      const outcome = outcomes?.[index];
      if (outcome?.ok) this.#succeed(entry, outcome);
      else failures.push({ entry, error: normalise(this.#context.driver, outcome?.cause ?? cause), index });
    }
    observer?.published?.(
      this.address,
      batch,
      new Map(failures.map(({ index, error }) => [index, error])),
      clock.now() - startedAt,
    );
    if (failures.length === 0) this.#failuresInARow = 0;
    else this.#failOrKeep(failures);
    this.#flush();
    this.#settleIdle();
  }

  /** Rejects what is final or out of time, and puts the rest back at the head, in order. */
  #failOrKeep(failures: readonly { readonly entry: Entry; readonly error: MessagingError }[]): void {
    const now = this.#context.clock.now();
    const kept: Entry[] = [];
    for (const { entry, error } of failures) {
      if (entry.finished) continue;
      if (!error.retryable) {
        // What was there may have been taken away: look again before the next one.
        if (error.code === "NOT_FOUND") this.#prepared = "no";
        this.#fail(entry, error);
      } else {
        entry.error = error;
        if (now >= entry.deadline) this.#expire(entry);
        else kept.push(entry);
      }
    }
    if (kept.length === 0) return;
    for (let i = kept.length - 1; i >= 0; i--) this.#waiting.unshift(kept[i] as Entry);
    const { clock, retryInitialMs, retryMaxMs } = this.#context;
    const pauseMs = Math.min(retryMaxMs, retryInitialMs * 2 ** this.#failuresInARow++);
    if (this.#pause !== undefined) return;
    this.#pause = clock.setTimeout(() => {
      this.#pause = undefined;
      this.#flush();
    }, pauseMs);
  }

  #succeed(entry: Entry, outcome: PublishOutcome & { ok: true }): void {
    if (entry.finished) return;
    entry.finished = true;
    this.#context.budget.give(entry.size);
    entry.resolve({ id: entry.message.id, position: outcome.position, unrouted: outcome.unrouted ?? false });
  }

  #fail(entry: Entry, error: MessagingError): void {
    if (entry.finished) return;
    entry.finished = true;
    this.#context.budget.give(entry.size);
    entry.reject(error);
  }

  #expire(entry: Entry): void {
    const { timeoutMs } = this.#context;
    this.#fail(
      entry,
      new MessagingError(
        "TIMEOUT",
        `"${this.address.name}" did not confirm a message within ${timeoutMs} ms.`,
        {
          remedy:
            "It may have been stored all the same. Publish it again with the same id if it must arrive.",
          cause: entry.error,
        },
      ),
    );
  }

  #abandon(flight: Flight, error?: MessagingError): void {
    flight.abandoned = true;
    this.#flights.delete(flight);
    for (const entry of flight.entries) {
      if (error === undefined) this.#expire(entry);
      else this.#fail(entry, error);
    }
  }

  #abortWith(entry: Entry, signal: AbortSignal): void {
    const onAbort = () => this.#fail(entry, aborted(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    const { resolve, reject } = entry;
    Object.assign(entry, {
      resolve: (receipt: Receipt) => {
        signal.removeEventListener("abort", onAbort);
        resolve(receipt);
      },
      reject: (error: MessagingError) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    });
  }

  /** One timer for the whole outbox: it looks when the oldest message is due to time out. */
  #watch(): void {
    if (this.#watchdog !== undefined) return;
    const { clock } = this.#context;
    const oldest = this.#oldestDeadline();
    if (oldest === undefined) return;
    this.#watchdog = clock.setTimeout(
      () => {
        this.#watchdog = undefined;
        this.#expireOverdue();
        this.#watch();
      },
      Math.max(0, oldest - clock.now()),
    );
  }

  #oldestDeadline(): number | undefined {
    let oldest = this.#waiting.peek()?.deadline;
    for (const flight of this.#flights) {
      if (oldest === undefined || flight.deadline < oldest) oldest = flight.deadline;
    }
    return oldest;
  }

  #expireOverdue(): void {
    const now = this.#context.clock.now();
    let hung = false;
    for (const flight of this.#flights) {
      if (now < flight.deadline) continue;
      this.#abandon(flight);
      hung = true;
    }
    if (hung) {
      this.#abort.abort();
      this.#abort = new AbortController();
    }
    for (let head = this.#waiting.peek(); head !== undefined; head = this.#waiting.peek()) {
      if (!head.finished && now < head.deadline) break;
      this.#waiting.shift();
      if (!head.finished) this.#expire(head);
    }
    this.#flush();
    this.#settleIdle();
  }

  #settleIdle(): void {
    if (this.#waiting.size > 0 || this.#flights.size > 0) return;
    this.#clearTimers();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #clearTimers(): void {
    const { clock } = this.#context;
    if (this.#watchdog !== undefined) clock.clearTimeout(this.#watchdog);
    if (this.#pause !== undefined) clock.clearTimeout(this.#pause);
    this.#watchdog = undefined;
    this.#pause = undefined;
  }
}

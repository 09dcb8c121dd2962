import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { eventLoopTurns } from "../runtime/event-loop-turns.ts";
import type { Consumer } from "../spi/driver.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { DeliveryScheduler } from "./delivery-scheduler.ts";
import { ParkedBound } from "./parked-bound.ts";
import { PrefetchWindow } from "./prefetch-window.ts";
import { type ConsumeSettings, checkRoom, defaultPrefetch } from "./settings.ts";

/** How many messages to take in at once, at most, so that others of this process have their turn in between. */
const mostAtOnce = 1_000;

export interface IntakeContext {
  readonly clock: Clock;
  readonly scheduler: DeliveryScheduler;
  readonly settings: ConsumeSettings;
  readonly cumulative: boolean;
  /** Keys are kept in order. */
  readonly ordered: boolean;
  /** As many wait as may: nothing more is received for now. */
  readonly onFull: (parked: number) => void;
}

/**
 * A partition is read no further while so much of `prefetchBytes` waits in it, or where it may hold what frees a blocked
 * key, so much of what may wait in all: a few that are stuck leave room for others.
 */
const stuckShareOfBytes = 1 / 4;

/** Asks consumers for deliveries: never for more than there is room for. */
export class Intake {
  readonly #context: IntakeContext;
  #wake: (() => void) | undefined;
  /** The one being received from. */
  #session: ConsumerSession | undefined;
  readonly #window: PrefetchWindow;
  readonly #parked: ParkedBound;
  /** The size of a message, as the last ones were. */
  #usualBytes = 1_024;

  constructor(context: IntakeContext) {
    this.#context = context;
    this.#window = new PrefetchWindow(context.settings);
    this.#parked = new ParkedBound(context.settings);
  }

  /** The most messages for a driver to fetch. Where a key may stand before others in one queue, what follows it is passed over: so more is to be had. */
  get prefetch(): number {
    const { ordered, cumulative } = this.#context;
    return this.#window.size + (ordered && !cumulative ? this.#parked.size : 0);
  }

  /**
   * Holds enough for so many handlers. True when that is more than before.
   * @throws MessagingError `INVALID_ARGUMENT` for more handlers than the application, or the consumer, lets it hold messages
   */
  makeRoomFor(concurrency: number, consumer: Consumer | undefined): boolean {
    const isFixed = consumer !== undefined && consumer.setPrefetch === undefined;
    if (!isFixed && !this.#context.settings.isPrefetchGiven)
      return this.#window.keepAtLeast(defaultPrefetch(concurrency));
    checkRoom(this.#window.size, concurrency);
    return false;
  }

  /** There is no room for more, or none in some partitions, or none for a message as they usually are. */
  get isFull(): boolean {
    const isPaused = (this.#session?.pausedPartitions.length ?? 0) > 0;
    return this.#wake !== undefined || isPaused || this.#bytesLeft < this.#usualBytes;
  }

  /** What waits behind its key, or for its next attempt, takes no place from what could start. */
  get #bytesLeft(): number {
    const { scheduler, settings } = this.#context;
    return settings.prefetchBytes - (scheduler.heldBytes - scheduler.parkedBytes);
  }

  /** There may be room again. */
  changed(): void {
    this.#wake?.();
    // A partition that is no longer stuck goes on now, and not when an idle `receive` comes back.
    if (this.#session !== undefined && this.#session.pausedPartitions.length > 0)
      this.#mayGoOn(this.#session);
  }

  /** Receives until the signal fires. Rejects when this consumer cannot go on. */
  async run(session: ConsumerSession, signal: AbortSignal, onReceived: () => void): Promise<void> {
    const { scheduler } = this.#context;
    this.#session = session;
    while (!signal.aborted) {
      // Not between receiving and admitting: what belongs to whom may change meanwhile.
      if (eventLoopTurns.isOver) {
        await eventLoopTurns.next();
        if (signal.aborted) return;
      }
      const room = this.#room(session);
      if (room === 0) {
        await this.#change(signal);
        continue;
      }
      const askedAt = scheduler.awaits ? monotonicNow(this.#context.clock) : undefined;
      const batch = await session.consumer.receive(room, { signal });
      if (signal.aborted) return scheduler.passOver(session, batch);
      onReceived();
      if (session.reopens) {
        // What was under way when the rest was handed back lies behind it.
        scheduler.passOver(session, batch);
        continue;
      }
      this.#follow(session, batch.length);
      if (batch.length > 0) {
        const before = scheduler.heldBytes;
        scheduler.admit(session, batch);
        const grown = (scheduler.heldBytes - before) / batch.length;
        // What was handled at once is held no longer, and tells nothing of its size.
        if (grown > 0) this.#usualBytes = Math.max(grown, (this.#usualBytes + grown) / 2);
      } else if (scheduler.isIsolated) scheduler.endIsolation();
      if (askedAt !== undefined) scheduler.stopAwaiting(askedAt);
    }
  }

  /** The window follows how quick the handlers are, where the consumer can. */
  #follow({ consumer }: ConsumerSession, received: number): void {
    const { scheduler, clock } = this.#context;
    if (this.#window.isFixed || consumer.setPrefetch === undefined || scheduler.isIsolating) return;
    if (this.#window.note(received, scheduler.held, monotonicNow(clock))) consumer.setPrefetch(this.prefetch);
  }

  /** How many deliveries to ask for now. */
  #room(session: ConsumerSession): number {
    const { scheduler, cumulative } = this.#context;
    const prefetch = this.#window.size;
    if (session.reopens) return 0;
    if (scheduler.isIsolating)
      return scheduler.isIsolated && scheduler.held === scheduler.blockedKeys ? 1 : 0;
    if (cumulative && !this.#mayGoOn(session)) return 0;
    const bytes = this.#bytesLeft;
    const { parked, parkedBytes } = scheduler;
    if (this.#parked.note(parked, parkedBytes)) session.consumer.setPrefetch?.(this.prefetch);
    const isFull = this.#parked.isFull(parked, parkedBytes);
    if (isFull || (bytes <= 0 && scheduler.held > scheduler.parked)) {
      scheduler.noteFull();
      if (isFull) this.#context.onFull(parked);
      return 0;
    }
    const room = prefetch - (scheduler.held - scheduler.parked);
    // While there is work at hand, ask for a good number at once rather than for one at a time.
    if (scheduler.queued > 0 && room < prefetch / 4) return 0;
    // Half at most, so that one half is fetched while the other is handled and settled.
    const wanted = Math.min(room, Math.ceil(prefetch / 2), mostAtOnce);
    return Math.max(0, Math.min(wanted, Math.max(1, Math.floor(bytes / this.#usualBytes))));
  }

  /**
   * A partition of a log is read no further while much of it waits behind its keys, or has ended
   * behind one that has not; the others go on. While keys are blocked the redriven message may stand
   * behind all that waits for it, so that only bytes count. False where the broker cannot pause single
   * partitions and one of them is stuck.
   */
  #mayGoOn(session: ConsumerSession): boolean {
    const { consumer } = session;
    const prefetch = this.#window.size;
    const { scheduler, settings } = this.#context;
    const mostBytes = settings.prefetchBytes * stuckShareOfBytes;
    const mostOpenBytes = this.#mostOpenBytes(session);
    const stuck: string[] = [];
    for (const { name, blocked, parked, parkedBytes, openBytes } of session.partitions) {
      const isStuck =
        blocked >= 2 * prefetch || parked >= Math.max(1, prefetch / 2) || parkedBytes >= mostBytes;
      if (isStuck && openBytes >= mostOpenBytes) stuck.push(name);
    }
    if (stuck.length > 0) scheduler.noteFull(stuck);
    if (consumer.pausePartitions === undefined) return stuck.length === 0;
    if (stuck.join() !== session.pausedPartitions.join()) {
      session.pausedPartitions = stuck;
      consumer.pausePartitions(stuck);
    }
    return true;
  }

  /** How much a partition of which much waits may keep before it is read no further. */
  #mostOpenBytes({ partitions }: ConsumerSession): number {
    const { scheduler, settings } = this.#context;
    if (scheduler.blockedKeys === 0) return 0;
    let bytes = 0;
    for (const { openBytes } of partitions) bytes += openBytes;
    return bytes < settings.maxParkedBytes ? settings.maxParkedBytes * stuckShareOfBytes : 0;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#wake = undefined;
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

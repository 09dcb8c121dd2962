import { monotonicNow, systemClock } from "../runtime/clock.ts";
import { within } from "../runtime/within.ts";
import { BrokerClock } from "./broker-clock.ts";
import { leavesDelayTierAt } from "./delay-tiers.ts";
import type { DelayedMessage, DueMessageRouter, LeavingMessage } from "./due-message-router.ts";
import { EntryTimes } from "./entry-times.ts";
import { ExponentialBackoff } from "./exponential-backoff.ts";
import type { BufferedItem, PartitionBuffer } from "./partition-buffer.ts";
import type { PartitionBuffers } from "./partition-buffers.ts";

/** How an adapter reads the tiers of its delay topic. */
export interface DelayTierSource<T, B, M> {
  /** Finds where reading of a tier begins, and begins it. Called again after a failure. */
  open(partition: B): Promise<void>;
  /** The number of the tier that this partition is. */
  tierOf(partition: B): number;
  read(partition: B, item: T): DelayedMessage<M>;
  /**
   * Resolves with what the clock that dates this tier showed at some moment during the call, in
   * milliseconds since the epoch; `undefined` where those who write date what they write.
   */
  brokerTime(partition: B): Promise<number | undefined>;
  /** Records that this item and all before it are stored elsewhere. */
  commit(partition: B, last: T): Promise<void>;
}

/** Where a `DelayForwarder` reads messages that wait, and through what it sends those that are due. */
export interface DelayForwarderOptions<T extends BufferedItem, B extends PartitionBuffer<T>, M> {
  readonly buffers: PartitionBuffers<T, B>;
  readonly source: DelayTierSource<T, B, M>;
  readonly router: Pick<DueMessageRouter<M>, "route">;
  /** Something failed that will be tried again. */
  report(cause: unknown): void;
}

/** Forwarded together, so that a burst costs few requests. */
const maxAtOnce = 500;
const backoff = { firstMs: 100, maxMs: 2_000 };
/** Timers have a bound; a tier that wakes for nothing harms nobody. */
const longestRestMs = 60_000;
/** What is under way when a forwarder closes gets this long to arrive and be committed. */
const finishTimeoutMs = 1_500;

/** What is known of the time in a tier. */
interface TierTime {
  readonly clock: BrokerClock;
  readonly entries: EntryTimes;
}

interface Rest {
  /** Whether what has arrived is worth not resting any longer. */
  readonly isDisturbed: () => boolean;
  readonly end: () => void;
}

const undisturbed = () => false;

/**
 * Forwards delayed messages when their time has come: to the next tier, or to where they belong.
 * A message is confirmed at its next place before its last one is committed; after a crash in
 * between it is there twice.
 */
export class DelayForwarder<T extends BufferedItem, B extends PartitionBuffer<T>, M> {
  readonly #options: DelayForwarderOptions<T, B, M>;
  readonly #times = new Map<B, TierTime>();
  readonly #resting = new Map<B, Rest>();
  readonly #working = new Map<B, Promise<void>>();
  #isClosing = false;

  constructor(options: DelayForwarderOptions<T, B, M>) {
    this.#options = options;
    options.buffers.onArrival = (partition) => {
      this.#times.get(partition)?.entries.arrived(partition.buffered);
      const rest = this.#resting.get(partition);
      if (rest?.isDisturbed()) rest.end();
    };
  }

  /** This tier is ours from now on. */
  begin(partition: B): void {
    if (this.#isClosing) return;
    const clock = new BrokerClock();
    const time = { clock, entries: new EntryTimes(clock) };
    this.#times.set(partition, time);
    this.#options.buffers.add(partition);
    const work = this.#work(partition, time).finally(() => this.#working.delete(partition));
    this.#working.set(partition, work);
  }

  /** Takes up nothing more, and waits until what is under way is committed: the next forwarder would repeat it. */
  async finish(partitions: Iterable<B>): Promise<void> {
    const finishing: (Promise<void> | undefined)[] = [];
    for (const partition of partitions) {
      partition.stop("closing");
      this.#resting.get(partition)?.end();
      finishing.push(this.#working.get(partition));
    }
    await Promise.all(finishing);
  }

  /** This tier is someone else's. */
  end(partition: B): void {
    partition.stop("gone");
    this.#times.delete(partition);
    this.#options.buffers.delete(partition);
    this.#resting.get(partition)?.end();
  }

  /** Finishes all tiers, within a bound, and ends them. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const { buffers } = this.#options;
    await within(systemClock, finishTimeoutMs, this.finish(buffers.all));
    for (const partition of [...buffers.all]) this.end(partition);
  }

  async #work(partition: B, time: TierTime): Promise<void> {
    const { source, report } = this.#options;
    const pauses = new ExponentialBackoff(backoff);
    let uncommitted: T | undefined;
    for (let isOpened = false; partition.isOpen; ) {
      try {
        if (!isOpened) await source.open(partition);
        isOpened = true;
        const { last, waitMs } = await this.#forwardDue(partition, time);
        uncommitted = last ?? uncommitted;
        if (uncommitted !== undefined && partition.isAlive) {
          await source.commit(partition, uncommitted);
          uncommitted = undefined;
        }
        pauses.reset();
        const isDisturbed = () =>
          time.entries.isClockWanted || (waitMs === Number.POSITIVE_INFINITY && partition.buffered > 0);
        if (waitMs > 0) await this.#rest(partition, waitMs, isDisturbed);
      } catch (cause) {
        report(cause);
        await this.#rest(partition, pauses.next(), undisturbed);
      }
    }
  }

  /** Forwards what is due. Resolves with the last of it, and after how many milliseconds the next one is; 0 for now. */
  async #forwardDue(
    partition: B,
    { clock, entries }: TierTime,
  ): Promise<{ readonly last: T | undefined; readonly waitMs: number }> {
    const { buffers, source } = this.#options;
    if (entries.isClockWanted) {
      if (!clock.isFresh) await clock.ask(() => source.brokerTime(partition));
      entries.clockIsKnown();
    }
    const now = monotonicNow(systemClock);
    const tier = source.tierOf(partition);
    const due: LeavingMessage<M>[] = [];
    let last: T | undefined;
    let waitMs = Number.POSITIVE_INFINITY;
    while (due.length < maxAtOnce) {
      const item = partition.peek();
      if (item === undefined) break;
      const delayed = source.read(partition, item);
      const enteredAt = entries.ofOldest(delayed.enteredAt);
      const dueAt = enteredAt + delayed.waitMs;
      waitMs = leavesDelayTierAt({ dueAt, enteredAt }, tier) - now;
      if (waitMs > 0) break;
      due.push({ ...delayed, dueAt });
      last = item;
      partition.shift();
      entries.taken();
    }
    if (last === undefined) return { last, waitMs };
    buffers.onRoom();
    await this.#route(partition, due);
    return { last, waitMs: 0 };
  }

  /** Until it has succeeded: these are no longer buffered, and a later commit would pass over them. */
  async #route(partition: B, due: readonly LeavingMessage<M>[]): Promise<void> {
    const pauses = new ExponentialBackoff(backoff);
    for (;;) {
      try {
        return await this.#options.router.route(due);
      } catch (cause) {
        if (!partition.isOpen) throw cause;
        this.#options.report(cause);
        await this.#rest(partition, pauses.next(), undisturbed);
      }
    }
  }

  /** Until the time is over, the tier goes to someone else, or something arrives that disturbs. */
  #rest(partition: B, ms: number, isDisturbed: () => boolean): Promise<void> {
    if (!partition.isOpen || isDisturbed()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#resting.delete(partition);
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, longestRestMs));
      this.#resting.set(partition, { isDisturbed, end });
    });
  }
}

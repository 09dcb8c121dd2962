import type { Clock } from "@waybill/core/spi";
import { countedOnceMore, type MemoryDelivery } from "../delivery.ts";
import { closed } from "../errors.ts";
import type { DeliveryQueue, QueueMember } from "./delivery-queue.ts";
import { LinkedList } from "./linked-list.ts";
import type { Partition } from "./partition.ts";

/** How long `receive` waits before it resolves with nothing. */
const longestWaitMs = 5_000;

type Batch = readonly MemoryDelivery[];

/**
 * One consumer as a queue sees it: which keys it has, and whether it waits. When it
 * ends, for whatever reason, the queue gets back what it held.
 */
export class Member implements QueueMember {
  readonly partitions = new LinkedList<Partition>();
  pausedPartitions: ReadonlySet<string> = new Set();
  ownTurn = false;
  heldBytes = 0;
  readonly leaseMs: number;
  readonly #prefetchBytes: number;
  readonly #queue: DeliveryQueue;
  readonly #clock: Clock;
  #failure: { readonly cause: unknown } | undefined;
  #wanted = 0;
  #resolve: ((batch: Batch) => void) | undefined;
  #reject: ((cause: unknown) => void) | undefined;
  #signal: AbortSignal | undefined;
  #waitingSince = 0;
  #timer: unknown;

  constructor(queue: DeliveryQueue, clock: Clock, leaseMs: number, prefetchBytes: number) {
    this.leaseMs = leaseMs;
    this.#prefetchBytes = prefetchBytes;
    this.#queue = queue;
    this.#clock = clock;
    queue.join(this);
  }

  receive(max: number, signal: AbortSignal): Promise<Batch> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.cause);
    if (signal.aborted) return Promise.resolve([]);
    const batch = this.#queue.take(this, max);
    if (batch.length > 0) return Promise.resolve(batch);
    this.#wanted = max;
    this.#listenTo(signal);
    this.#waitingSince = this.#clock.now();
    if (this.#timer === undefined) this.#setTimer(longestWaitMs);
    this.#queue.await(this);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** One message always fits. */
  hasRoomFor(bytes: number): boolean {
    return this.heldBytes === 0 || this.heldBytes + bytes <= this.#prefetchBytes;
  }

  offer(share: number): void {
    const batch = this.#queue.take(this, Math.min(share, this.#wanted));
    if (batch.length > 0) this.#answer(batch);
  }

  /** What it held counts as delivered: nobody knows how far its handlers came. */
  fail(cause: unknown): void {
    const reject = this.#reject;
    this.#end(cause, countedOnceMore);
    reject?.(cause);
  }

  /** Wants nothing more. What it held comes again with these redeliveries. */
  close(redeliveriesOf: (delivery: MemoryDelivery) => number): void {
    const resolve = this.#resolve;
    this.#end(closed("consumer"), redeliveriesOf);
    resolve?.([]);
  }

  #answer(batch: Batch): void {
    this.#queue.stopAwaiting(this);
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve?.(batch);
  }

  #end(cause: unknown, redeliveriesOf: (delivery: MemoryDelivery) => number): void {
    this.#failure ??= { cause };
    this.#resolve = undefined;
    this.#reject = undefined;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#clock.clearTimeout(this.#timer);
    this.#queue.leave(this, redeliveriesOf);
  }

  readonly #onAbort = (): void => this.#answer([]);

  /** Core passes the same signal every time, so listening once will do. */
  #listenTo(signal: AbortSignal): void {
    if (signal === this.#signal) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  /** One timer runs on over many calls, and looks at each ring whether the present one has waited long enough. */
  #setTimer(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#resolve === undefined) return;
      const rest = this.#waitingSince + longestWaitMs - this.#clock.now();
      if (rest > 0) this.#setTimer(rest);
      else this.#answer([]);
    }, ms);
  }
}

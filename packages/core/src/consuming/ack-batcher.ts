import type { SettleResult } from "../api/delivery.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Consumer, Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import type { Settlement, SettleOutcome } from "../spi/settlement.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { Partition } from "./partition.ts";

export interface AckBatcherContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly consumer: Consumer;
  readonly signal: AbortSignal;
  /** The broker has it, or it was lost: it is held no longer. */
  readonly onReleased: (held: InFlightDelivery, result: SettleResult) => void;
  /** A call was not answered in time: whether it ever will be is not to be waited for. */
  readonly onSilence: (error: MessagingError) => void;
  readonly onError: (error: MessagingError) => void;
}

interface SettlementRequest {
  readonly held: InFlightDelivery;
  readonly settlement: Settlement;
  readonly done: ((result: SettleResult) => void) | undefined;
  /** Set where this tells of a partition's watermark; those it covers have been released already. */
  readonly partition: Partition | undefined;
  /** Its number among all that were given, or that of the oldest it stands for. */
  since: number;
  tries: number;
}

const mostTries = 5;
/** How long a call may take, in milliseconds: longer than any driver tries by itself. */
const longestCallMs = 60_000;

/**
 * Settles in batches: what ends while one call is under way goes with the next.
 * Under cumulative settlement it tells the broker only of each partition's watermark.
 */
export class AckBatcher {
  readonly #context: AckBatcherContext;
  readonly #cumulative: boolean;
  #orders: SettlementRequest[] = [];
  #underWay: readonly SettlementRequest[] = [];
  /** The newest of each partition that the broker does not know of yet. */
  readonly #watermarks = new Map<Partition, SettlementRequest>();
  #running = false;
  #abandoned = false;
  /** Of the call under way. */
  #patience: unknown;
  /** How many were given. */
  #given = 0;
  #idle: { readonly upTo: number; readonly resolve: () => void }[] = [];

  constructor(context: AckBatcherContext) {
    this.#context = context;
    this.#cumulative = context.driver.capabilities.settlement === "cumulative";
  }

  ack(held: InFlightDelivery, done?: (result: SettleResult) => void): void {
    if (held.lost || this.#abandoned) return this.#lost(held, done);
    const { partition } = held;
    if (this.#cumulative && partition !== undefined) {
      const passed = partition.complete(held);
      if (passed !== undefined) this.#moveWatermark(partition, passed);
      // From here on the watermark carries it; it takes no place in the prefetch.
      this.#context.onReleased(held, "settled");
      done?.("settled");
    } else {
      this.#order(held, { delivery: held.wire, outcome: "ack" }, done);
    }
    this.#schedule();
  }

  /** Only where the broker delays redelivery itself. */
  retry(held: InFlightDelivery, delayMs: number, done?: (result: SettleResult) => void): void {
    if (held.lost || this.#abandoned) return this.#lost(held, done);
    this.#order(held, { delivery: held.wire, outcome: "retry", delayMs }, done);
    this.#schedule();
  }

  /** Resolves when all that was given so far is settled or given up, whatever is given meanwhile. */
  idle(): Promise<void> {
    if (!this.#running || this.#abandoned) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push({ upTo: this.#given, resolve }));
  }

  /** These partitions are someone else's: their watermarks are not ours to tell any more. */
  forget(partitions: Iterable<Partition>): void {
    for (const partition of partitions) this.#watermarks.delete(partition);
  }

  /** The consumer is gone: all that is not settled is lost, whatever a call that is still under way may bring. */
  abandon(): void {
    this.#abandoned = true;
    this.#context.clock.clearTimeout(this.#patience);
    const orders = [...this.#underWay, ...this.#orders];
    this.#underWay = [];
    this.#orders = [];
    this.#watermarks.clear();
    for (const order of orders) this.#refused(order);
    for (const { resolve } of this.#idle.splice(0)) resolve();
  }

  #order(held: InFlightDelivery, settlement: Settlement, done: SettlementRequest["done"]): void {
    this.#orders.push({ held, settlement, done, partition: undefined, since: ++this.#given, tries: 0 });
  }

  #moveWatermark(partition: Partition, passed: InFlightDelivery): void {
    const settlement: Settlement = { delivery: passed.wire, outcome: "ack" };
    const given = ++this.#given;
    // It stands for the one it replaces, with its tries, so that a broker that takes none is told of.
    const { since = given, tries = 0 } = this.#watermarks.get(partition) ?? {};
    this.#watermarks.set(partition, { held: passed, settlement, done: undefined, partition, since, tries });
  }

  #schedule(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    while (!this.#abandoned && (this.#orders.length > 0 || this.#watermarks.size > 0)) {
      const orders = this.#takeOrders();
      if (orders.length === 0) continue;
      this.#underWay = orders;
      const outcomes = await this.#settle(orders);
      this.#underWay = [];
      const tries = this.#abandoned ? 0 : this.#conclude(orders, outcomes);
      this.#tellIdle();
      if (tries > 0) await sleep(this.#context.clock, 50 * 2 ** tries, this.#context.signal);
    }
    this.#running = false;
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#idle.length === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { since } of this.#orders) oldest = Math.min(oldest, since);
    for (const { since } of this.#watermarks.values()) oldest = Math.min(oldest, since);
    for (const { upTo, resolve } of this.#idle) if (upTo < oldest) resolve();
    this.#idle = this.#idle.filter(({ upTo }) => upTo >= oldest);
  }

  #takeOrders(): SettlementRequest[] {
    let taken = this.#orders;
    this.#orders = [];
    if (taken.some(takenBack)) {
      for (const order of taken) if (takenBack(order)) this.#lost(order.held, order.done);
      taken = taken.filter((order) => !takenBack(order));
    }
    for (const order of this.#watermarks.values()) taken.push(order);
    this.#watermarks.clear();
    return taken;
  }

  async #settle(orders: readonly SettlementRequest[]): Promise<readonly SettleOutcome[]> {
    const { consumer, signal, clock } = this.#context;
    this.#patience = clock.setTimeout(() => this.#outOfPatience(), longestCallMs);
    try {
      return await consumer.settle(
        orders.map((order) => order.settlement),
        { signal },
      );
    } catch (cause) {
      return orders.map(() => ({ cause }));
    } finally {
      clock.clearTimeout(this.#patience);
    }
  }

  #outOfPatience(): void {
    this.#context.onSilence(
      new MessagingError("TIMEOUT", `The broker took no settlement within ${longestCallMs} ms.`, {
        remedy: "What it did not take is delivered again.",
      }),
    );
  }

  /** Keeps those that are worth another try. Answers how often the most patient of them was tried; 0 when there is none. */
  #conclude(orders: readonly SettlementRequest[], outcomes: readonly SettleOutcome[]): number {
    const again: SettlementRequest[] = [];
    let tries = 0;
    for (let i = 0; i < orders.length; i++) {
      const order = orders[i] as SettlementRequest;
      const outcome = outcomes[i] ?? { cause: new Error("the driver gave no outcome") };
      if (outcome === "settled") this.#settled(order);
      else if (outcome === "lost") this.#refused(order);
      else {
        const error = normalise(this.#context.driver, outcome.cause);
        order.tries++;
        if (error.retryable && order.tries < mostTries) {
          tries = Math.max(tries, order.tries);
          if (order.partition === undefined) again.push(order);
          else this.#keepWatermark(order.partition, order);
        } else {
          this.#context.onError(error);
          if (order.partition === undefined) this.#refused(order);
        }
      }
    }
    this.#orders.unshift(...again);
    return tries;
  }

  /** A newer one covers it, and going back behind that would be wrong. */
  #keepWatermark(partition: Partition, order: SettlementRequest): void {
    const newer = this.#watermarks.get(partition);
    if (newer === undefined) this.#watermarks.set(partition, order);
    else {
      newer.since = order.since;
      newer.tries = order.tries;
    }
  }

  #settled(order: SettlementRequest): void {
    if (order.partition === undefined) this.#context.onReleased(order.held, "settled");
    order.done?.("settled");
  }

  #refused(order: SettlementRequest): void {
    if (order.partition === undefined) this.#lost(order.held, order.done);
    else this.#reportLost(order.held);
  }

  #lost(held: InFlightDelivery, done: ((result: SettleResult) => void) | undefined): void {
    this.#context.onReleased(held, "lost");
    done?.("lost");
    this.#reportLost(held);
  }

  #reportLost(held: InFlightDelivery): void {
    this.#context.onError(
      new MessagingError("LEASE_LOST", `A message was settled after the broker had taken it back.`, {
        remedy: "It is or will be delivered again. Make handlers quicker, or safe to run twice.",
        details: { id: held.wire.id, partition: held.partition?.name },
      }),
    );
  }
}

/** Taken back by the broker while it waited for its call: it may be someone else's by now. */
function takenBack(order: SettlementRequest): boolean {
  return order.held.lost;
}

import { sleep } from "../client/sleep.ts";
import type { SettleResult } from "../client/types.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { normalise } from "../errors/normalise.ts";
import type { Clock } from "../spi/clock.ts";
import type { Consumer, Driver } from "../spi/driver.ts";
import type { Settlement, SettleOutcome } from "../spi/settlement.ts";
import type { Held } from "./held.ts";
import type { Lane } from "./lane.ts";

export interface SettlerContext {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly consumer: Consumer;
  readonly signal: AbortSignal;
  /** The broker has it, or it was lost: it is held no longer. */
  readonly onReleased: (held: Held, result: SettleResult) => void;
  readonly onError: (error: MessagingError) => void;
}

interface Order {
  readonly held: Held;
  readonly settlement: Settlement;
  readonly done: ((result: SettleResult) => void) | undefined;
  /** Set where this tells of a lane's watermark; those it covers have been released already. */
  readonly lane: Lane | undefined;
  tries: number;
}

const mostTries = 5;

/**
 * Settles in batches: what ends while one call is under way goes with the next.
 * Under cumulative settlement it tells the broker only of each lane's watermark.
 */
export class Settler {
  readonly #context: SettlerContext;
  readonly #cumulative: boolean;
  #orders: Order[] = [];
  #underWay: readonly Order[] = [];
  /** The newest of each lane that the broker does not know of yet. */
  readonly #watermarks = new Map<Lane, Order>();
  #running = false;
  #abandoned = false;
  /** Calls of the consumer's `settle`, begun and answered. */
  #started = 0;
  #concluded = 0;
  #idle: { readonly call: number; readonly resolve: () => void }[] = [];

  constructor(context: SettlerContext) {
    this.#context = context;
    this.#cumulative = context.driver.capabilities.settlement === "cumulative";
  }

  ack(held: Held, done?: (result: SettleResult) => void): void {
    if (held.lost || this.#abandoned) return this.#lost(held, done);
    const { lane } = held;
    if (this.#cumulative && lane !== undefined) {
      const passed = lane.complete(held);
      if (passed !== undefined) this.#moveWatermark(lane, passed);
      // From here on the watermark carries it; it takes no place in the prefetch.
      this.#context.onReleased(held, "settled");
      done?.("settled");
    } else {
      const settlement: Settlement = { delivery: held.wire, outcome: "ack" };
      this.#orders.push({ held, settlement, done, lane: undefined, tries: 0 });
    }
    this.#schedule();
  }

  /** Only where the broker delays redelivery itself. */
  retry(held: Held, delayMs: number, done?: (result: SettleResult) => void): void {
    if (held.lost || this.#abandoned) return this.#lost(held, done);
    const settlement: Settlement = { delivery: held.wire, outcome: "retry", delayMs };
    this.#orders.push({ held, settlement, done, lane: undefined, tries: 0 });
    this.#schedule();
  }

  /** Resolves when the broker has answered for all that was given so far, whatever is given meanwhile. */
  idle(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    // What waits now goes with the next call, after the one that may be under way.
    const call = this.#started + 1;
    return new Promise((resolve) => this.#idle.push({ call, resolve }));
  }

  /** These lanes are someone else's: their watermarks are not ours to tell any more. */
  forget(lanes: Iterable<Lane>): void {
    for (const lane of lanes) this.#watermarks.delete(lane);
  }

  /** The consumer is gone: all that is not settled is lost, whatever a call that is still under way may bring. */
  abandon(): void {
    this.#abandoned = true;
    const orders = [...this.#underWay, ...this.#orders];
    this.#underWay = [];
    this.#orders = [];
    this.#watermarks.clear();
    for (const order of orders) this.#refused(order);
    for (const { resolve } of this.#idle.splice(0)) resolve();
  }

  #moveWatermark(lane: Lane, passed: Held): void {
    const settlement: Settlement = { delivery: passed.wire, outcome: "ack" };
    // It takes over the tries of the one it replaces, so that a broker that takes none is told of.
    const tries = this.#watermarks.get(lane)?.tries ?? 0;
    this.#watermarks.set(lane, { held: passed, settlement, done: undefined, lane, tries });
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
      this.#started++;
      this.#underWay = orders;
      const outcomes = await this.#settle(orders);
      this.#underWay = [];
      const tries = this.#abandoned ? 0 : this.#conclude(orders, outcomes);
      this.#concluded++;
      this.#tellIdle();
      if (tries > 0) await sleep(this.#context.clock, 50 * 2 ** tries, this.#context.signal);
    }
    this.#running = false;
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#idle.length === 0) return;
    const answered = this.#running ? this.#concluded : Number.POSITIVE_INFINITY;
    for (const { call, resolve } of this.#idle) if (call <= answered) resolve();
    this.#idle = this.#idle.filter(({ call }) => call > answered);
  }

  #takeOrders(): Order[] {
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

  async #settle(orders: readonly Order[]): Promise<readonly SettleOutcome[]> {
    const { consumer, signal } = this.#context;
    try {
      return await consumer.settle(
        orders.map((order) => order.settlement),
        { signal },
      );
    } catch (cause) {
      return orders.map(() => ({ cause }));
    }
  }

  /** Keeps those that are worth another try. Answers how often the most patient of them was tried; 0 when there is none. */
  #conclude(orders: readonly Order[], outcomes: readonly SettleOutcome[]): number {
    const again: Order[] = [];
    let tries = 0;
    for (let i = 0; i < orders.length; i++) {
      const order = orders[i] as Order;
      const outcome = outcomes[i] ?? { cause: new Error("the driver gave no outcome") };
      if (outcome === "settled") this.#settled(order);
      else if (outcome === "lost") this.#refused(order);
      else {
        const error = normalise(this.#context.driver, outcome.cause);
        order.tries++;
        if (error.retryable && order.tries < mostTries) {
          tries = Math.max(tries, order.tries);
          if (order.lane === undefined) again.push(order);
          else this.#keepWatermark(order.lane, order);
        } else {
          this.#context.onError(error);
          if (order.lane === undefined) this.#refused(order);
        }
      }
    }
    this.#orders.unshift(...again);
    return tries;
  }

  /** A newer one covers it, and going back behind that would be wrong. */
  #keepWatermark(lane: Lane, order: Order): void {
    const newer = this.#watermarks.get(lane);
    if (newer === undefined) this.#watermarks.set(lane, order);
    else newer.tries = order.tries;
  }

  #settled(order: Order): void {
    if (order.lane === undefined) this.#context.onReleased(order.held, "settled");
    order.done?.("settled");
  }

  #refused(order: Order): void {
    if (order.lane === undefined) this.#lost(order.held, order.done);
    else this.#reportLost(order.held);
  }

  #lost(held: Held, done: ((result: SettleResult) => void) | undefined): void {
    this.#context.onReleased(held, "lost");
    done?.("lost");
    this.#reportLost(held);
  }

  #reportLost(held: Held): void {
    this.#context.onError(
      new MessagingError("LEASE_LOST", `A message was settled after the broker had taken it back.`, {
        remedy: "It is or will be delivered again. Make handlers quicker, or safe to run twice.",
        details: { id: held.wire.id, lane: held.lane?.name },
      }),
    );
  }
}

/** Taken back by the broker while it waited for its call: it may be someone else's by now. */
function takenBack(order: Order): boolean {
  return order.held.lost;
}

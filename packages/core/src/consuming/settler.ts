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
  readonly #watermarks = new Map<Lane, Held>();
  #running = false;
  #abandoned = false;
  #idle: (() => void)[] = [];

  constructor(context: SettlerContext) {
    this.#context = context;
    this.#cumulative = context.driver.capabilities.settlement === "cumulative";
  }

  ack(held: Held, done?: (result: SettleResult) => void): void {
    if (held.lost || this.#abandoned) return this.#lost(held, done);
    if (this.#cumulative && held.lane !== undefined) {
      const passed = held.lane.complete(held);
      if (passed !== undefined) this.#watermarks.set(held.lane, passed);
      // From here on the watermark carries it; it takes no place in the prefetch.
      this.#context.onReleased(held, "settled");
      done?.("settled");
    } else {
      this.#orders.push({ held, settlement: { delivery: held.wire, outcome: "ack" }, done, tries: 0 });
    }
    this.#schedule();
  }

  /** Only where the broker delays redelivery itself. */
  retry(held: Held, delayMs: number, done?: (result: SettleResult) => void): void {
    if (held.lost || this.#abandoned) return this.#lost(held, done);
    this.#orders.push({
      held,
      settlement: { delivery: held.wire, outcome: "retry", delayMs },
      done,
      tries: 0,
    });
    this.#schedule();
  }

  /** Resolves when the broker has all that was given so far. */
  idle(): Promise<void> {
    return this.#running ? new Promise((resolve) => this.#idle.push(resolve)) : Promise.resolve();
  }

  /** The consumer is gone: all that is not settled is lost. */
  abandon(): void {
    this.#abandoned = true;
    for (const order of this.#orders.splice(0)) this.#lost(order.held, order.done);
    this.#watermarks.clear();
  }

  #schedule(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    while (!this.#abandoned && (this.#orders.length > 0 || this.#watermarks.size > 0)) {
      const orders = this.#orders;
      this.#orders = [];
      for (const held of this.#watermarks.values()) {
        orders.push({ held, settlement: { delivery: held.wire, outcome: "ack" }, done: undefined, tries: 0 });
      }
      this.#watermarks.clear();
      const again = this.#conclude(orders, await this.#settle(orders));
      if (again.length === 0) continue;
      await sleep(this.#context.clock, 50 * 2 ** (again[0]?.tries ?? 1), this.#context.signal);
      this.#orders.unshift(...again);
    }
    this.#running = false;
    if (this.#abandoned) this.abandon();
    for (const resolve of this.#idle.splice(0)) resolve();
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

  /** Answers those that are worth another try. */
  #conclude(orders: readonly Order[], outcomes: readonly SettleOutcome[]): Order[] {
    const again: Order[] = [];
    for (let i = 0; i < orders.length; i++) {
      const order = orders[i] as Order;
      const outcome = outcomes[i] ?? { cause: new Error("the driver gave no outcome") };
      if (outcome === "settled") this.#settled(order);
      else if (outcome === "lost") this.#lost(order.held, order.done);
      else {
        const error = normalise(this.#context.driver, outcome.cause);
        order.tries++;
        if (error.retryable && order.tries < mostTries && !this.#abandoned) again.push(order);
        else {
          this.#context.onError(error);
          this.#lost(order.held, order.done);
        }
      }
    }
    return again;
  }

  #settled(order: Order): void {
    if (!this.#cumulative || order.settlement.outcome === "retry") {
      this.#context.onReleased(order.held, "settled");
    }
    order.done?.("settled");
  }

  #lost(held: Held, done: ((result: SettleResult) => void) | undefined): void {
    this.#context.onReleased(held, "lost");
    done?.("lost");
    this.#context.onError(
      new MessagingError("LEASE_LOST", `A message was settled after the broker had taken it back.`, {
        remedy: "It is or will be delivered again. Make handlers quicker, or safe to run twice.",
        details: { id: held.wire.id, lane: held.lane?.name },
      }),
    );
  }
}

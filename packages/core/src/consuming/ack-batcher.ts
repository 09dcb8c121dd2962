import type { SettleResult } from "../api/delivery.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import { eventLoopTurns } from "../runtime/event-loop-turns.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Consumer, Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import type { Settlement, SettleOutcome } from "../spi/settlement.ts";
import type { Acks, DeliveryPartition, InFlightDelivery } from "./in-flight-delivery.ts";

export interface AckBatcherContext {
  readonly driver: Driver;
  readonly clock: Clock;
  /** Set once the broker has given one; nothing was delivered before. */
  readonly consumer: () => Consumer;
  readonly signal: AbortSignal;
  /** The broker has it, or it was lost: it is held no longer. */
  readonly onReleased: (delivery: InFlightDelivery, result: SettleResult) => void;
  /** A call was not answered in time: whether it ever will be is not to be waited for. */
  readonly onSilence: (error: MessagingError) => void;
  /** A settlement was tried often enough, and only the end of its consumer gives the message back. */
  readonly onGivenUp: (error: MessagingError) => void;
  readonly onError: (error: MessagingError) => void;
}

interface SettlementRequest {
  readonly delivery: InFlightDelivery;
  readonly settlement: Settlement;
  readonly done: ((result: SettleResult) => void) | undefined;
  /** Set where this tells of a partition's watermark; those it covers have been released already. */
  readonly partition: DeliveryPartition | undefined;
  /** Its number among all that were given, or that of the oldest it stands for. */
  since: number;
  tries: number;
}

/** How far a partition is settled. */
interface Watermark {
  /** The last that it covers. */
  delivery: InFlightDelivery;
  readonly since: number;
  readonly tries: number;
}

const mostTries = 5;
/** How long a watermark that was refused so often waits before it is tried again, in milliseconds. */
const givenUpMs = 10_000;
/** How long a call may take, in milliseconds: longer than any driver tries by itself. */
const longestCallMs = 60_000;

/**
 * Settles in batches: what ends while one call is under way goes with the next.
 * Under cumulative settlement it tells the broker only of each partition's watermark.
 */
export class AckBatcher implements Acks {
  readonly #context: AckBatcherContext;
  readonly #cumulative: boolean;
  #requests: SettlementRequest[] = [];
  #underWay: readonly SettlementRequest[] = [];
  /** The newest of each partition that the broker does not know of yet. */
  readonly #watermarks = new Map<DeliveryPartition, Watermark>();
  /** Those that were refused too often, which `idle` does not wait for: tried again after a while, or with what comes next. */
  readonly #givenUp = new Map<DeliveryPartition, InFlightDelivery>();
  #givenUpTimer: unknown;
  #running = false;
  #abandoned = false;
  /** Of the call under way. */
  #callTimer: unknown;
  /** How many were given. */
  #given = 0;
  #idle: { readonly upTo: number; readonly resolve: () => void }[] = [];

  constructor(context: AckBatcherContext) {
    this.#context = context;
    this.#cumulative = context.driver.capabilities.settlement === "cumulative";
  }

  ack(delivery: InFlightDelivery, done?: (result: SettleResult) => void): void {
    if (delivery.lost || this.#abandoned) return this.#lost(delivery, done);
    const { partition } = delivery;
    if (this.#cumulative && partition !== undefined) {
      const passed = partition.complete(delivery);
      if (passed !== undefined) this.#moveWatermark(partition, passed);
      // From here on the watermark carries it; it takes no place in the prefetch.
      this.#context.onReleased(delivery, "settled");
      done?.("settled");
    } else {
      this.#request(delivery, { delivery: delivery.message, outcome: "ack" }, done);
    }
    this.#schedule();
  }

  /** Only where the broker delays redelivery itself. */
  retry(delivery: InFlightDelivery, delayMs: number, done?: (result: SettleResult) => void): void {
    if (delivery.lost || this.#abandoned) return this.#lost(delivery, done);
    this.#request(delivery, { delivery: delivery.message, outcome: "retry", delayMs }, done);
    this.#schedule();
  }

  /** Resolves when all that was given so far is settled or given up, whatever is given meanwhile. */
  idle(): Promise<void> {
    this.#tryGivenUp();
    if (!this.#running || this.#abandoned) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push({ upTo: this.#given, resolve }));
  }

  /** These partitions are someone else's: their watermarks are not ours to tell any more. */
  forget(partitions: Iterable<DeliveryPartition>): void {
    for (const partition of partitions) {
      this.#watermarks.delete(partition);
      this.#givenUp.delete(partition);
    }
  }

  /** The consumer is gone: all that is not settled is lost, whatever a call that is still under way may bring. */
  abandon(): void {
    this.#abandoned = true;
    this.#context.clock.clearTimeout(this.#callTimer);
    this.#context.clock.clearTimeout(this.#givenUpTimer);
    this.#givenUp.clear();
    const requests = [...this.#underWay, ...this.#requests];
    this.#underWay = [];
    this.#requests = [];
    this.#watermarks.clear();
    for (const request of requests) this.#refused(request);
    for (const { resolve } of this.#idle.splice(0)) resolve();
  }

  #request(delivery: InFlightDelivery, settlement: Settlement, done: SettlementRequest["done"]): void {
    this.#requests.push({ delivery, settlement, done, partition: undefined, since: ++this.#given, tries: 0 });
  }

  #moveWatermark(partition: DeliveryPartition, passed: InFlightDelivery): void {
    const given = ++this.#given;
    const waiting = this.#watermarks.get(partition);
    // It goes on with its age and its tries, so that a broker that takes none is told of.
    if (waiting !== undefined) waiting.delivery = passed;
    else this.#watermarks.set(partition, { delivery: passed, since: given, tries: 0 });
    this.#givenUp.delete(partition);
  }

  /** What it covers was handled: with nothing more to come, it would be handled again by whoever is next. */
  #giveUp(partition: DeliveryPartition, delivery: InFlightDelivery): void {
    if (this.#watermarks.has(partition)) return;
    this.#givenUp.set(partition, delivery);
    this.#givenUpTimer ??= this.#context.clock.setTimeout(() => this.#tryGivenUp(), givenUpMs);
  }

  #tryGivenUp(): void {
    this.#context.clock.clearTimeout(this.#givenUpTimer);
    this.#givenUpTimer = undefined;
    for (const [partition, delivery] of [...this.#givenUp]) this.#moveWatermark(partition, delivery);
    if (this.#watermarks.size > 0) this.#schedule();
  }

  #schedule(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#flush());
  }

  async #flush(): Promise<void> {
    while (!this.#abandoned && (this.#requests.length > 0 || this.#watermarks.size > 0)) {
      if (eventLoopTurns.isOver) await eventLoopTurns.next();
      const requests = this.#takeRequests();
      if (requests.length === 0) continue;
      this.#underWay = requests;
      const outcomes = await this.#settle(requests);
      this.#underWay = [];
      const tries = this.#abandoned ? 0 : this.#conclude(requests, outcomes);
      this.#tellIdle();
      if (tries > 0) await sleep(this.#context.clock, 50 * 2 ** tries, this.#context.signal);
    }
    this.#running = false;
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#idle.length === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { since } of this.#requests) oldest = Math.min(oldest, since);
    for (const { since } of this.#watermarks.values()) oldest = Math.min(oldest, since);
    for (const { upTo, resolve } of this.#idle) if (upTo < oldest) resolve();
    this.#idle = this.#idle.filter(({ upTo }) => upTo >= oldest);
  }

  #takeRequests(): SettlementRequest[] {
    let taken = this.#requests;
    this.#requests = [];
    if (taken.some(takenBack)) {
      for (const request of taken) if (takenBack(request)) this.#lost(request.delivery, request.done);
      taken = taken.filter((request) => !takenBack(request));
    }
    for (const [partition, { delivery, since, tries }] of this.#watermarks) {
      const settlement: Settlement = { delivery: delivery.message, outcome: "ack" };
      taken.push({ delivery, settlement, done: undefined, partition, since, tries });
    }
    this.#watermarks.clear();
    return taken;
  }

  async #settle(requests: readonly SettlementRequest[]): Promise<readonly SettleOutcome[]> {
    const { consumer: consumerOf, signal, clock } = this.#context;
    this.#callTimer = clock.setTimeout(() => this.#callTimedOut(), longestCallMs);
    try {
      return await consumerOf().settle(
        requests.map((request) => request.settlement),
        { signal },
      );
    } catch (cause) {
      return requests.map(() => ({ cause }));
    } finally {
      clock.clearTimeout(this.#callTimer);
    }
  }

  #callTimedOut(): void {
    this.#context.onSilence(
      new MessagingError("TIMEOUT", `The broker took no settlement within ${longestCallMs} ms.`, {
        remedy: "Make handlers safe to run twice: it is delivered again.",
      }),
    );
  }

  /** Keeps those that are worth another try. Returns how often the most often tried of them was tried; 0 when there is none. */
  #conclude(requests: readonly SettlementRequest[], outcomes: readonly SettleOutcome[]): number {
    const { driver, onError, onGivenUp } = this.#context;
    const again: SettlementRequest[] = [];
    let tries = 0;
    let givenUp: MessagingError | undefined;
    for (let i = 0; i < requests.length; i++) {
      const request = requests[i] as SettlementRequest;
      const outcome = outcomes[i] ?? { cause: new Error("the driver gave no outcome") };
      if (outcome === "settled") this.#settled(request);
      else if (outcome === "lost") this.#refused(request);
      else {
        const error = normalise(driver, outcome.cause);
        request.tries++;
        if (error.retryable && request.tries < mostTries) {
          tries = Math.max(tries, request.tries);
          if (request.partition === undefined) again.push(request);
          else this.#keepWatermark(request.partition, request);
        } else {
          if (request.partition === undefined) this.#refused(request);
          else this.#giveUp(request.partition, request.delivery);
          // Where no lease takes it back, it would be this consumer's for as long as that lives.
          if (request.partition === undefined && driver.capabilities.lease === undefined) givenUp ??= error;
          else onError(error);
        }
      }
    }
    this.#requests.unshift(...again);
    if (givenUp !== undefined) onGivenUp(givenUp);
    return tries;
  }

  /** A newer one covers it, and going back behind that would be wrong. */
  #keepWatermark(partition: DeliveryPartition, { delivery, since, tries }: SettlementRequest): void {
    const newer = this.#watermarks.get(partition);
    this.#watermarks.set(partition, { delivery: newer?.delivery ?? delivery, since, tries });
  }

  #settled(request: SettlementRequest): void {
    if (request.partition === undefined) this.#context.onReleased(request.delivery, "settled");
    request.done?.("settled");
  }

  #refused(request: SettlementRequest): void {
    if (request.partition === undefined) this.#lost(request.delivery, request.done);
    else this.#reportLost(request.delivery);
  }

  #lost(delivery: InFlightDelivery, done: ((result: SettleResult) => void) | undefined): void {
    this.#context.onReleased(delivery, "lost");
    done?.("lost");
    this.#reportLost(delivery);
  }

  #reportLost(delivery: InFlightDelivery): void {
    this.#context.onError(settledTooLate(delivery));
  }
}

/** What is told of a settlement that the broker cannot take any more. */
export function settledTooLate({ message, partition }: InFlightDelivery): MessagingError {
  return new MessagingError("LEASE_LOST", "A message was settled after the broker had taken it back.", {
    remedy: "Make handlers quicker, or safe to run twice: it is delivered again.",
    details: { id: message.id, partition: partition?.name },
  });
}

/** Taken back by the broker while it waited for its call: it may be someone else's by now. */
function takenBack(request: SettlementRequest): boolean {
  return request.delivery.lost;
}

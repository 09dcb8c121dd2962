import type { Delivery, SettleResult } from "../api/delivery.ts";
import type { Subscription } from "../api/subscription.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import type { Headers } from "../spi/message.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** What an attempt needs of the subscription that runs it. */
export interface AttemptOwner {
  readonly subscription: Subscription;
  ackNow(attempt: Attempt): Promise<SettleResult>;
  retryNow(attempt: Attempt, delayMs: number | undefined, reason: unknown): Promise<SettleResult>;
  rejectNow(attempt: Attempt, reason: unknown): Promise<SettleResult>;
}

/**
 * One call of a handler, as the application sees it. A second attempt in place is
 * another object, so that a settlement that comes late from the first cannot
 * reach it.
 */
export class Attempt implements Delivery {
  readonly held: InFlightDelivery;
  readonly attempt: number;
  value: unknown;
  /** The first settlement wins; this says which it was. */
  settlement: Delivery["settlement"];
  /** A retry or reject by hand that is still on its way: it ends, whether or not the handler waits for it. */
  underWay: Promise<unknown> | undefined;
  /** Called once when the application settled it by hand, for the pull style. */
  onSettled: (() => void) | undefined;
  /** A retry in place that was asked for by hand: it starts when the handler has ended. */
  retryAfterMs: number | undefined;
  readonly #owner: AttemptOwner;
  #abort: AbortController | undefined;

  constructor(owner: AttemptOwner, held: InFlightDelivery) {
    this.#owner = owner;
    this.held = held;
    this.attempt = held.attempt;
  }

  get id(): string {
    return this.held.wire.id;
  }
  get body(): Uint8Array {
    return this.held.wire.body;
  }
  get contentType(): string {
    return this.held.wire.contentType;
  }
  get headers(): Headers {
    return this.held.headers;
  }
  get key(): string | undefined {
    return this.held.wire.key;
  }
  get timestamp(): number {
    return this.held.wire.timestamp;
  }
  get correlationId(): string | undefined {
    return this.held.wire.correlationId;
  }
  get source(): string {
    return this.#owner.subscription.source;
  }
  get group(): string | undefined {
    return this.#owner.subscription.group;
  }
  get position(): string | undefined {
    return this.held.wire.position;
  }
  get native(): unknown {
    return this.held.wire.native;
  }
  get subscription(): Subscription {
    return this.#owner.subscription;
  }

  /** Made when it is first asked for, since most handlers never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  cancel(reason: unknown): void {
    this.#abort ??= new AbortController();
    this.#abort.abort(reason);
  }

  /** True for the first that asks. */
  claim(settlement: NonNullable<Delivery["settlement"]>): boolean {
    if (this.settlement !== undefined) return false;
    this.settlement = settlement;
    return true;
  }

  ack(): Promise<SettleResult> {
    return this.#owner.ackNow(this);
  }

  async retry(options: { readonly delayMs?: number; readonly reason?: unknown } = {}): Promise<SettleResult> {
    checkOptionNames("retry", options, ["delayMs", "reason"]);
    return this.#onItsWay(this.#owner.retryNow(this, options.delayMs, options.reason));
  }

  reject(reason?: unknown): Promise<SettleResult> {
    return this.#onItsWay(this.#owner.rejectNow(this, reason));
  }

  #onItsWay(result: Promise<SettleResult>): Promise<SettleResult> {
    this.underWay ??= result;
    return result;
  }
}

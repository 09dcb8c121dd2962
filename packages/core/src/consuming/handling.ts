import type { AnyPayload } from "../api/contract.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import type { Observer } from "../api/observer.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { type Validated, validate } from "../publishing/encode.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Address, Filter } from "../spi/address.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { Failures } from "./failures.ts";
import { matches } from "./filter.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { ConsumeSettings } from "./settings.ts";

export interface HandlingContext {
  readonly address: Address;
  readonly payload: AnyPayload;
  readonly settings: ConsumeSettings;
  /** Set where core filters. */
  readonly filter: Filter | undefined;
  /** False for a reply path, whose deliveries need no settlement. */
  readonly settles: boolean;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly middleware: HandleMiddleware | undefined;
  readonly failures: Failures;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
}

/** What handling asks of whoever decides when each delivery has its turn. */
export interface Scheduling {
  /** The handler has ended. False when what it said does not matter any more. */
  handlerEnded(held: InFlightDelivery): boolean;
  /** Settled well: nothing more will be done with it here. */
  ack(held: InFlightDelivery): void;
  /** Settled otherwise, or not to be settled: nothing more will be done with it here. */
  done(held: InFlightDelivery): void;
  /** It keeps its place, and has another turn after so many milliseconds. */
  again(held: InFlightDelivery, delayMs: number): void;
  /** Whoever's turn it is now may start. */
  proceed(): void;
}

/** One turn of a delivery: from its bytes through the handler to what becomes of it. */
export class Handling {
  readonly #context: HandlingContext;
  readonly #scheduling: Scheduling;
  readonly #manual: AttemptOwner;

  constructor(context: HandlingContext, turns: Scheduling, manual: AttemptOwner) {
    this.#context = context;
    this.#scheduling = turns;
    this.#manual = manual;
  }

  begin(held: InFlightDelivery): void {
    const { payload, settings } = this.#context;
    if (this.#unwanted(held)) {
      if (this.#scheduling.handlerEnded(held)) this.#scheduling.ack(held);
      return this.#scheduling.proceed();
    }
    const attempt = new Attempt(this.#manual, held);
    held.current = attempt;
    if (held.attempt > settings.retry.maxAttempts) {
      // This delivery is none: it only takes note of those before it.
      held.attempt--;
      return this.#refuse(held, attempt, poison(held));
    }
    let decoded: Validated | Promise<Validated>;
    try {
      decoded = validate(payload, payload.codec.decode(held.wire.body), this.#context.address.name);
    } catch (cause) {
      return this.#refuse(held, attempt, this.#undecodable(cause));
    }
    if (!(decoded instanceof Promise)) return this.#call(held, attempt, decoded.value);
    decoded.then(
      ({ value }) => this.#call(held, attempt, value),
      (cause) => this.#refuse(held, attempt, this.#undecodable(cause)),
    );
  }

  /** Expired, or filtered out. */
  #unwanted(held: InFlightDelivery): boolean {
    const { filter, clock } = this.#context;
    const { expiresAt } = held.wire;
    return (
      (expiresAt !== undefined && clock.now() >= expiresAt) ||
      (filter !== undefined && !matches(filter, held.headers))
    );
  }

  #call(held: InFlightDelivery, attempt: Attempt, value: unknown): void {
    const { handler, middleware, observer, clock } = this.#context;
    attempt.value = value;
    const startedAt = observer?.handled === undefined ? 0 : clock.now();
    let result: unknown;
    try {
      result =
        middleware === undefined
          ? handler(value, attempt)
          : middleware(attempt, async () => void (await handler(attempt.value, attempt)));
    } catch (error) {
      return this.#threw(held, attempt, error, startedAt);
    }
    if (isPromise(result)) {
      result.then(
        () => this.#returned(held, attempt, startedAt),
        (error) => this.#threw(held, attempt, error, startedAt),
      );
    } else {
      this.#returned(held, attempt, startedAt);
    }
  }

  #returned(held: InFlightDelivery, attempt: Attempt, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, held.wire, undefined, clock.now() - startedAt);
    if (this.#scheduling.handlerEnded(held)) {
      if (attempt.claim("ack")) this.#scheduling.ack(held);
      else this.#settledManually(held, attempt);
    }
    this.#scheduling.proceed();
  }

  #threw(held: InFlightDelivery, attempt: Attempt, error: unknown, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, held.wire, error, clock.now() - startedAt);
    if (this.#scheduling.handlerEnded(held)) {
      if (attempt.claim("retry")) this.#failed(held, error);
      else {
        this.#report(error, "A handler threw after it had settled its message; the settlement stands.");
        this.#settledManually(held, attempt);
      }
    }
    this.#scheduling.proceed();
  }

  /** To the dead letter without a handler call. */
  #refuse(held: InFlightDelivery, attempt: Attempt, error: MessagingError): void {
    attempt.claim("reject");
    if (this.#scheduling.handlerEnded(held)) {
      if (this.#context.settles) {
        this.#context.failures.noteFailure(held);
        void this.#toDeadLetter(held, error);
      } else {
        this.#scheduling.done(held);
      }
    }
    this.#scheduling.proceed();
  }

  #undecodable(cause: unknown): MessagingError {
    if (MessagingError.isInstance(cause)) return cause;
    return new MessagingError(
      "DECODE_FAILED",
      `A body from "${this.#context.address.name}" cannot be decoded: ${String(cause)}.`,
      { cause },
    );
  }

  /** A handler need not wait for its own `retry` or `reject`; its key and partition do. */
  #settledManually(held: InFlightDelivery, attempt: Attempt): void {
    const conclude = () => {
      if (attempt.retryAfterMs === undefined) this.#scheduling.done(held);
      else this.#scheduling.again(held, attempt.retryAfterMs);
    };
    if (attempt.underWay === undefined) return conclude();
    held.phase = "settling";
    const later = () => {
      conclude();
      this.#scheduling.proceed();
    };
    attempt.underWay.then(later, later);
  }

  // ── After a failure ─────────────────────────────────────────────────────────

  #failed(held: InFlightDelivery, error: unknown): void {
    if (!this.#context.settles) {
      this.#report(error, "A reply could not be handled.");
      return this.#scheduling.done(held);
    }
    const { failures, settings } = this.#context;
    const { retry } = settings;
    failures.noteFailure(held);
    if (held.lost) return this.#scheduling.ack(held);
    if (held.attempt >= retry.maxAttempts || !retry.isRetryable(error)) {
      return void this.#toDeadLetter(held, error);
    }
    const delayMs = retry.delayAfter(held.attempt, error);
    const way = failures.way(held, delayMs);
    if (way === "in place") return this.#scheduling.again(held, delayMs);
    if (way === "republish") return void this.#republish(held, delayMs);
    held.ending = "retry";
    held.session.acks.retry(held, delayMs);
    this.#scheduling.done(held);
  }

  async #republish(held: InFlightDelivery, delayMs: number): Promise<void> {
    held.phase = "settling";
    held.ending = "retry";
    if (await this.#context.failures.republish(held, delayMs)) this.#scheduling.ack(held);
    else this.#scheduling.again(held, delayMs);
    this.#scheduling.proceed();
  }

  async #toDeadLetter(held: InFlightDelivery, error: unknown): Promise<void> {
    held.phase = "settling";
    held.ending = "dead-letter";
    if (await this.#context.failures.deadLetter(held, error)) this.#scheduling.ack(held);
    else this.#scheduling.done(held);
    this.#scheduling.proceed();
  }

  #report(error: unknown, message: string): void {
    this.#context.onError(new MessagingError("HANDLER_FAILED", message, { cause: error }));
  }
}

/** What took its process or connection down at every attempt would do so for ever. */
function poison(held: InFlightDelivery): MessagingError {
  return new MessagingError("HANDLER_FAILED", `All ${held.attempt} attempts ended without a settlement.`, {
    retryable: false,
  });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

import type { Observer } from "../client/observer.ts";
import type { AnyPayload } from "../contract/contract.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { HandleMiddleware } from "../policies/middleware.ts";
import { type Validated, validate } from "../publishing/encode.ts";
import type { Address, Filter } from "../spi/address.ts";
import type { Clock } from "../spi/clock.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { Failures } from "./failures.ts";
import { matches } from "./filter.ts";
import type { Held } from "./held.ts";
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
export interface Turns {
  /** The handler has ended. False when what it said does not matter any more. */
  handlerEnded(held: Held): boolean;
  /** Settled well: nothing more will be done with it here. */
  ack(held: Held): void;
  /** Settled otherwise, or not to be settled: nothing more will be done with it here. */
  done(held: Held): void;
  /** It keeps its place, and has another turn after so many milliseconds. */
  again(held: Held, delayMs: number): void;
  /** Whoever's turn it is now may start. */
  proceed(): void;
}

/** One turn of a delivery: from its bytes through the handler to what becomes of it. */
export class Handling {
  readonly #context: HandlingContext;
  readonly #turns: Turns;
  readonly #byHand: AttemptOwner;

  constructor(context: HandlingContext, turns: Turns, byHand: AttemptOwner) {
    this.#context = context;
    this.#turns = turns;
    this.#byHand = byHand;
  }

  begin(held: Held): void {
    const { payload, settings } = this.#context;
    if (this.#unwanted(held)) {
      if (this.#turns.handlerEnded(held)) this.#turns.ack(held);
      return this.#turns.proceed();
    }
    const attempt = new Attempt(this.#byHand, held);
    held.current = attempt;
    if (held.attempt > settings.retry.attempts) {
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
  #unwanted(held: Held): boolean {
    const { filter, clock } = this.#context;
    const { expiresAt } = held.wire;
    return (
      (expiresAt !== undefined && clock.now() >= expiresAt) ||
      (filter !== undefined && !matches(filter, held.headers))
    );
  }

  #call(held: Held, attempt: Attempt, value: unknown): void {
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

  #returned(held: Held, attempt: Attempt, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, held.wire, undefined, clock.now() - startedAt);
    if (this.#turns.handlerEnded(held)) {
      if (attempt.claim("ack")) this.#turns.ack(held);
      else this.#settledByHand(held, attempt);
    }
    this.#turns.proceed();
  }

  #threw(held: Held, attempt: Attempt, error: unknown, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, held.wire, error, clock.now() - startedAt);
    if (this.#turns.handlerEnded(held)) {
      if (attempt.claim("retry")) this.#failed(held, error);
      else {
        this.#report(error, "A handler threw after it had settled its message; the settlement stands.");
        this.#settledByHand(held, attempt);
      }
    }
    this.#turns.proceed();
  }

  /** To the dead letter without a handler call. */
  #refuse(held: Held, attempt: Attempt, error: MessagingError): void {
    attempt.claim("reject");
    if (this.#turns.handlerEnded(held)) {
      if (this.#context.settles) {
        this.#context.failures.noteFailure(held);
        void this.#toDeadLetter(held, error);
      } else {
        this.#turns.done(held);
      }
    }
    this.#turns.proceed();
  }

  #undecodable(cause: unknown): MessagingError {
    if (MessagingError.isInstance(cause)) return cause;
    return new MessagingError(
      "DECODE_FAILED",
      `A body from "${this.#context.address.name}" cannot be decoded: ${String(cause)}.`,
      { cause },
    );
  }

  /** A handler need not wait for its own `retry` or `reject`; its key and lane do. */
  #settledByHand(held: Held, attempt: Attempt): void {
    const conclude = () => {
      if (attempt.retryAfterMs === undefined) this.#turns.done(held);
      else this.#turns.again(held, attempt.retryAfterMs);
    };
    if (attempt.underWay === undefined) return conclude();
    held.phase = "settling";
    const later = () => {
      conclude();
      this.#turns.proceed();
    };
    attempt.underWay.then(later, later);
  }

  // ── After a failure ─────────────────────────────────────────────────────────

  #failed(held: Held, error: unknown): void {
    if (!this.#context.settles) {
      this.#report(error, "A reply could not be handled.");
      return this.#turns.done(held);
    }
    const { failures, settings } = this.#context;
    const { retry } = settings;
    failures.noteFailure(held);
    if (held.lost) return this.#turns.ack(held);
    if (held.attempt >= retry.attempts || !retry.retryable(error)) {
      return void this.#toDeadLetter(held, error);
    }
    const delayMs = retry.delayAfter(held.attempt, error);
    const way = failures.way(held, delayMs);
    if (way === "in place") return this.#turns.again(held, delayMs);
    if (way === "republish") return void this.#republish(held, delayMs);
    held.ending = "retry";
    held.generation.settler.retry(held, delayMs);
    this.#turns.done(held);
  }

  async #republish(held: Held, delayMs: number): Promise<void> {
    held.phase = "settling";
    held.ending = "retry";
    if (await this.#context.failures.republish(held, delayMs)) this.#turns.ack(held);
    else this.#turns.again(held, delayMs);
    this.#turns.proceed();
  }

  async #toDeadLetter(held: Held, error: unknown): Promise<void> {
    held.phase = "settling";
    held.ending = "dead-letter";
    if (await this.#context.failures.deadLetter(held, error)) this.#turns.ack(held);
    else this.#turns.done(held);
    this.#turns.proceed();
  }

  #report(error: unknown, message: string): void {
    this.#context.onError(new MessagingError("HANDLER_FAILED", message, { cause: error }));
  }
}

/** What took its process or connection down at every attempt would do so for ever. */
function poison(held: Held): MessagingError {
  return new MessagingError("HANDLER_FAILED", `All ${held.attempt} attempts ended without a settlement.`, {
    retryable: false,
  });
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

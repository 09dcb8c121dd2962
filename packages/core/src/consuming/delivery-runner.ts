import type { AnyPayload } from "../api/contract.ts";
import type { SettleResult } from "../api/delivery.ts";
import type { HandleMiddleware, HandlerContext } from "../api/middleware.ts";
import type { Observer } from "../api/observer.ts";
import { errorText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { BodyDecoder } from "../publishing/decode.ts";
import { type Validated, validate } from "../publishing/validate.ts";
import { inContextOf } from "../runtime/async-context.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { isThenable, whenSettled } from "../runtime/thenable.ts";
import type { Address, Filter } from "../spi/address.ts";
import { Attempt } from "./attempt.ts";
import { writtenFirstFailure } from "./attempt-headers.ts";
import { type Failure, type FailurePath, failureOf, type NextStep } from "./failure-path.ts";
import { matches } from "./filter.ts";
import { type ClosingSubscription, HandlerCall } from "./handler-call.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { ManualSettlement } from "./manual-settlement.ts";
import { MiddlewareCall } from "./middleware-call.ts";
import type { ConsumeSettings } from "./settings.ts";

export interface DeliveryRunnerContext {
  readonly subscription: ClosingSubscription;
  readonly address: Address;
  readonly payload: AnyPayload;
  readonly settings: ConsumeSettings;
  /** Set where core filters. */
  readonly filter: Filter | undefined;
  /** False for a reply path, whose deliveries need no settlement. */
  readonly settles: boolean;
  /** Whether what is held has a lease, which is renewed for so long only. */
  readonly isLeased: boolean;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly middleware: readonly HandleMiddleware[];
  /** What a middleware is given. */
  readonly handlerContext: HandlerContext;
  readonly failures: FailurePath;
  readonly clock: Clock;
  /** What expires is dated by the broker's time, where that is known. */
  readonly brokerNow: () => number;
  readonly observer: Observer | undefined;
  readonly onError: (error: MessagingError) => void;
}

/** What running asks of whoever decides when each delivery has its turn. */
export interface RunnerHost {
  /** The handler has ended. False when what it said does not matter any more. */
  handlerEnded(delivery: InFlightDelivery): boolean;
  /** The broker is to take it as done. */
  ack(delivery: InFlightDelivery, done?: (result: SettleResult) => void): void;
  /** The broker is to deliver it again. */
  nativeRetry(delivery: InFlightDelivery, delayMs: number, done?: (result: SettleResult) => void): void;
  /** Its turn is over, and nothing is asked of the broker. */
  finish(delivery: InFlightDelivery): void;
  /** It keeps its place, and has another turn after so many milliseconds. */
  again(delivery: InFlightDelivery, delayMs: number, countsAttempt: boolean): void;
  /** It has been dead-lettered, and keeps its key waiting. */
  block(delivery: InFlightDelivery): void;
  /** Whoever's turn it is now may start. */
  proceed(): void;
}

/** One turn of a delivery: from its bytes through the handler to what becomes of it. */
export class DeliveryRunner {
  readonly #context: DeliveryRunnerContext;
  readonly #host: RunnerHost;
  readonly #manual: ManualSettlement;
  readonly #bodies: BodyDecoder;
  /** What is in the way of the handler, if anything is. */
  readonly #hasMiddleware: boolean;
  /** Calls the handler, through its middleware. One for all deliveries, so that none needs a function of its own. */
  readonly #handle: (attempt: Attempt) => unknown;

  constructor(context: DeliveryRunnerContext, host: RunnerHost, manual: ManualSettlement) {
    this.#context = context;
    this.#host = host;
    this.#manual = manual;
    this.#bodies = new BodyDecoder(context.payload);
    const { handler, handlerContext } = context;
    const middleware = new MiddlewareCall(context, manual);
    this.#hasMiddleware = !middleware.isEmpty;
    this.#handle = this.#hasMiddleware
      ? (attempt) => middleware.run(attempt, handlerContext)
      : (attempt) => handler(attempt.value, attempt);
  }

  /** `now` is steady time. Never throws, whatever codecs, schemas, handlers and middleware do. */
  begin(delivery: InFlightDelivery, now: number): void {
    const { subscription, payload, settings, address } = this.#context;
    const attempt = new Attempt(this.#manual, delivery, new HandlerCall(subscription));
    delivery.current = attempt;
    let decoded: Validated | Promise<Validated>;
    try {
      if (this.#isUnwanted(delivery)) return this.#ended(delivery, () => this.#host.ack(delivery));
      if (this.#hasExpired(delivery)) {
        // The attempt that it came for is not made.
        if (!delivery.suspect) delivery.attempt = Math.max(1, delivery.attempt - 1);
        return this.#refuse(delivery, attempt, expired(delivery));
      }
      if (delivery.attempt > settings.retry.maxAttempts) {
        // This delivery is none: it only takes note of those before it.
        delivery.attempt = settings.retry.maxAttempts;
        return this.#refuse(delivery, attempt, delivery.lastError ?? unsettledAttempts(delivery));
      }
      if (this.#context.isLeased) delivery.startedAt = now;
      const body = this.#bodies.decode(delivery.message.body);
      // A schema may think for as long as a handler, and is part of its call.
      decoded =
        payload.schema === undefined
          ? { value: body }
          : inContextOf(attempt.call, (value) => validate(payload, value, address.name), body);
    } catch (cause) {
      return this.#refuse(delivery, attempt, this.#undecodable(cause));
    }
    if (!(decoded instanceof Promise)) return this.#call(delivery, attempt, decoded.value);
    decoded.then(
      ({ value }) => this.#call(delivery, attempt, value),
      (cause) => this.#refuse(delivery, attempt, this.#undecodable(cause)),
    );
  }

  /** Filtered out, or expired before any handler saw it. */
  #isUnwanted(delivery: InFlightDelivery): boolean {
    const { filter } = this.#context;
    if (filter !== undefined && !matches(filter, delivery.headers)) return true;
    if (!this.#isOver(delivery) || delivery.firstFailedAt !== undefined || delivery.attempt > 1) return false;
    return writtenFirstFailure(delivery.message.headers) === undefined;
  }

  /** It had failed or been put off before: why is kept, not lost. */
  #hasExpired(delivery: InFlightDelivery): boolean {
    return this.#context.settles && this.#isOver(delivery);
  }

  #isOver({ expiresAt }: InFlightDelivery): boolean {
    return expiresAt !== undefined && this.#context.brokerNow() >= expiresAt;
  }

  #call(delivery: InFlightDelivery, attempt: Attempt, value: unknown): void {
    const { observer, clock } = this.#context;
    // While its schema thought, it was taken back, or nothing is to be started any more.
    if (delivery.state === "orphaned" || attempt.isCancelled)
      return this.#ended(delivery, () => this.#host.finish(delivery));
    attempt.value = value;
    if (!this.#hasMiddleware) attempt.begins();
    const startedAt = observer?.handled === undefined ? 0 : monotonicNow(clock);
    let result: unknown;
    try {
      result = inContextOf(attempt.call, this.#handle, attempt);
      if (isThenable(result)) {
        whenSettled(
          result,
          () => this.#returned(delivery, attempt, startedAt),
          (error) => this.#threw(delivery, attempt, error, startedAt),
        );
        return;
      }
    } catch (error) {
      return this.#threw(delivery, attempt, error, startedAt);
    }
    this.#returned(delivery, attempt, startedAt);
  }

  #returned(delivery: InFlightDelivery, attempt: Attempt, startedAt: number): void {
    const { observer, clock, address } = this.#context;
    observer?.handled?.(address, delivery.message, undefined, monotonicNow(clock) - startedAt);
    if (this.#host.handlerEnded(delivery)) {
      if (attempt.claim("ack")) this.#host.ack(delivery);
      else this.#settledManually(delivery, attempt);
    }
    this.#host.proceed();
  }

  #threw(delivery: InFlightDelivery, attempt: Attempt, error: unknown, startedAt: number): void {
    const { observer, clock, address, settles } = this.#context;
    observer?.handled?.(address, delivery.message, error, monotonicNow(clock) - startedAt);
    this.#ended(delivery, () => {
      if (!settles) {
        this.#report(error, "A reply could not be handled.", "See its cause; the reply is lost.");
        this.#host.finish(delivery);
      } else if (attempt.claim("retry")) this.#failed(delivery, failureOf(error, attempt.call.handlerCalled));
      else {
        this.#report(
          error,
          "A handler threw after it had settled its message; the settlement stands.",
          "Settle last, or leave it to what the handler throws.",
        );
        this.#settledManually(delivery, attempt);
      }
    });
  }

  /** To the dead-letter queue without a handler call. */
  #refuse(delivery: InFlightDelivery, attempt: Attempt, error: unknown): void {
    attempt.claim("reject");
    this.#ended(delivery, () => {
      if (this.#context.settles) this.#failed(delivery, { verdict: "reject", error });
      else this.#host.finish(delivery);
    });
  }

  #ended(delivery: InFlightDelivery, conclude: () => void): void {
    if (this.#host.handlerEnded(delivery)) conclude();
    this.#host.proceed();
  }

  #undecodable(cause: unknown): MessagingError {
    if (MessagingError.isInstance(cause)) return cause;
    return new MessagingError(
      "DECODE_FAILED",
      `A body from "${this.#context.address.name}" cannot be decoded: ${errorText(cause)}.`,
      { remedy: "Give its contract the codec of those who publish.", cause },
    );
  }

  /** A handler need not wait for its own `retry` or `reject`; its key and partition do. */
  #settledManually(delivery: InFlightDelivery, attempt: Attempt): void {
    const { outcome } = attempt;
    const conclude = () => {
      const { staysAfter, conclude } = outcome;
      if (staysAfter !== undefined) this.#take(delivery, staysAfter);
      else if (conclude === undefined) this.#host.finish(delivery);
      else if (conclude.step.step === "ack") this.#host.ack(delivery, conclude.done);
      else this.#host.nativeRetry(delivery, conclude.step.delayMs, conclude.done);
    };
    // Only while its copy is still being stored; once the broker was asked, it tells by itself.
    if (outcome.storing === undefined || delivery.state !== "running") return conclude();
    delivery.move("store");
    const later = () => {
      conclude();
      this.#host.proceed();
    };
    outcome.storing.then(later, later);
  }

  // ── After a failure ─────────────────────────────────────────────────────────

  #failed(delivery: InFlightDelivery, failure: Failure): void {
    const { failures } = this.#context;
    if (delivery.state === "orphaned") {
      failures.heardTooLate(delivery, failure);
      return this.#host.ack(delivery);
    }
    const decision = failures.decide(delivery, failure);
    const step = failures.carryOut(delivery, failure, decision);
    if (!(step instanceof Promise)) return this.#take(delivery, step);
    delivery.move("store");
    const goOn = (stored: NextStep) => {
      this.#take(delivery, stored);
      this.#host.proceed();
    };
    step.then(goOn, (cause) => {
      this.#report(
        cause,
        "A failed message could not be put anywhere.",
        "See its cause; the broker delivers it again.",
      );
      goOn({ step: "leave" });
    });
  }

  #take(delivery: InFlightDelivery, step: NextStep): void {
    if (step.step === "ack") this.#host.ack(delivery);
    else if (step.step === "native-retry") this.#host.nativeRetry(delivery, step.delayMs);
    else if (step.step === "wait") this.#host.again(delivery, step.delayMs, step.countsAttempt);
    else if (step.step === "block") this.#host.block(delivery);
    else this.#host.finish(delivery);
  }

  #report(cause: unknown, message: string, remedy: string): void {
    this.#context.onError(new MessagingError("HANDLER_FAILED", message, { remedy, cause }));
  }
}

/** What took its process or connection down at every attempt would do so for ever. */
function unsettledAttempts(delivery: InFlightDelivery): MessagingError {
  return new MessagingError(
    "HANDLER_FAILED",
    `All ${delivery.attempt} attempts ended without a settlement.`,
    { remedy: "Find what ends its process or its connection.", retryable: false },
  );
}

/** The broker's count alone may stand for a failure in another process or for none: lost it must not be, nor called a failure. */
function expired({ lastError, firstFailedAt, message }: InFlightDelivery): unknown {
  const hasFailed = (firstFailedAt ?? writtenFirstFailure(message.headers)) !== undefined;
  return (
    lastError ??
    new MessagingError(
      "EXPIRED",
      hasFailed
        ? "The message had failed or been put off, and expired before its next attempt."
        : "The message expired. It had been delivered before, and whether a handler failed on it is not known here.",
      { remedy: "Give it a longer `ttlMs`, or retry sooner." },
    )
  );
}

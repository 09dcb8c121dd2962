import type { AfterDeadLetter } from "../api/failure-policy.ts";
import { errorText, sentence } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { codeOf, readError } from "../errors/read-error.ts";
import { remembered } from "../errors/remembered.ts";
import { checkRetryDelay, type DecidedRetryPolicy, type OnMistake } from "../policies/backoff.ts";
import type { DestinationSender } from "../publishing/destination-sender.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Driver } from "../spi/driver.ts";
import { normalise } from "../spi/normalise.ts";
import { wireSize } from "../spi/wire-size.ts";
import {
  attemptHeader,
  expiresHeader,
  firstFailedHeader,
  redriveMark,
  writtenFirstFailure,
} from "./attempt-headers.ts";
import type { AttemptMemory } from "./attempt-memory.ts";
import { copyOf } from "./failed-copy.ts";
import { decideFailure, type FailureDecision, type FailureFacts } from "./failure-decision.ts";
import { failureHeaders } from "./failure-headers.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import { reducedForm, subjectOf } from "./refused-dead-letter.ts";
import { remedyOfDeadLettered, sourceText } from "./source-text.ts";

export interface FailurePathContext {
  readonly driver: Driver;
  readonly clock: Clock;
  /** What expires is dated by the broker's time, where that is known. */
  readonly brokerNow: () => number;
  readonly address: Address;
  readonly retry: DecidedRetryPolicy;
  readonly settles: boolean;
  readonly attempts: AttemptMemory;
  /** Where failed messages end: `undefined` to let them go. */
  readonly deadLetter: Address | undefined;
  readonly afterDeadLetter: AfterDeadLetter;
  sender(address: Address): DestinationSender;
  readonly onError: (error: MessagingError) => void;
  /** What is no fault of the client's: a message that was given up. */
  readonly onWarning: (warning: MessagingError) => void;
  /** Fires when nothing is settled any more. */
  readonly signal: AbortSignal;
}

/** What was said of a message that failed. */
export interface Failure {
  readonly verdict: FailureFacts["verdict"];
  readonly error: unknown;
  /** The wait that the application asked for, in milliseconds; else what the policy says. */
  readonly delayMs?: number;
}

/**
 * What is to be done with the original now. `leave`: nothing, since a copy could not be stored;
 * it comes again. `block`: its copy is stored, and its key waits for what becomes of that.
 */
export type NextStep =
  | { readonly step: "ack" }
  | { readonly step: "native-retry"; readonly delayMs: number }
  | { readonly step: "wait"; readonly delayMs: number; readonly countsAttempt: boolean }
  | { readonly step: "block" }
  | { readonly step: "leave" };

const ack: NextStep = { step: "ack" };
const block: NextStep = { step: "block" };
const leave: NextStep = { step: "leave" };

/** The failure that a thrown error is, of an attempt whose handler was called or not. */
export function failureOf(error: unknown, handlerCalled: boolean): Failure {
  const delayMs = readError(error)?.delayMs;
  if (delayMs !== undefined) return { verdict: "postpone", error, delayMs };
  // It has only waited, for what a middleware waits for, and uses no attempt.
  return { verdict: handlerCalled || !waitedTooLong(error) ? "threw" : "postpone", error };
}

/** The `timeout` around a handler, or around what should have called it, was over. */
export function waitedTooLong(error: unknown): boolean {
  return readError(error)?.code === "HANDLER_TIMEOUT";
}

/**
 * The one way of a failed message, whoever says that it failed: a handler, a middleware, a
 * schema, a settlement by hand, core itself. It carries out what `decideFailure` decides.
 */
export class FailurePath {
  readonly #context: FailurePathContext;
  /** The application's functions that gave no answer to use: each is told of once. */
  readonly #toldOf = new Set<string>();

  constructor(context: FailurePathContext) {
    this.#context = context;
  }

  /** @throws MessagingError `INVALID_ARGUMENT` for a wait that an application may not ask for */
  checkDelay(delayMs: unknown): void {
    checkRetryDelay("delayMs", delayMs, this.#context.retry.longestDelayMs);
  }

  readonly #onMistake: OnMistake = (of, mistake) => {
    if (!this.#toldOf.has(of)) this.#context.onError(mistake);
    this.#toldOf.add(of);
  };

  decide(delivery: InFlightDelivery, failure: Failure): FailureDecision {
    const { address, driver, clock, deadLetter, afterDeadLetter, retry, settles } = this.#context;
    const { message, attempt } = delivery;
    const now = clock.now();
    // What was put off has not failed, but is not to vanish either: should it expire, this is why it was not handled.
    delivery.firstFailedAt ??= writtenFirstFailure(message.headers) ?? now;
    delivery.lastError = failure.error;
    return decideFailure({
      verdict: failure.verdict,
      attempt,
      maxAttempts: retry.maxAttempts,
      isRetryable: failure.verdict !== "threw" || retry.isRetryable(failure.error, this.#onMistake),
      delayMs: Math.min(
        failure.delayMs ?? retry.delayAfter(attempt, failure.error, this.#onMistake),
        retry.longestDelayMs,
      ),
      expiresAt: delivery.expiresAt,
      now: this.#context.brokerNow(),
      kind: address.kind,
      keyed: address.ordered && message.key !== undefined,
      capabilities: driver.capabilities,
      hasDeadLetterQueue: deadLetter !== undefined,
      afterDeadLetter,
      keepsPlace: delivery.suspect || address.ordered,
      settles,
    });
  }

  /** Its failure is heard when the broker has taken it back: whoever gets it again here goes on from what it said. */
  heardTooLate({ message, attempt }: InFlightDelivery, { verdict, delayMs = 0 }: Failure): void {
    const { attempts, address, clock, retry } = this.#context;
    if (verdict !== "postpone") return;
    const notBefore = monotonicNow(clock) + Math.min(delayMs, retry.longestDelayMs);
    attempts.postpone(address, message, attempt, notBefore);
  }

  /** Resolves at once where nothing has to be stored. Never rejects. */
  carryOut(
    delivery: InFlightDelivery,
    failure: Failure,
    decision: FailureDecision,
  ): NextStep | Promise<NextStep> {
    switch (decision.becomes) {
      case "retry-in-place":
        delivery.ending = "retry";
        delivery.lastError = remembered(delivery.lastError);
        return { step: "wait", delayMs: decision.delayMs, countsAttempt: decision.countsAttempt };
      case "native-retry":
        delivery.ending = "retry";
        this.#context.attempts.note(this.#context.address, delivery.message, {
          nextAttempt: delivery.attempt + 1,
          suspect: false,
          losses: 0,
          blocks: false,
          notBefore: 0,
          firstFailedAt: delivery.firstFailedAt,
          lastError: delivery.lastError,
        });
        return { step: "native-retry", delayMs: decision.delayMs };
      case "republished":
        delivery.ending = "retry";
        return this.#republish(delivery, decision);
      case "dead-lettered":
        delivery.ending = "dead-letter";
        return this.#deadLetter(delivery, failure.error, decision.blocksKey ? block : ack);
      case "dropped":
        delivery.ending = "dead-letter";
        this.#tell(delivery, "DROPPED", failure.error, "");
        return ack;
    }
  }

  /** Sends it back to where it came from, to be delivered after the delay with the number of the attempt that comes next. */
  async #republish(
    delivery: InFlightDelivery,
    { delayMs, countsAttempt }: { readonly delayMs: number; readonly countsAttempt: boolean },
  ): Promise<NextStep> {
    const { address, clock, driver, onError } = this.#context;
    const { expiresAt } = delivery;
    const message = copyOf(delivery, {
      delayMs,
      // A broker that drops what has expired would drop its failure with it.
      expiresAt: undefined,
      headers: {
        ...delivery.headers,
        ...redriveMark(delivery.markedHeaders),
        [attemptHeader]: String(delivery.attempt + (countsAttempt ? 1 : 0)),
        [firstFailedHeader]: String(delivery.firstFailedAt ?? clock.now()),
        ...(expiresAt === undefined ? {} : { [expiresHeader]: String(expiresAt) }),
      },
    });
    try {
      await this.#context.sender(address).add(message, wireSize(message));
      return ack;
    } catch (cause) {
      onError(normalise(driver, cause));
      return { step: "wait", delayMs, countsAttempt };
    }
  }

  /**
   * Stores it in the dead-letter queue; tries again for as long as the delivery is ours. What is refused
   * for what it is goes there in a reduced form, or is let go of: see `RefusalSubject`.
   */
  async #deadLetter(delivery: InFlightDelivery, error: unknown, stored: NextStep): Promise<NextStep> {
    const { address, deadLetter, clock, signal, driver, onError } = this.#context;
    if (deadLetter === undefined) return ack;
    // Not to vanish by the original's time to live.
    const whole = copyOf(delivery, {
      delayMs: 0,
      expiresAt: undefined,
      headers: { ...delivery.headers, ...failureHeaders(delivery, error, address, clock.now()) },
    });
    let message = whole;
    let isOwnFault = false;
    for (let pauseMs = 500; ; pauseMs = Math.min(30_000, pauseMs * 2)) {
      try {
        await this.#context.sender(deadLetter).add(message, wireSize(message), signal);
        const note = message === whole ? "" : ` Left out: ${message.headers[deadLetterHeaders.omitted]}.`;
        this.#tell(delivery, "DEAD_LETTERED", error, note);
        return stored;
      } catch (cause) {
        if (signal.aborted || delivery.lost) return leave;
        const refusal = normalise(driver, cause);
        const subject = subjectOf(refusal);
        if (message === whole) isOwnFault = subject === "message";
        if (subject !== "destination") {
          const { headers, message: original } = delivery;
          const form = { headers, body: original.body };
          const reduced = reducedForm(
            form,
            message,
            failureHeaders(delivery, error, address, clock.now()),
            refusal,
          );
          if (reduced !== undefined) {
            message = copyOf(delivery, { delayMs: 0, expiresAt: undefined, ...reduced });
            continue;
          }
          if (isOwnFault) {
            this.#tell(delivery, "DROPPED", error, ` "${deadLetter.name}" refuses it: ${refusal.message}`);
            return ack;
          }
        }
        message = whole;
        onError(
          new MessagingError(
            "BROKER_ERROR",
            `A failed message could not be put into "${deadLetter.name}" yet.`,
            {
              remedy:
                "Check that the queue exists and takes messages; until it does the message stays where it is.",
              retryable: true,
              cause: refusal,
              details: { id: delivery.message.id, deadLetterQueue: deadLetter.name },
            },
          ),
        );
      }
      await sleep(clock, pauseMs, signal);
      if (signal.aborted || delivery.lost) return leave;
    }
  }

  /** Nobody loses a message in silence. */
  #tell(delivery: InFlightDelivery, code: "DEAD_LETTERED" | "DROPPED", error: unknown, note: string): void {
    const { address, deadLetter, onWarning } = this.#context;
    const from = sourceText(address);
    const where = code === "DEAD_LETTERED" ? `was put into "${deadLetter?.name}"` : "was dropped";
    onWarning(
      new MessagingError(
        code,
        `A message of ${from} ${where} after attempt ${delivery.attempt}: ${sentence(errorText(error))}${note}`,
        {
          remedy:
            code === "DROPPED" ? "Give it a dead-letter queue to keep it." : remedyOfDeadLettered(address),
          cause: error,
          details: {
            id: delivery.message.id,
            source: address.name,
            group: address.group,
            attempt: delivery.attempt,
            code: codeOf(error),
          },
        },
      ),
    );
  }
}

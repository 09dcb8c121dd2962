import type { SettleResult } from "../api/delivery.ts";
import type { Subscription } from "../api/subscription.ts";
import { errorText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { settledTooLate } from "./ack-batcher.ts";
import type { Attempt, AttemptOwner } from "./attempt.ts";
import type { Failure, FailurePath, NextStep } from "./failure-path.ts";

export interface ManualSettlementContext {
  readonly subscription: Subscription;
  readonly failures: FailurePath;
  readonly onError: (error: MessagingError) => void;
  /** True once the drain time is over: from then on nothing is settled. */
  isCancelled(): boolean;
}

/** Settlements while the handler runs: `ack`, `retry` and `reject` on a delivery, and a time-out. */
export class ManualSettlement implements AttemptOwner {
  readonly #context: ManualSettlementContext;

  constructor(context: ManualSettlementContext) {
    this.#context = context;
  }

  get subscription(): Subscription {
    return this.#context.subscription;
  }

  async ackNow(attempt: Attempt): Promise<SettleResult> {
    if (this.#context.isCancelled()) return "lost";
    if (!attempt.claim("ack")) return "already-settled";
    return this.#take(attempt, { step: "ack" });
  }

  async retryNow(attempt: Attempt, delayMs: number | undefined, reason: unknown): Promise<SettleResult> {
    if (delayMs !== undefined) this.#context.failures.checkDelay(delayMs);
    if (this.#context.isCancelled()) return "lost";
    if (!attempt.claim("retry")) return "already-settled";
    const error = reason ?? new MessagingError("HANDLER_FAILED", "The handler asked for a retry.");
    return this.#fail(attempt, { verdict: "retry", error, ...(delayMs === undefined ? {} : { delayMs }) });
  }

  async rejectNow(attempt: Attempt, reason: unknown): Promise<SettleResult> {
    if (this.#context.isCancelled()) return "lost";
    if (!attempt.claim("reject")) return "already-settled";
    const error = isError(reason) ? reason : rejection(reason);
    return this.#fail(attempt, { verdict: "reject", error });
  }

  readonly refused = (error: unknown): void => {
    this.#context.onError(
      MessagingError.isInstance(error)
        ? error
        : new MessagingError("HANDLER_FAILED", `A settlement was refused: ${errorText(error)}`, {
            remedy: "See its cause; what becomes of the message is what its handler says otherwise.",
            cause: error,
          }),
    );
  };

  /** A failure that is known before the handler has ended. */
  async failNow(attempt: Attempt, failure: Failure): Promise<SettleResult> {
    return attempt.claim("retry") ? this.#fail(attempt, failure) : "already-settled";
  }

  /** Of what is claimed already: the functions of the application that are asked may settle it too. */
  async #fail(attempt: Attempt, failure: Failure): Promise<SettleResult> {
    const { failures } = this.#context;
    const decision = failures.decide(attempt.inFlight, failure);
    const gaveUp = decision.becomes === "dead-lettered" || decision.becomes === "dropped";
    attempt.endsWith(gaveUp ? "reject" : "retry");
    const step = failures.carryOut(attempt.inFlight, failure, decision);
    if (!(step instanceof Promise)) return this.#take(attempt, step);
    attempt.outcome.storing = step;
    return this.#take(attempt, await step);
  }

  #take(attempt: Attempt, step: NextStep): SettleResult | Promise<SettleResult> {
    const { inFlight, outcome } = attempt;
    outcome.onSettled?.();
    if (step.step === "leave" || this.#context.isCancelled()) return "lost";
    // The next attempt begins its wait when this handler has ended, and so does its key.
    if (step.step === "wait") {
      outcome.staysAfter = step;
      return "settled";
    }
    // Taken back while its copy was being stored, whether its handler has ended meanwhile or not.
    if (inFlight.state === "orphaned" || inFlight.state === "ended") {
      this.#context.onError(settledTooLate(inFlight));
      return "lost";
    }
    if (step.step === "block") {
      outcome.staysAfter = step;
      return "settled";
    }
    return new Promise((resolve) => {
      // The handler has ended meanwhile: whoever waits for the store goes on from here.
      if (inFlight.state === "settling") outcome.conclude = { step, done: resolve };
      else {
        inFlight.move("settle");
        const { acks } = inFlight.session;
        if (step.step === "ack") acks.ack(inFlight, resolve);
        else acks.retry(inFlight, step.delayMs, resolve);
      }
    });
  }
}

function isError(reason: unknown): boolean {
  try {
    return reason instanceof Error;
  } catch {
    return false;
  }
}

function rejection(reason: unknown): MessagingError {
  return new MessagingError(
    "REJECTED",
    reason === undefined ? "The handler rejected the message." : errorText(reason),
    { cause: reason },
  );
}

import type { SettleResult } from "../api/delivery.ts";
import type { Subscription } from "../api/subscription.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Attempt, AttemptOwner } from "./attempt.ts";
import type { Failures } from "./failures.ts";
import type { ConsumeSettings } from "./settings.ts";

export interface ManualSettlementContext {
  readonly subscription: Subscription;
  readonly settings: ConsumeSettings;
  readonly failures: Failures;
  /** True once the drain deadline is over: from then on nothing is settled. */
  isCancelled(): boolean;
}

/** `ack`, `retry` and `reject` as the application calls them on a delivery. */
export class ManualSettlement implements AttemptOwner {
  readonly #context: ManualSettlementContext;

  constructor(context: ManualSettlementContext) {
    this.#context = context;
  }

  get subscription(): Subscription {
    return this.#context.subscription;
  }

  ackNow(attempt: Attempt): Promise<SettleResult> {
    if (this.#context.isCancelled()) return Promise.resolve("lost");
    if (!attempt.claim("ack")) return Promise.resolve("already-settled");
    return this.#settle(attempt, (done) => attempt.held.session.acks.ack(attempt.held, done));
  }

  async retryNow(attempt: Attempt, delayMs: number | undefined, reason: unknown): Promise<SettleResult> {
    if (delayMs !== undefined && !(delayMs >= 0)) {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `\`delayMs\` takes a number of at least 0, not ${String(delayMs)}.`,
      );
    }
    if (this.#context.isCancelled()) return "lost";
    const { held } = attempt;
    const { settings, failures } = this.#context;
    if (attempt.settlement === undefined && held.attempt >= settings.retry.maxAttempts) {
      return this.rejectNow(attempt, reason ?? "the last attempt asked for a retry");
    }
    if (!attempt.claim("retry")) return "already-settled";
    failures.noteFailure(held);
    held.ending = "retry";
    const waitMs = delayMs ?? settings.retry.delayAfter(held.attempt, reason);
    const way = failures.way(held, waitMs);
    if (way === "native") {
      return this.#settle(attempt, (done) => held.session.acks.retry(held, waitMs, done));
    }
    if (way === "republish" && (await failures.republish(held, waitMs))) {
      return this.#settle(attempt, (done) => held.session.acks.ack(held, done));
    }
    // In place: the next attempt begins its wait when this handler has ended.
    attempt.retryAfterMs = waitMs;
    attempt.onSettled?.();
    return "settled";
  }

  async rejectNow(attempt: Attempt, reason: unknown): Promise<SettleResult> {
    if (this.#context.isCancelled()) return "lost";
    if (!attempt.claim("reject")) return "already-settled";
    const { held } = attempt;
    const { failures } = this.#context;
    failures.noteFailure(held);
    held.ending = "dead-letter";
    const stored = await failures.deadLetter(held, reason instanceof Error ? reason : rejection(reason));
    if (stored && !this.#context.isCancelled()) {
      return this.#settle(attempt, (done) => held.session.acks.ack(held, done));
    }
    attempt.onSettled?.();
    return "lost";
  }

  #settle(attempt: Attempt, settle: (done: (result: SettleResult) => void) => void): Promise<SettleResult> {
    return new Promise((resolve) => {
      settle(resolve);
      attempt.onSettled?.();
    });
  }
}

function rejection(reason: unknown): MessagingError {
  return new MessagingError(
    "REJECTED",
    reason === undefined ? "The handler rejected the message." : String(reason),
  );
}

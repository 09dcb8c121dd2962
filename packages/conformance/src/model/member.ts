import { type Delivery, PostponedError, type SettleResult, type Subscription } from "@waybill/core";
import type { Numbered } from "./contracts.ts";
import type { Model } from "./model.ts";
import type { ModelClock } from "./model-time.ts";
import { oddError } from "./odd-errors.ts";
import type { Outcome, ProgramSettings } from "./program.ts";
import { place, type Receiver } from "./receiver.ts";
import type { Reception, Run } from "./reception.ts";

/** What all handlers of a program share. */
export interface HandlerContext {
  readonly model: Model;
  readonly settings: ProgramSettings;
  readonly clock: ModelClock;
  /** From now on every handler returns at once, and those that hang return. */
  readonly healed: AbortSignal;
  /** Settlements made by the application stand for one copy each. */
  readonly copiesAreMade: () => boolean;
  readonly log: (what: string) => void;
}

const done: Outcome = { is: "ok", afterMs: 0 };

/** One subscription of one client, with the handler that plays out what each message says. */
export class Member {
  readonly receiver: Receiver;
  readonly #context: HandlerContext;
  /** The process it runs in has not died. */
  readonly #isAlive: () => boolean;
  subscription: Subscription | undefined;
  isPaused = false;
  isClosing = false;
  concurrency: number;
  readonly prefetch: number | undefined;
  running = 0;

  constructor(
    receiver: Receiver,
    options: { readonly concurrency: number; readonly prefetch: number | undefined },
    context: HandlerContext,
    isAlive: () => boolean,
  ) {
    this.receiver = receiver;
    this.concurrency = options.concurrency;
    this.prefetch = options.prefetch;
    this.#context = context;
    this.#isAlive = isAlive;
  }

  /** Synchronous where the outcome is, so that both ways of core are taken. */
  readonly handle = (value: Numbered, delivery: Delivery<Numbered>): unknown => {
    const { model, healed, log } = this.#context;
    if (!this.#isAlive()) return new Promise(() => {});
    const { signal } = delivery;
    let ended = false;
    const run: Run = {
      isLive: () => !ended && this.#isAlive() && !signal.aborted,
      hasSettled: () => delivery.settlement !== undefined,
      owner: this,
    };
    log(`${place(this.receiver)} starts #${value.n} as attempt ${delivery.attempt}`);
    const reception = model.starts(this.receiver, value.n, delivery.attempt, run);
    if (reception === undefined) return undefined;
    if (signal.aborted)
      model.violated("G3", `${place(this.receiver)} got #${value.n} after its signal had fired`);
    this.running++;
    if (this.running > this.concurrency)
      model.violated("G7", `${this.running} handlers ran at a concurrency of ${this.concurrency}`);
    const outcome = healed.aborted ? done : (model.sent[value.n]?.outcomes[reception.calls - 1] ?? done);
    const end = (failure?: { readonly error: unknown }) => {
      const isLive = run.isLive();
      ended = true;
      this.running--;
      reception.running.delete(run);
      if (!isLive) reception.cutOff++;
      log(
        `${place(this.receiver)} ends #${value.n} by ${outcome.is}${failure === undefined ? "" : ", throwing"}${isLive ? "" : ", too late"}`,
      );
      return isLive;
    };
    const returns = () => {
      if (end() && delivery.settlement === undefined) this.#handled(reception);
    };
    const throws = (error: unknown, postponedMs?: number) => {
      const isLive = end({ error });
      if (delivery.settlement === undefined && isLive)
        this.#failed(reception, delivery.attempt, outcome, postponedMs);
      throw error;
    };
    switch (outcome.is) {
      case "ok":
        return outcome.afterMs === 0 ? returns() : this.#sleep(outcome.afterMs).then(returns);
      case "throw": {
        const error = oddError(outcome.what);
        return outcome.afterMs === 0 ? throws(error) : this.#sleep(outcome.afterMs).then(() => throws(error));
      }
      case "postpone":
        return throws(new PostponedError("not now", { delayMs: outcome.delayMs }), outcome.delayMs);
      case "hang":
        return this.#hang(signal, outcome.deaf).then((reason) =>
          reason === undefined ? returns() : throws(reason),
        );
      default:
        return this.#settles(outcome, reception, delivery, run).then(async () => {
          if (outcome.next === "hang") await this.#hang(signal, false);
          if (outcome.next === "throw") throws(new Error("after its settlement"));
          returns();
        });
    }
  };

  #handled(reception: Reception): void {
    reception.handled++;
    reception.mayBeAcked++;
  }

  #failed(reception: Reception, attempt: number, outcome: Outcome, postponedMs: number | undefined): void {
    const { settings, clock } = this.#context;
    if (postponedMs !== undefined) reception.postponed++;
    if (outcome.is === "throw" && outcome.what === "not retryable") reception.mayBeFinal = true;
    reception.notBefore = clock.monotonic() + (postponedMs ?? settings.backoffMs * 2 ** (attempt - 1));
  }

  async #settles(
    outcome: Outcome & { readonly is: "ack" | "retry" | "reject" },
    reception: Reception,
    delivery: Delivery<Numbered>,
    run: Run,
  ): Promise<void> {
    const { settings, clock, model } = this.#context;
    const isLive = run.isLive();
    const settled = this.#settlement(outcome, delivery).then((result) =>
      this.#told(outcome.is, reception, result),
    );
    settled.catch((error) => model.violated("G3", `a settlement was rejected: ${String(error)}`));
    if (isLive && delivery.settlement === outcome.is) {
      if (outcome.is === "ack") this.#handled(reception);
      else if (outcome.is === "reject") reception.mayBeFinal = true;
      else
        reception.notBefore =
          clock.monotonic() + (outcome.delayMs ?? settings.backoffMs * 2 ** (delivery.attempt - 1));
    }
    // What the application asked for at its last attempt is one for good.
    if (outcome.is === "reject" || delivery.settlement === "reject") reception.mayBeFinal = true;
    if (outcome.awaited) await settled;
  }

  #settlement(
    outcome: Outcome & { readonly is: "ack" | "retry" | "reject" },
    delivery: Delivery,
  ): Promise<SettleResult> {
    if (outcome.is === "ack") return delivery.ack();
    if (outcome.is === "reject") return delivery.reject("not wanted");
    return delivery.retry(outcome.delayMs === undefined ? {} : { delayMs: outcome.delayMs });
  }

  #told(is: "ack" | "retry" | "reject", reception: Reception, result: SettleResult): void {
    this.#context.log(`${place(this.receiver)} is told of its ${is}: ${result}`);
    if (is === "ack" && result === "settled" && !this.#context.copiesAreMade())
      reception.settledForGood = true;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#context.clock.setTimeout(resolve, ms));
  }

  /** Resolves with the reason of the signal, or with nothing when all handlers are to return. */
  #hang(signal: AbortSignal, deaf: boolean): Promise<unknown> {
    const { healed } = this.#context;
    return new Promise((resolve) => {
      if (healed.aborted) return resolve(undefined);
      healed.addEventListener("abort", () => resolve(undefined), { once: true });
      if (deaf) return;
      if (signal.aborted) return resolve(signal.reason);
      signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
    });
  }
}

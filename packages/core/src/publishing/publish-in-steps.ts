import type { OutgoingMessage } from "../api/middleware.ts";
import type { Receipt } from "../api/publisher.ts";
import { aborted, closed } from "../errors/ended.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { inContextWith } from "../runtime/async-context.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { promised } from "../runtime/thenable.ts";
import type { Written } from "./message-writer.ts";
import type { PendingBudget } from "./pending-budget.ts";
import type { Entering, PendingPublish } from "./pending-publish.ts";
import { PublishCall } from "./publish-call.ts";
import type { PublishUnderWay, StepsUnderWay } from "./steps-under-way.ts";
import type { Turn } from "./turn-chains.ts";

/** What the steps of one publish are, and where they lead. */
export interface Steps {
  /** The portable name of the destination. */
  readonly name: string;
  /** In bytes, as the limits count them. */
  readonly size: number;
  readonly signal: AbortSignal | undefined;
  readonly middleware: ((message: OutgoingMessage, next: () => Promise<Receipt>) => unknown) | undefined;
  readonly outgoing: OutgoingMessage | undefined;
  /** A place after all that was published before, of the same key; at once where there is none. */
  enterTurn(): Turn;
  /** Everything between the middleware and leaving. May throw, or take its time. */
  finish(): Written | Promise<Written>;
  /** Lets it leave; answers at once. */
  leave(entering: Entering): PendingPublish | undefined;
  /** It has failed, or an attempt of the middleware has. */
  failed(error: MessagingError): void;
}

export interface StepsContext {
  readonly clock: Clock;
  readonly budget: PendingBudget;
  readonly timeoutMs: number;
  readonly underWay: StepsUnderWay;
}

/**
 * One publish with steps that may take their time: middleware, an asynchronous schema.
 * Steps of several messages run beside each other; what they lead to leaves in the order in
 * which it was published, per key. Whatever a step does, the publish ends: with its receipt, an
 * error, its signal or its time limit, and then it holds up nobody any more.
 */
export class PublishInSteps implements PublishUnderWay {
  readonly receipt: Promise<Receipt>;
  deadline: number;
  readonly #steps: Steps;
  readonly #context: StepsContext;
  #resolve!: (receipt: Receipt) => void;
  #reject!: (error: MessagingError) => void;
  readonly #turns: Turn[] = [];
  #firstTurn: Turn | undefined;
  #leaving = new Set<PendingPublish>();
  /** Of the latest call of `next`. */
  #outcome: { readonly promise: Promise<Receipt>; isSettled: boolean } | undefined;
  /** Attempts that have left. */
  #outside = 0;
  /** What it has of the bound on what is pending, until it is over and nothing of it is outside. */
  #room: number;
  #over: MessagingError | "stored" | undefined;
  #stopListening: (() => void) | undefined;
  #call: PublishCall | undefined;

  /** Takes its turn and its room, and begins. Throws when there is no room. */
  constructor(steps: Steps, context: StepsContext) {
    const refusal = context.budget.take(steps.size);
    if (refusal !== undefined) throw refusal;
    this.#room = steps.size;
    this.#steps = steps;
    this.#context = context;
    this.deadline = monotonicNow(context.clock) + context.timeoutMs;
    this.receipt = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#firstTurn = this.#enterTurn();
    context.underWay.add(this);
    this.#listen();
    this.#run();
  }

  expire(): void {
    const { name } = this.#steps;
    const within = `within ${this.#context.timeoutMs} ms`;
    const maybeStored =
      "It may have been stored all the same. Publish it again with the same id if it must arrive.";
    let message = `"${name}" did not confirm a message ${within}.`;
    let remedy = maybeStored;
    if (this.#outside === 0 && this.#outcome?.isSettled === true) {
      message = `A publish middleware for "${name}" did not end ${within}, after the broker had answered.`;
    } else if (this.#outside === 0) {
      message = `A step before "${name}", a publish middleware or the schema, did not end ${within}.`;
      remedy = "Nothing was sent. Give the step a time limit of its own.";
    }
    this.fail(new MessagingError("TIMEOUT", message, { remedy }));
  }

  close(): void {
    this.fail(closed("client"));
  }

  fail(error: MessagingError): void {
    if (this.#over !== undefined) return;
    // Those behind it learn of it before it lets them go.
    this.#steps.failed(error);
    this.#end(error);
    for (const entry of this.#leaving) entry.fail(error);
    this.#reject(error);
  }

  #succeed(receipt: Receipt): void {
    if (this.#over !== undefined) return;
    this.#end("stored");
    this.#resolve(receipt);
  }

  #end(how: MessagingError | "stored"): void {
    this.#over = how;
    if (this.#call !== undefined) this.#call.isOver = true;
    this.#stopListening?.();
    this.#context.underWay.delete(this);
    if (this.#outside === 0) this.#context.budget.give(this.#room);
    for (const turn of this.#turns) turn.release();
  }

  #listen(): void {
    const { signal } = this.#steps;
    if (signal === undefined) return;
    const onAbort = () => this.fail(aborted(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", onAbort);
  }

  // ── Steps ───────────────────────────────────────────────────────────────────

  #run(): void {
    const { middleware, outgoing } = this.#steps;
    let result: unknown;
    try {
      if (middleware === undefined || outgoing === undefined) result = this.#next();
      else {
        this.#call = new PublishCall(this.#context.underWay);
        result = inContextWith(this.#call, () => middleware(outgoing, () => this.#next()));
      }
    } catch (thrown) {
      return this.fail(this.#errorOf(thrown));
    }
    promised(result).then(
      (value) => this.#returned(value),
      (thrown) => this.fail(this.#errorOf(thrown)),
    );
  }

  /** A middleware that does not await `next` is not waited for less: a receipt means that the message is stored. */
  #returned(value: unknown): void {
    const outcome = this.#outcome;
    if (isReceipt(value) && outcome?.isSettled !== false) return this.#succeed(value);
    if (outcome === undefined) {
      return this.fail(
        new MessagingError(
          "HANDLER_FAILED",
          `A publish middleware for "${this.#steps.name}" neither called \`next\` nor returned a receipt.`,
          { remedy: "Return what `next()` returns." },
        ),
      );
    }
    outcome.promise.then(
      (receipt) => this.#succeed(receipt),
      (error) => this.fail(error),
    );
  }

  #errorOf(thrown: unknown): MessagingError {
    if (MessagingError.isInstance(thrown)) return thrown;
    return new MessagingError(
      "HANDLER_FAILED",
      `A publish middleware for "${this.#steps.name}" threw: ${thrownText(thrown)}.`,
      { remedy: "Fix the middleware. Of a message it may change the headers only.", cause: thrown },
    );
  }

  #next(): Promise<Receipt> {
    const promise = new Promise<Receipt>((resolve, reject) => this.#attempt(resolve, reject));
    const outcome = { promise, isSettled: false };
    const onSettled = () => {
      outcome.isSettled = true;
    };
    // Also so that a failure which the middleware does not look at is no unhandled one.
    promise.then(onSettled, onSettled);
    this.#outcome = outcome;
    return promise;
  }

  #attempt(resolve: (receipt: Receipt) => void, reject: (error: MessagingError) => void): void {
    if (this.#over !== undefined) return reject(this.#lateError());
    // A middleware that calls `next` once more, after a failure, goes behind those who have come meanwhile.
    const turn = this.#firstTurn ?? this.#enterTurn();
    this.#firstTurn = undefined;
    const fail = (cause: unknown) => {
      const error = this.#over === undefined ? this.#errorOf(cause) : this.#lateError();
      if (this.#over === undefined) this.#steps.failed(error);
      turn.release();
      reject(error);
    };
    const ready = (finished: Written) => {
      if (this.#over !== undefined) return fail(undefined);
      let hasWaited = false;
      hasWaited = !turn.take(() => {
        if (hasWaited) this.#extend();
        this.#leave(finished, resolve, reject);
      });
    };
    let finished: Written | Promise<Written>;
    try {
      finished = this.#steps.finish();
    } catch (cause) {
      return fail(cause);
    }
    if (finished instanceof Promise) finished.then(ready, fail);
    else ready(finished);
  }

  #leave(
    { message, size }: Written,
    resolve: (receipt: Receipt) => void,
    reject: (error: MessagingError) => void,
  ): void {
    const { budget } = this.#context;
    this.#outside++;
    // It was let in with what it had then: what a middleware has added is counted, and not refused.
    budget.grow(size - this.#room);
    this.#room = size;
    let entry: PendingPublish | undefined;
    const back = () => {
      if (--this.#outside === 0 && this.#over !== undefined) budget.give(this.#room);
      if (entry !== undefined) this.#leaving.delete(entry);
    };
    entry = this.#steps.leave({
      message,
      size,
      isCounted: true,
      deadline: this.deadline,
      resolve: (receipt) => {
        back();
        resolve(receipt);
      },
      reject: (error) => {
        back();
        this.#steps.failed(error);
        reject(error);
      },
    });
    if (entry !== undefined) this.#leaving.add(entry);
  }

  /** The time that others took with their steps is not counted against it. */
  #extend(): void {
    const { underWay, clock, timeoutMs } = this.#context;
    this.deadline = monotonicNow(clock) + timeoutMs;
    underWay.add(this);
  }

  #enterTurn(): Turn {
    const turn = this.#steps.enterTurn();
    this.#turns.push(turn);
    return turn;
  }

  #lateError(): MessagingError {
    if (typeof this.#over === "object") return this.#over;
    return new MessagingError("INVALID_ARGUMENT", "`next` was called after the publish had ended.", {
      remedy: "Await `next()` in the middleware.",
    });
  }
}

function isReceipt(value: unknown): value is Receipt {
  return typeof value === "object" && value !== null && typeof (value as Partial<Receipt>).id === "string";
}

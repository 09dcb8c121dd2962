import { compose, type HandleMiddleware, type HandlerContext } from "../api/middleware.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import { within } from "../runtime/within.ts";
import type { Address } from "../spi/address.ts";
import type { Attempt } from "./attempt.ts";
import { failureOf, waitedTooLong } from "./failure-path.ts";
import type { ManualSettlement } from "./manual-settlement.ts";
import { NextCall } from "./next-call.ts";

export interface MiddlewareCallContext {
  /** The first is outermost. */
  readonly middleware: readonly HandleMiddleware[];
  readonly address: Address;
  readonly handler: (value: unknown, attempt: Attempt) => unknown;
  readonly settles: boolean;
  readonly clock: Clock;
  readonly onError: (error: MessagingError) => void;
}

/** How long a handler whose attempt was given up may take to heed its signal, in milliseconds, before it is told of. */
const heedMs = 1_000;

/**
 * Calls a handler through its middleware. The turn is not over before the handler has ended,
 * whatever a middleware does: what one gave up, or forgot to wait for, must not run beside the next.
 */
export class MiddlewareCall {
  readonly #context: MiddlewareCallContext;
  readonly #manual: ManualSettlement;
  readonly #chain: HandleMiddleware | undefined;
  #toldOfForgottenAwait = false;
  #toldOfLateNext = false;
  #toldOfWait = false;

  constructor(context: MiddlewareCallContext, manual: ManualSettlement) {
    this.#context = context;
    this.#manual = manual;
    this.#chain = compose(context.middleware.map((layer) => this.#heeding(layer)));
  }

  /** There is no middleware. */
  get isEmpty(): boolean {
    return this.#chain === undefined;
  }

  async run(attempt: Attempt, context: HandlerContext): Promise<void> {
    const { handler } = this.#context;
    const handlers: Promise<void>[] = [];
    let running = 0;
    let isOver = false;
    const next = (): Promise<void> => {
      if (isOver)
        return attempt.isCancelled ? heardRejection(attempt.signal.reason) : this.#calledTooLate(attempt);
      running++;
      const call = (async () => {
        // A message that was taken back while a middleware thought is another handler's by now.
        attempt.begins();
        await handler(attempt.value, attempt);
      })();
      handlers.push(call);
      const over = () => void running--;
      call.then(over, over);
      return call;
    };
    try {
      await this.#chain?.(attempt, next, context);
    } catch (error) {
      if (!attempt.call.handlerCalled) this.#neverCalled(attempt, error);
      if (running === 0) throw error;
      return this.#gaveUp(attempt, error, handlers);
    } finally {
      isOver = true;
    }
    if (running === 0) return;
    // It was given up and what is to be said of it has been said, as by a responder.
    if (attempt.isCancelled) return this.#ended(attempt, handlers);
    this.#tellOfForgottenAwait();
    await Promise.all(handlers);
  }

  /** What a layer has called and does not look at counts as if it had waited for it. */
  #heeding(layer: HandleMiddleware): HandleMiddleware {
    return async (delivery, next, context) => {
      const calls: NextCall[] = [];
      await layer(
        delivery,
        () => {
          const call = new NextCall(next);
          calls.push(call);
          return call;
        },
        context,
      );
      for (const call of calls) {
        if (call.isHeeded || call.hasSucceeded) continue;
        this.#tellOfForgottenAwait();
        await call.ended;
      }
    };
  }

  /** A middleware, such as `timeout`, ended before the handler: what it says counts at once. */
  async #gaveUp(attempt: Attempt, error: unknown, handlers: readonly Promise<void>[]): Promise<void> {
    attempt.cancel(error);
    if (attempt.settlement === undefined && this.#context.settles)
      void this.#manual.failNow(attempt, failureOf(error, true));
    await this.#ended(attempt, handlers);
  }

  /** Waits for the handlers of an attempt that was given up. */
  async #ended(attempt: Attempt, handlers: readonly Promise<void>[]): Promise<void> {
    const { clock, address, onError } = this.#context;
    const ended = Promise.allSettled(handlers);
    if (await within(clock, heedMs, ended)) return;
    onError(
      new MessagingError(
        "HANDLER_FAILED",
        `A handler of "${address.name}" still runs after its attempt was given up (message ${attempt.id}).`,
        {
          remedy: "Let it heed its `signal`: until it ends it takes one of the places of `concurrency`.",
          cause: attempt.signal.reason,
        },
      ),
    );
    await ended;
  }

  /** What still waits inside of the one that gave up is not to call its handler any more. */
  #neverCalled(attempt: Attempt, error: unknown): void {
    attempt.cancel(error);
    if (this.#toldOfWait || !waitedTooLong(error)) return;
    this.#toldOfWait = true;
    const { address, onError } = this.#context;
    onError(
      new MessagingError(
        "HANDLER_TIMEOUT",
        `A middleware of "${address.name}" waited until the time-out around it, so that no handler was called (message ${attempt.id}). This is told once.`,
        {
          remedy: "Look at what it waits for: such messages are put off, and use no attempt.",
          cause: error,
        },
      ),
    );
  }

  /** What became of the message is decided, and its place may be another's by now. */
  #calledTooLate({ id }: Attempt): Promise<never> {
    const { address, onError } = this.#context;
    const error = new MessagingError(
      "HANDLER_FAILED",
      `A middleware of "${address.name}" called \`next\` when its turn was over, so that no handler was called (message ${id}).`,
      {
        remedy: "Call `next()` and await it before you return; a message that was not handled is acked then.",
      },
    );
    if (!this.#toldOfLateNext) onError(error);
    this.#toldOfLateNext = true;
    return heardRejection(error);
  }

  #tellOfForgottenAwait(): void {
    if (this.#toldOfForgottenAwait) return;
    this.#toldOfForgottenAwait = true;
    const { address, onError } = this.#context;
    onError(
      new MessagingError(
        "HANDLER_FAILED",
        `A middleware of "${address.name}" returned before the handler had ended.`,
        { remedy: "Await `next()`, or return it." },
      ),
    );
  }
}

/** Whoever comes too late rarely waits for it. */
function heardRejection(error: unknown): Promise<never> {
  const rejection = Promise.reject(error);
  rejection.catch(() => {});
  return rejection;
}

import { MessagingError } from "../errors/messaging-error.ts";
import type { Reply } from "../publishing/reply.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import { within } from "../runtime/within.ts";
import { failureReply } from "./failure-reply.ts";

export interface ReplySenderContext {
  readonly clock: Clock;
  send(reply: Reply): Promise<unknown>;
}

const shortestPauseMs = 20;
const longestPauseMs = 1_000;

/** What one try may take however little time is left, in milliseconds: whoever asked may have another clock. */
const leastMs = 1_000;

/** No handler's place is kept longer for a reply, whatever a request says of its time, in milliseconds. */
const mostMs = 60 * 60 * 1_000;

/**
 * Sends what a responder answers. The handler has done its work by then, so the reply alone is tried
 * again, until the time that its requester waits is over or the responder has closed.
 */
export class ReplySender {
  readonly #queue: string;
  readonly #context: ReplySenderContext;
  readonly #closed = new AbortController();

  constructor(queue: string, context: ReplySenderContext) {
    this.#queue = queue;
    this.#context = context;
  }

  /** Ends what is still tried, and leaves no timer behind. */
  close(): void {
    this.#closed.abort();
  }

  /**
   * Tries until so many milliseconds of steady time. Resolves with why the reply was given up, or with nothing
   * when it is on its way, or whoever asked is gone. Never rejects.
   */
  async send(reply: Reply, until: number): Promise<MessagingError | undefined> {
    const { clock, send } = this.#context;
    const { signal } = this.#closed;
    const end = Math.min(until, monotonicNow(clock) + mostMs);
    let form = reply;
    for (let pauseMs = shortestPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      let cause: unknown;
      const sending = (async () => send(form))();
      const leftMs = Math.max(leastMs, end - monotonicNow(clock));
      const isOver = await within(clock, leftMs, sending, {
        signal,
        onFailure: (error) => {
          cause = error;
        },
      });
      if (isOver && cause === undefined) return undefined;
      const error = MessagingError.isInstance(cause) ? cause : undefined;
      if (error?.code === "NOT_FOUND") return undefined;
      if (error?.code === "MESSAGE_TOO_LARGE" && form === reply) {
        const headers = { ...reply.headers, ...failureReply(error, true) };
        form = { ...reply, body: new Uint8Array(), headers };
        continue;
      }
      const isLast = error?.retryable !== true || monotonicNow(clock) + pauseMs >= end;
      if (!isLast) await sleep(clock, pauseMs, signal);
      if (isLast || signal.aborted) return this.#notSent(error, cause);
    }
  }

  #notSent(error: MessagingError | undefined, cause: unknown): MessagingError {
    return new MessagingError(
      error?.code ?? "REQUEST_TIMEOUT",
      `The reply to a request to "${this.#queue}" could not be sent in its time.`,
      {
        remedy: error?.remedy ?? "Check that the broker takes replies, or raise the request's `timeoutMs`.",
        ...(cause === undefined ? {} : { cause }),
        details: { queue: this.#queue },
      },
    );
  }
}

import { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";

/** How long a requester that still waits has to ask again before its request counts as dropped, in milliseconds. */
export const graceMs = 5_000;
/** So many are waited for; those beyond are told of at once. */
const mostWaiting = 1_000;

/** Nor is one waited for whose name is longer, in characters: a sender chooses it. */
const longestName = 1_000;

/** Tells once of each request that was dropped, unless it is asked again: then only the clocks differed. */
export class Refusals {
  readonly #queue: string;
  readonly #clock: Clock;
  readonly #warn: (error: MessagingError) => void;
  readonly #waiting = new Map<string, unknown>();
  #isClosed = false;

  constructor(queue: string, clock: Clock, warn: (error: MessagingError) => void) {
    this.#queue = queue;
    this.#clock = clock;
    this.#warn = warn;
  }

  refused(correlationId: string): void {
    const isRemembered = this.#waiting.size < mostWaiting && correlationId.length <= longestName;
    if (this.#isClosed || !isRemembered) return this.#tell();
    this.#clock.clearTimeout(this.#waiting.get(correlationId));
    const timer = this.#clock.setTimeout(() => {
      this.#waiting.delete(correlationId);
      this.#tell();
    }, graceMs);
    this.#waiting.set(correlationId, timer);
  }

  askedAgain(correlationId: string): void {
    const timer = this.#waiting.get(correlationId);
    if (timer === undefined) return;
    this.#clock.clearTimeout(timer);
    this.#waiting.delete(correlationId);
  }

  /** Tells of those that are waited for, and leaves no timer behind. */
  close(): void {
    this.#isClosed = true;
    for (const [correlationId, timer] of this.#waiting) {
      this.#clock.clearTimeout(timer);
      this.#waiting.delete(correlationId);
      this.#tell();
    }
  }

  #tell(): void {
    this.#warn(
      new MessagingError(
        "REQUEST_TIMEOUT",
        `A request to "${this.#queue}" was dropped: the time that its requester waits was over before it was handled.`,
        {
          remedy: "Run more responders, or raise the request's `timeoutMs`.",
          details: { queue: this.#queue },
        },
      ),
    );
  }
}
